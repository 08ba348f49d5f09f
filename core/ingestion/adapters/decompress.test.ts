import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { concatBytes, toUtf8 } from '#core/kernel/index.ts';
import { failure, memoryFile, readInput } from '../testing/inputs.ts';

const rows = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `${from + i},t${i}\n`).join('');
const head = toUtf8(`n,t\n${rows(0, 1000)}`);
const tail = toUtf8(rows(1000, 2000));
/** A frame that decompressors skip (RFC 8878 §3.1.2), `size` bytes long. */
const skippable = (size: number) =>
  concatBytes([Uint8Array.of(0x5a, 0x2a, 0x4d, 0x18, size & 255, size >> 8, 0, 0), new Uint8Array(size)]);

const withChecksum = (bytes: Uint8Array) => zstdCompressSync(bytes, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });

const sequences: [string, Uint8Array, string][] = [
  ['gzip', gzipSync(concatBytes([head, tail])), 'csv+gzip'],
  ['gzip in two members', concatBytes([gzipSync(head), gzipSync(tail)]), 'csv+gzip'],
  ['zstd', zstdCompressSync(concatBytes([head, tail])), 'csv+zstd'],
  ['zstd in two frames', concatBytes([withChecksum(head), zstdCompressSync(tail)]), 'csv+zstd'],
  [
    'zstd with frames to skip',
    concatBytes([
      zstdCompressSync(head),
      skippable(0),
      skippable(3000),
      zstdCompressSync(new Uint8Array(0)),
      zstdCompressSync(tail),
      skippable(5),
    ]),
    'csv+zstd',
  ],
  [
    'zstd with run-length blocks',
    zstdCompressSync(toUtf8(`n,t\n1,${'a'.repeat(400_000)}\n${rows(1, 2000)}`)),
    'csv+zstd',
  ],
];

describe('compressed text', () => {
  for (const [name, bytes, format] of sequences) {
    test.each([1, 7, 65_536])(`${name} in chunks of %i bytes`, async (chunkBytes) => {
      const result = await readInput(memoryFile(bytes, { chunkBytes }));
      expect(result.format).toBe(format);
      expect(result.rows).toHaveLength(2000);
      expect(result.rows.at(-1)![0]).toBe('1999');
    });
  }

  test('the hash is that of the raw bytes', async () => {
    const plain = await readInput(memoryFile(head));
    const packed = await readInput(memoryFile(gzipSync(head)));
    expect(packed.contentHash).not.toBe(plain.contentHash);
    expect(packed.contentHash).toMatch(/^[0-9a-f]{64}$/);
  });

  test.each(['gzip', 'zstd'])('a %s that ends early, anywhere', async (kind) => {
    const bytes = kind === 'gzip' ? gzipSync(head) : zstdCompressSync(head);
    for (const length of [5, 10, 17, 100, bytes.length >> 1, bytes.length - 8, bytes.length - 1]) {
      const message = await failure(readInput(memoryFile(bytes.subarray(0, length))), 'FILE_TRUNCATED');
      expect(message).toContain('in the middle of its compressed data');
    }
  });

  test.each([
    ['gzip', concatBytes([gzipSync(head), toUtf8('garbage')])],
    ['zstd', concatBytes([zstdCompressSync(head), toUtf8('garbage')])],
    ['damaged gzip', gzipSync(head).fill(0x55, 300, 400)],
    ['damaged zstd with a checksum', withChecksum(head).fill(0x55, 300, 400)],
    ['gzip header alone', Uint8Array.of(0x1f, 0x8b, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9)],
  ])('%s with bytes that do not belong there', async (_name, bytes) => {
    await failure(readInput(memoryFile(bytes)), 'FILE_FORMAT');
  });

  test.each([
    ['gzip', gzipSync(new Uint8Array(0))],
    ['zstd', zstdCompressSync(new Uint8Array(0))],
  ])('%s of nothing is empty', async (_name, bytes) => {
    await failure(readInput(memoryFile(bytes)), 'FILE_EMPTY');
  });

  test('compressed twice', async () => {
    expect(await failure(readInput(memoryFile(gzipSync(zstdCompressSync(head)))), 'FILE_FORMAT')).toContain('twice');
  });

  test('what cannot be read twice is copied', async () => {
    for (const bytes of [head, gzipSync(head), zstdCompressSync(head)]) {
      const { rows: read } = await readInput(memoryFile(bytes, { replayable: false }));
      expect(read).toHaveLength(1000);
    }
  });
});

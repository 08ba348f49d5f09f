import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { bytesSource, openSegment } from '#core/columnar/index.ts';
import { EBML, type ElementRange, readChildren, readPrefix } from '#core/columnar/webm/ebml.ts';
import { rowsOf } from '#core/columnar/testing/rows-of.ts';
import { encodeOne, sampleBatch } from '#core/columnar/testing/sample-table.ts';
import { GOLDEN_CASES } from '#tests/golden/segment-v1/generate.ts';
import { temporaryFolder } from '#tests/support/granary.ts';
import { findTool } from '#tests/support/tools.ts';

const GOLDEN = join(import.meta.dirname, '../golden/segment-v1');
const golden = (await readdir(GOLDEN)).filter((name) => name.endsWith('.webm'));
// The table without rows is written anew: the golden one has no cluster, which ffmpeg takes for a file that was cut off.
const names = golden.filter((name) => name !== 'no-rows.webm');
const pathOf = (name: string) => join(GOLDEN, name);
const bytesOf = async (path: string) => new Uint8Array(await readFile(path));
const open = async (path: string) => openSegment(bytesSource(await bytesOf(path)));

const ffprobe = await findTool('ffprobe', 'ffmpeg');
const ffmpeg = await findTool('ffmpeg', 'ffmpeg');
const mkvinfo = await findTool('mkvinfo', 'mkvtoolnix', '--version');
const mkvmerge = await findTool('mkvmerge', 'mkvtoolnix', '--version');

interface Probe {
  readonly format: { readonly format_name: string; readonly tags?: Readonly<Record<string, string>> };
  readonly streams: readonly {
    readonly codec_name: string;
    readonly width: number;
    readonly height: number;
    readonly tags?: { readonly title?: string };
  }[];
  readonly packets: readonly {
    readonly stream_index: number;
    readonly pts_time: string;
    readonly size: string;
    readonly pos: string;
    readonly flags: string;
  }[];
}

const folder = await temporaryFolder();
afterAll(() => folder[Symbol.asyncDispose]());
const noRows = join(folder.path, 'no rows, written now.webm');
await writeFile(noRows, (await encodeOne(GOLDEN_CASES['no-rows']!().batch)).bytes);

/** dav1d notes metadata that it does not know, which is ours, and a track in which no frame says its size. */
const complaintsOf = (stderr: string): string[] =>
  stderr
    .split('\n')
    .filter((line) => line !== '' && !/Unknown Metadata OBU|No sequence header|Last message/.test(line));

const pictured = join(folder.path, 'with pictures.webm');
await writeFile(pictured, (await encodeOne(sampleBatch(2 * 131_072), 131_072)).bytes);

describe.each([...names.map(pathOf), noRows, pictured].map((path) => [basename(path), path]))('%s', (_, path) => {
  test.runIf(ffprobe)('ffprobe sees a track per column, named after it, and every chunk as a key frame', async () => {
    const { header } = await open(path);
    const { stdout, stderr } = await ffprobe!([
      ...'-v error -print_format json -show_format -show_streams -show_packets'.split(' '),
      path,
    ]);
    expect(complaintsOf(stderr)).toEqual([]);
    const { format, streams, packets } = JSON.parse(stdout) as Probe;
    expect(format.format_name).toContain('webm');
    expect(streams.map((stream) => [stream.codec_name, stream.tags?.title])).toEqual(
      header.schema.fields.map((field) => ['av1', field.name]),
    );
    expect(format.tags?.['GRANARY_FORMAT']).toBe('1');
    expect(packets.every(({ flags }) => flags.startsWith('K'))).toBe(true);
    // What stands a millisecond after a row group are the pictures of its columns.
    const frames = packets.filter(({ pts_time }) => Number.isInteger(Number(pts_time)));
    expect(packets.length > frames.length).toBe(path === pictured);
    const seen = frames.map(({ stream_index, pts_time, size }) => [stream_index, Number(pts_time), size]);
    const written = header.rowGroups.flatMap(({ chunks }, rowGroup) =>
      chunks.map(({ byteCount }, column) => [column, rowGroup, String(byteCount)]),
    );
    expect(seen.toSorted()).toEqual(written.toSorted());
  });

  test.runIf(ffmpeg)('ffmpeg decodes every frame without an error', async () => {
    const { header } = await open(path);
    // Without frames ffmpeg has nothing to do, and says that as an error.
    if (header.schema.fields.length === 0 || header.rowGroups.length === 0) return;
    // In milliseconds, as pictures follow their frames by one.
    const output = ['-map', '0', '-fps_mode', 'passthrough', '-enc_time_base', '1:1000', '-f', 'null', '-'];
    const { stderr } = await ffmpeg!(['-v', 'warning', '-xerror', '-i', path, ...output]);
    expect(complaintsOf(stderr)).toEqual([]);
  });

  test.runIf(mkvinfo)('mkvinfo reads every element and misses none', async () => {
    const { header } = await open(path);
    const { stdout, stderr } = await mkvinfo!(['--all', '--ui-language', 'en_US', path]);
    expect(stderr).toBe('');
    // Names and tags are ours to choose, and may hold any word.
    const elements = stdout.replaceAll(/^.*(?:Name|String|File).*$/gm, '');
    expect(elements).not.toMatch(/unknown|invalid|error/i);
    const count = (text: string) => stdout.split('\n').filter((line) => line.includes(text)).length;
    expect(count('+ Track number:')).toBe(header.schema.fields.length);
    expect(count('+ Cue track:')).toBe(header.rowGroups.length * header.schema.fields.length);
    const frames = header.rowGroups.length * header.schema.fields.length;
    if (path === pictured) expect(count('+ Simple block:')).toBeGreaterThan(frames);
    else expect(count('+ Simple block:')).toBe(frames);
  });
});

const every = pathOf('every-method.webm');

/** Each way to copy the golden segment, and what it leaves out. */
const COPIES: readonly [name: string, tool: typeof ffmpeg, args: (target: string) => string[], lost: number][] = [
  ['ffmpeg.webm', ffmpeg, (target) => ['-i', every, '-map', '0', '-c', 'copy', target], 0],
  ['ffmpeg.mkv', ffmpeg, (target) => ['-i', every, '-map', '0', '-c', 'copy', target], 0],
  ['first-second.webm', ffmpeg, (target) => ['-t', '1', '-i', every, '-map', '0', '-c', 'copy', target], 9],
  ['one-track.webm', ffmpeg, (target) => ['-i', every, '-c', 'copy', target], 16],
  ['mkvmerge.webm', mkvmerge, (target) => ['--webm', '-o', target, every], 0],
  ['mkvmerge.mkv', mkvmerge, (target) => ['-o', target, every], 0],
];

describe('a copy by another program', () => {
  for (const [name, tool, args, lost] of COPIES) {
    test.runIf(tool)(`${name} still yields every value it holds`, async () => {
      await using folder = await temporaryFolder();
      const target = join(folder.path, name);
      await tool!(args(target));
      const original = await open(every);
      const copy = await open(target);
      expect(copy.asWritten).toBe(false);
      expect(copy.lost).toHaveLength(lost);
      const isLost = (rowGroup: number, column: number) =>
        copy.lost.some((chunk) => chunk.rowGroup === rowGroup && chunk.column === column);
      for (const [rowGroup, { chunks }] of original.header.rowGroups.entries())
        for (const column of chunks.keys())
          if (!isLost(rowGroup, column))
            expect(rowsOf(await copy.readChunk(rowGroup, column))).toEqual(
              rowsOf(await original.readChunk(rowGroup, column)),
            );
    });
  }

  test.runIf(ffmpeg)('frames are told from pictures, also when the beginning was cut', async () => {
    const target = join(folder.path, 'cut pictures.webm');
    const original = await open(pictured);
    await ffmpeg!(['-i', pictured, '-map', '0', '-c', 'copy', target]);
    expect((await open(target)).lost).toEqual([]);
    const cut = join(folder.path, 'cut.webm');
    // A start between a frame and its picture, which is a key frame as well.
    await ffmpeg!(['-ss', '0.0005', '-i', target, '-map', '0', '-c', 'copy', cut]);
    const copy = await open(cut);
    for (const column of original.header.schema.fields.keys())
      expect(rowsOf(await copy.readChunk(1, column))).toEqual(rowsOf(await original.readChunk(1, column)));
  });

  test.runIf(ffmpeg)('a copy of a copy as well', async () => {
    await using folder = await temporaryFolder();
    const [first, second] = [join(folder.path, 'first.mkv'), join(folder.path, 'second.webm')];
    await ffmpeg!(['-i', every, '-map', '0', '-c', 'copy', first]);
    await ffmpeg!(['-i', first, '-map', '0', '-c', 'copy', second]);
    expect((await open(second)).lost).toEqual([]);
  });
});

test('the cues lead to each chunk without the tags', async () => {
  for (const path of [...golden.map(pathOf), pictured]) {
    const bytes = await bytesOf(path);
    const { header } = await open(path);
    const uint = ({ start, end }: ElementRange) =>
      bytes.subarray(start, end).reduce((sum, byte) => sum * 256 + byte, 0);
    const segment = readPrefix(bytes, readPrefix(bytes, 0).end);
    const child = (parent: ElementRange, id: number) =>
      [...readChildren(bytes, parent)].find((part) => part.id === id)!;
    const found: number[][] = [];
    for (const point of readChildren(bytes, child(segment, EBML.cues))) {
      for (const place of readChildren(bytes, point)) {
        if (place.id !== EBML.cueTrackPositions) continue;
        const cluster = readPrefix(bytes, segment.start + uint(child(place, EBML.cueClusterPosition)));
        const block = readPrefix(bytes, cluster.start + uint(child(place, EBML.cueRelativePosition)));
        expect([cluster.id, block.id]).toEqual([EBML.cluster, EBML.simpleBlock]);
        const track = uint(child(place, EBML.cueTrack));
        const { byteCount } = header.rowGroups[uint(child(point, EBML.cueTime)) / 1000]!.chunks[track - 1]!;
        found.push([block.end - byteCount, byteCount]);
      }
    }
    expect(found).toEqual(
      header.rowGroups.flatMap(({ chunks }) => chunks.map(({ offset, byteCount }) => [offset, byteCount])),
    );
  }
});

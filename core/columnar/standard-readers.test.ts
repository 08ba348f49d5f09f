import { BufferSource, EncodedPacketSink, Input, WEBM } from 'mediabunny';
import { expect, test } from 'vitest';
import { decodePalette } from './av1/index.ts';
import { readSequenceSize } from './webm/sequence-size.ts';
import { decodeByStandard } from './testing/standard-av1-decoder.ts';
import { encodeOne, sampleBatch } from './testing/sample-table.ts';

const segment = await encodeOne(sampleBatch(9000), 4096);
const { header, bytes } = segment;

const unitOf = (rowGroup: number, column: number): Uint8Array => {
  const { offset, byteCount } = header.rowGroups[rowGroup]!.chunks[column]!;
  return bytes.subarray(offset, offset + byteCount);
};

test('mediabunny reads one named track per column, whose packets are the units', async () => {
  using input = new Input({ formats: [WEBM], source: new BufferSource(bytes) });
  const tracks = await input.getVideoTracks();
  expect(tracks.map((track) => track.name)).toEqual(header.schema.fields.map((field) => field.name));
  expect(await input.computeDuration()).toBe(3);
  for (const [column, track] of tracks.entries()) {
    expect(track.codec).toBe('av1');
    const sizes = header.rowGroups.map((_, rowGroup) => readSequenceSize(unitOf(rowGroup, column)));
    expect(track.codedWidth).toBe(Math.max(...sizes.map((size) => size.width)));
    expect(track.codedHeight).toBe(Math.max(...sizes.map((size) => size.height)));
    const packets = [];
    // A picture for players stands a millisecond after its chunk.
    for await (const packet of new EncodedPacketSink(track).packets())
      if (Number.isInteger(packet.timestamp)) packets.push(packet);
    expect(packets).toHaveLength(3);
    for (const [rowGroup, packet] of packets.entries()) {
      expect(packet.type).toBe('key');
      expect(packet.timestamp).toBe(rowGroup);
      expect(Buffer.compare(packet.data, unitOf(rowGroup, column))).toBe(0);
    }
  }
});

test('a standard decoder reads every frame of a segment', async () => {
  for (const [rowGroup, group] of header.rowGroups.entries()) {
    for (const column of group.chunks.keys()) {
      const unit = unitOf(rowGroup, column);
      const { luma, width, height } = await decodeByStandard(unit);
      expect(luma.length).toBe(width * height);
    }
  }
});

test('a standard decoder sees the pixels that our decoder sees', async () => {
  // Small columns have no pixels of their own.
  const { header, bytes } = await encodeOne(sampleBatch(140_000), 70_000);
  let compared = 0;
  for (const group of header.rowGroups) {
    for (const chunk of group.chunks) {
      if (chunk.encoding.method !== 'integers' && chunk.encoding.method !== 'palette') continue;
      const unit = bytes.subarray(chunk.offset, chunk.offset + chunk.byteCount);
      const { luma, width, height } = await decodeByStandard(unit);
      const { symbols, alphabet } = decodePalette(unit, { symbolCount: width * height, mapping: 'raw' });
      const shades = [...new Set(luma)].toSorted((a, b) => a - b);
      expect(shades.length).toBeLessThanOrEqual(alphabet);
      // Ours are colour numbers block by block along the coding diagonals; the picture holds shades row by row.
      const counts = (values: Uint8Array) => {
        const count = new Map<number, number>();
        for (const value of values) count.set(value, (count.get(value) ?? 0) + 1);
        return [...count].toSorted(([a], [b]) => a - b).map(([, n]) => n);
      };
      expect(counts(symbols)).toEqual(counts(luma));
      expect(blockDiagonals(luma, width, height).map((shade) => shades.indexOf(shade))).toEqual(renumber(symbols));
      compared += 1;
    }
  }
  expect(compared).toBeGreaterThan(1);
});

const renumber = (symbols: Uint8Array): Uint8Array => {
  const used = [...new Set(symbols)].toSorted((a, b) => a - b);
  return symbols.map((symbol) => used.indexOf(symbol));
};

/** Pixels in coding order: blocks of 64 x 64 by rows, in each the anti-diagonals from the right end of each downwards. */
function blockDiagonals(luma: Uint8Array, width: number, height: number): Uint8Array {
  const result = new Uint8Array(luma.length);
  let at = 0;
  for (let y = 0; y < height; y += 64) {
    for (let x = 0; x < width; x += 64) {
      for (let diagonal = 0; diagonal < 127; diagonal++) {
        for (let column = Math.min(diagonal, 63); column >= Math.max(0, diagonal - 63); column--) {
          result[at++] = luma[(y + diagonal - column) * width + x + column]!;
        }
      }
    }
  }
  return result;
}

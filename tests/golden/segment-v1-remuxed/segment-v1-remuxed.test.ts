import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { bytesSource, openSegment } from '#core/columnar/index.ts';
import { isGranaryError } from '#core/kernel/index.ts';
import { rowsOf } from '#core/columnar/testing/rows-of.ts';
import { REMUXED_FROM, REMUXES } from './generate.ts';

const open = (name: string) =>
  openSegment(bytesSource(new Uint8Array(readFileSync(new URL(`./${name}`, import.meta.url)))));

const original = await openSegment(bytesSource(new Uint8Array(readFileSync(REMUXED_FROM))));
const columnCount = original.header.schema.fields.length;
const all = original.header.rowGroups.flatMap((_, rowGroup) =>
  original.header.schema.fields.map((_, column) => ({ column, rowGroup })),
);

/** What is left of each file; the others have everything. */
const LEFT: Readonly<Record<string, (chunk: { column: number; rowGroup: number }) => boolean>> = {
  'ffmpeg-two-tracks-reversed.webm': ({ column }) => column === 4 || column === 1,
  'ffmpeg-second-row-group.webm': ({ rowGroup }) => rowGroup === 1,
  // ffmpeg keeps the first of the largest tracks when it is not told to keep all.
  'ffmpeg-one-track.webm': ({ column }) => column === 0,
};

test('there is a file for every remux', () => {
  const names = readdirSync(import.meta.dirname).filter((name) => /\.(webm|mkv)$/.test(name));
  expect(names.toSorted()).toEqual(Object.keys(REMUXES).toSorted());
});

test.each(Object.keys(REMUXES).filter((name) => name !== 'ffmpeg-without-tags.webm'))(
  '%s gives every value that it still holds, and names the others',
  async (name) => {
    const segment = await open(name);
    expect(segment.asWritten).toBe(false);
    const isLeft = LEFT[name] ?? (() => true);
    expect(segment.lost).toEqual(all.filter((chunk) => !isLeft(chunk)));
    for (const { column, rowGroup } of all) {
      const read = segment.readChunk(rowGroup, column);
      if (isLeft({ column, rowGroup }))
        expect(rowsOf(await read)).toEqual(rowsOf(await original.readChunk(rowGroup, column)));
      else
        await expect(read).rejects.toSatisfy(
          (error) =>
            isGranaryError(error, 'SEGMENT_CORRUPT') &&
            error.message.includes(`"${original.header.schema.fields[column]!.name}" of row group ${rowGroup}`),
        );
    }
  },
);

test('a segment without its tags is told from any other video', async () => {
  await expect(open('ffmpeg-without-tags.webm')).rejects.toSatisfy(
    (error) =>
      isGranaryError(error, 'FORMAT_INVALID') &&
      error.message.includes('tags were lost') &&
      error.details['tracks'] === columnCount,
  );
});

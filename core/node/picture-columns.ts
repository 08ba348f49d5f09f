import type { Schema } from 'apache-arrow';
import { decodeChunk, readSegmentHeader, type SegmentHeader } from '#core/columnar/index.ts';
import { bytesSource } from '#core/columnar/index.ts';
import { type OperationContext, throwIfAborted } from '#core/kernel/index.ts';
import { readInspectedFile } from './inspect.ts';
import type { PictureOutput } from './operations.ts';
import { columnCells } from './picture/column-cells.ts';
import { drawPicture } from './picture/draw-picture.ts';
import { PALETTE } from './picture/palette.ts';
import { writePng } from './picture/write-png.ts';
import { findSegments, readSegmentHeaders, type SegmentHeadersDeps } from './segment-headers.ts';

/** A segment whose chunks can be read. */
interface OpenSegment {
  readonly header: SegmentHeader;
  read(offset: number, byteCount: number): Promise<Uint8Array>;
}

/** A PNG picture of each column of the asset's current version. Errors: `ASSET_NOT_FOUND`, `UNSUPPORTED` for EDGE. */
export async function pictureAsset(
  deps: SegmentHeadersDeps,
  name: string,
  context: OperationContext,
): Promise<PictureOutput> {
  const found = await findSegments(deps, name, context);
  const headers = await readSegmentHeaders(deps, found, context);
  const segments = headers.map((header, i): OpenSegment => {
    const path = deps.segmentPath(found.segments[i]!.id);
    return {
      header,
      async read(offset, byteCount) {
        const source = await deps.files.open(path);
        try {
          return await source.read(offset, byteCount);
        } finally {
          await source.close();
        }
      },
    };
  });
  return pictureColumns(found.asset.name, found.asset.schema, segments, context);
}

/** The same for one segment file that comes with the call. Errors: `FORMAT_INVALID`, `LIMIT_EXCEEDED`. */
export async function pictureFile(context: OperationContext): Promise<PictureOutput> {
  const { name, bytes } = await readInspectedFile(context);
  const source = bytesSource(bytes);
  const header = await readSegmentHeader(source);
  return pictureColumns(name, header.schema, [{ header, read: source.read }], context);
}

async function pictureColumns(
  name: string,
  { fields }: Schema,
  segments: readonly OpenSegment[],
  { signal, report, write }: OperationContext,
): Promise<PictureOutput> {
  const pictures: { column: string; byteCount: number }[] = [];
  for (const [column, field] of fields.entries()) {
    const groups = segments.flatMap(({ header, read }) =>
      header.rowGroups.map(({ rowCount, chunks }, rowGroup) => {
        const { offset, byteCount, statistics } = chunks[column]!;
        const decode = async () => {
          throwIfAborted(signal);
          return decodeChunk(header, rowGroup, column, await read(offset, byteCount), { dictionary: true });
        };
        return { rowCount, statistics, decode };
      }),
    );
    const picture = writePng(drawPicture(field.name, field.type, await columnCells(groups)), PALETTE);
    await write(picture);
    pictures.push({ column: field.name, byteCount: picture.length });
    report({ stage: 'drawing', subject: name, done: column + 1, total: fields.length, unit: 'columns' });
  }
  return { name, pictures };
}

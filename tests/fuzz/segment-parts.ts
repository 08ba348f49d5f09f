import { readdirSync, readFileSync } from 'node:fs';
import { schemaToJson } from '#core/columnar/arrow-json.ts';
import { checksumOf } from '#core/columnar/checksum.ts';
import { MAPPINGS } from '#core/columnar/chunk-format.ts';
import { METHODS } from '#core/columnar/integer-stream.ts';
import { parseSegmentHeader } from '#core/columnar/parse-segment-header.ts';
import type { SegmentHeader } from '#core/columnar/segment-header.ts';
import { EBML, type Element, elementByteCount, writeElements } from '#core/columnar/webm/ebml.ts';
import { tagsOf } from '#core/columnar/webm/header-json.ts';
import { toUtf8 } from '#core/kernel/index.ts';

/** A chunk as the tags tell it, and its temporal unit. */
export interface ChunkParts {
  readonly unit: Uint8Array;
  /** `[gap, byteCount, checksum, method, mapping, details, statistics]`; gap and byteCount are filled in. */
  readonly json: readonly unknown[];
}

/** A segment taken apart, so that a part can be changed and everything around it be right again. */
export interface SegmentParts {
  readonly name: string;
  readonly schema: unknown;
  readonly rowGroups: readonly { readonly rowCount: unknown; readonly chunks: readonly ChunkParts[] }[];
}

const METHOD_AT = 3;
const MAPPING_AT = 4;
export const CHECKSUM_AT = 2;

export const methodOf = ({ json }: ChunkParts) => METHODS[json[METHOD_AT] as number];
export const mappingOf = ({ json }: ChunkParts) => MAPPINGS[json[MAPPING_AT] as number];

/** The chunk with another value in its JSON. */
export const withJson = (chunk: ChunkParts, index: number, value: unknown): ChunkParts => ({
  ...chunk,
  json: chunk.json.with(index, value),
});

export function parseWhole(bytes: Uint8Array): SegmentHeader {
  const header = parseSegmentHeader(bytes, bytes.length);
  if ('needByteCount' in header) throw new Error('the whole file was there');
  return header;
}

function takeApart(name: string, bytes: Uint8Array): SegmentParts {
  const header = parseWhole(bytes);
  const groups = tagsOf(header, 0).filter(([tag]) => tag.startsWith('GRANARY_ROW_GROUP_'));
  return {
    name,
    schema: JSON.parse(JSON.stringify(schemaToJson(header.schema))),
    rowGroups: header.rowGroups.map(({ rowCount, chunks }, i) => {
      const [, ...json] = JSON.parse(groups[i]![1]) as [number, ...unknown[][]];
      return {
        rowCount,
        chunks: chunks.map(({ offset, byteCount }, c) => ({
          unit: bytes.slice(offset, offset + byteCount),
          json: json[c]!,
        })),
      };
    }),
  };
}

/** What the fuzzer changes on its way into the file. */
export interface Assembly {
  /** Changes the text of a tag; the checksum follows. */
  readonly text?: (name: string, text: string) => string;
  /** Leaves tags out, doubles or swaps them. */
  readonly order?: (tags: [string, string][]) => [string, string][];
}

/** A file of the parts, with right lengths, offsets and header checksum; no more of WebM than a reader looks at. */
export function assemble({ schema, rowGroups }: SegmentParts, { text = (_, t) => t, order = (t) => t }: Assembly = {}) {
  const clusters = rowGroups.map(({ chunks }): Element => ({
    id: EBML.cluster,
    data: chunks.map(({ unit }) => ({ id: EBML.simpleBlock, data: unit })),
  }));
  const texts: [string, string][] = [
    ['GRANARY_FORMAT', '1'],
    ['GRANARY_CLUSTERS', '0'.repeat(15)],
    ['GRANARY_SCHEMA', JSON.stringify(schema)],
  ];
  rowGroups.forEach(({ rowCount, chunks }, g) => {
    const json = chunks.map(({ unit, json: chunk }, c) => {
      const prefix = elementByteCount({ id: EBML.simpleBlock, data: unit }) - unit.length;
      const cluster = elementByteCount(clusters[g]!) - chunks.reduce((sum, part) => sum + blockBytes(part.unit), 0);
      return [c === 0 ? cluster + prefix : prefix, unit.length, ...chunk.slice(2)];
    });
    texts.push([`GRANARY_ROW_GROUP_${g}`, JSON.stringify([rowCount, ...json])]);
  });
  const tags = order(texts.map(([name, value]) => [name, text(name, value)]));
  const head = (firstCluster: number): Element[] => {
    const placed = tags.map(([name, value]): [string, string] =>
      name === 'GRANARY_CLUSTERS' && /^0{15}$/.test(value)
        ? [name, String(firstCluster).padStart(15, '0')]
        : [name, value],
    );
    const checksum = checksumOf(placed.flatMap((tag) => tag.map(toUtf8)));
    return [tagsElement([...placed, ['GRANARY_CHECKSUM', checksum]])];
  };
  const file = (content: Element[]): Element[] => [
    { id: EBML.header, data: [{ id: EBML.docType, data: 'webm' }] },
    { id: EBML.segment, data: content },
  ];
  const bytesOf = (elements: Element[]) => elements.reduce((sum, element) => sum + elementByteCount(element), 0);
  const byteCount = bytesOf(file([...head(0), ...clusters]));
  const firstCluster = byteCount - bytesOf(clusters);
  const bytes = new Uint8Array(byteCount);
  writeElements(bytes, 0, file([...head(firstCluster), ...clusters]));
  return bytes;
}

const blockBytes = (unit: Uint8Array): number => elementByteCount({ id: EBML.simpleBlock, data: unit });

const tagsElement = (tags: readonly (readonly [string, string])[]): Element => ({
  id: EBML.tags,
  data: [
    {
      id: EBML.tag,
      data: tags.map(([name, value]) => ({
        id: EBML.simpleTag,
        data: [
          { id: EBML.tagName, data: name },
          { id: EBML.tagString, data: value },
        ],
      })),
    },
  ],
});

/** Rows above which a golden chunk is left out: a small input is an input more a second. */
const SEED_ROWS_MAX = 3000;

/** The golden files, whole and cut into segments of one column and one row group. */
export function loadSeeds(): { readonly files: readonly Uint8Array[]; readonly columns: readonly SegmentParts[] } {
  const folder = new URL('../golden/segment-v1/', import.meta.url);
  const names = readdirSync(folder).filter((name) => name.endsWith('.webm'));
  const files = names.map((name) => new Uint8Array(readFileSync(new URL(name, folder))));
  const columns = files.flatMap((bytes, i) => {
    const { schema, rowGroups } = takeApart(names[i]!, bytes);
    return rowGroups.flatMap(({ rowCount, chunks }) =>
      (rowCount as number) > SEED_ROWS_MAX
        ? []
        : chunks.map((chunk, c) => ({
            name: `${names[i]}, column ${c}`,
            schema: { fields: [(schema as { fields: unknown[] }).fields[c]] },
            rowGroups: [{ rowCount, chunks: [chunk] }],
          })),
    );
  });
  return { files, columns };
}

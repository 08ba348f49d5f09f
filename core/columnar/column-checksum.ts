import { checksumOf, stripedChecksumOf } from './checksum.ts';
import type { DecodedColumn } from './decode-column.ts';
import { bytesOf } from './words.ts';

/** Begins a checksum in the striped form; one without it is in the first form, which new segments no longer have. */
const STRIPED = 's';

/** The checksum of a column's values, as new segments have it. */
export const columnChecksum = (decoded: DecodedColumn): string =>
  STRIPED + stripedChecksumOf(parts(decoded, ({ codes }) => bytesOf(codes)));

/** True when the values match the checksum of their chunk, whichever form it has. */
export const matchesChecksum = (decoded: DecodedColumn, checksum: string): boolean =>
  checksum ===
  (checksum.startsWith(STRIPED)
    ? columnChecksum(decoded)
    : checksumOf(parts(decoded, ({ codes }) => bytesOf(Int32Array.from(codes)))));

/** The buffers of a column in the order of the checksum; see docs/formats/webm-columnar-v1.md, section 6. */
function parts(
  { column, nested }: DecodedColumn,
  codeBytes: (values: { readonly codes: Uint8Array | Uint16Array | Int32Array }) => Uint8Array,
): Uint8Array[] {
  const counts = bytesOf(Uint32Array.of(column.rowCount, column.nullCount));
  const first = [counts, column.validity ?? new Uint8Array(0)];
  const { values } = column;
  switch (values.kind) {
    case 'none':
      return first;
    case 'fixed':
      return [...first, values.bytes];
    case 'text':
      return [...first, bytesOf(values.offsets), values.bytes];
    case 'dictionary':
      return [...first, codeBytes(values), bytesOf(values.entries.offsets), values.entries.bytes];
    case 'nested':
      return [...first, nested ?? new Uint8Array(0)];
  }
}

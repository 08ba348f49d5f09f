import { GranaryError } from '#core/kernel/index.ts';

export type FileFormat = 'csv' | 'json' | 'ndjson' | 'parquet' | 'arrow-file' | 'arrow-stream';

const BOM = [0xef, 0xbb, 0xbf];
const startsWith = (head: Uint8Array, magic: readonly number[]) => magic.every((byte, i) => head[i] === byte);
const ascii = (text: string) => Array.from(text, (character) => character.charCodeAt(0));

const PARQUET = ascii('PAR1');
const PARQUET_ENCRYPTED = ascii('PARE');
const ARROW_FILE = ascii('ARROW1');
const ARROW_STREAM = [0xff, 0xff, 0xff, 0xff];
const ZIP = [0x50, 0x4b, 0x03, 0x04];
const UTF16_BOMS = [
  [0xff, 0xfe],
  [0xfe, 0xff],
];

/** Bytes of the UTF-8 byte order mark at the start of the text, 0 or 3. */
export const byteOrderMarkLength = (head: Uint8Array): number => (startsWith(head, BOM) ? BOM.length : 0);

/**
 * Finds the format from the first bytes, decompressed; the name decides only what content leaves open. Errors:
 * `FILE_ENCODING` for UTF-16, `FILE_FORMAT` and `UNSUPPORTED` for binary formats that are recognised but not read.
 */
export function detectFormat(head: Uint8Array, name: string): FileFormat {
  if (startsWith(head, PARQUET)) return 'parquet';
  if (startsWith(head, PARQUET_ENCRYPTED)) {
    throw new GranaryError('UNSUPPORTED', `${name} is an encrypted Parquet file. Decrypt it first.`, { source: name });
  }
  if (startsWith(head, ARROW_FILE)) return 'arrow-file';
  if (startsWith(head, ARROW_STREAM)) return 'arrow-stream';
  if (startsWith(head, ZIP)) {
    throw new GranaryError(
      'FILE_FORMAT',
      `${name} is a zip archive or an office document. Unpack it, or save the sheet as CSV.`,
      { source: name },
    );
  }
  if (UTF16_BOMS.some((mark) => startsWith(head, mark))) {
    throw new GranaryError(
      'FILE_ENCODING',
      `${name} is UTF-16 text. Convert it to UTF-8, for example with iconv -f utf-16 -t utf-8, or save it as "CSV UTF-8".`,
      { source: name },
    );
  }
  return textFormat(head, name);
}

function textFormat(head: Uint8Array, name: string): FileFormat {
  const [first, second] = firstCharacters(head);
  if (first === '{' && (second === '"' || second === '}')) return 'ndjson';
  if (first === '[' && (second === '{' || second === ']')) return 'json';
  const extension = /\.(json|ndjson|jsonl)(\.(gz|gzip|zst|zstd))?$/i.exec(name)?.[1]?.toLowerCase();
  if (extension === undefined) return 'csv';
  return first === '[' ? 'json' : 'ndjson';
}

/** The first two characters that are not white space. */
function firstCharacters(head: Uint8Array): string[] {
  const found: string[] = [];
  for (let i = byteOrderMarkLength(head); i < head.length && found.length < 2; i++) {
    const byte = head[i]!;
    if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) found.push(String.fromCharCode(byte));
  }
  return found;
}

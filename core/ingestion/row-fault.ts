import { GranaryError, type ErrorCode } from '#core/kernel/index.ts';
import { QUARANTINE_RAW_MAX } from './limits.ts';
import type { QuarantinedRow } from './ports.ts';

/** A record that does not become a row, before it is decided whether that stops the reading. */
export interface RowFault {
  readonly code: Extract<ErrorCode, 'ROW_INVALID' | 'FILE_FORMAT' | 'FILE_TRUNCATED' | 'LIMIT_EXCEEDED'>;
  /** 1-based, header not counted. */
  readonly record: number;
  readonly line?: number;
  readonly byteOffset?: number;
  readonly column?: string;
  readonly reason: string;
  readonly raw: string;
}

/** The mark at the end of a `raw` that was cut. */
export const CUT_MARK = '… (cut)';

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The bytes as text, cut at the limit of a quarantined row and then marked. */
export function rawText(bytes: Uint8Array, start: number, end: number): string {
  const text = decoder.decode(bytes.subarray(start, Math.min(end, start + QUARANTINE_RAW_MAX * 4)));
  return text.length <= QUARANTINE_RAW_MAX ? text : text.slice(0, QUARANTINE_RAW_MAX) + CUT_MARK;
}

export function toQuarantinedRow(source: string, fault: RowFault): QuarantinedRow {
  const { record, line, byteOffset, reason, raw } = fault;
  return {
    source,
    record,
    ...(line === undefined ? {} : { line }),
    ...(byteOffset === undefined ? {} : { byteOffset }),
    reason,
    raw,
  };
}

/** The error that stops the reading of a file. */
export function rowError(source: string, fault: RowFault): GranaryError {
  const { code, record, line, byteOffset, column, reason } = fault;
  const place = line === undefined ? `record ${record}` : `record ${record}, line ${line}`;
  return new GranaryError(
    code,
    `${source}, ${place}: ${reason}. Correct it, or keep such rows aside with --on-error quarantine.`,
    {
      source,
      record,
      ...(line === undefined ? {} : { line }),
      ...(byteOffset === undefined ? {} : { byteOffset }),
      ...(column === undefined ? {} : { column }),
    },
  );
}

/** Characters of a value that a message quotes. */
const VALUE_CHARACTERS_MAX = 60;

/** The value as a message shows it: quoted, and short. */
export function shownValue(text: string): string {
  const characters = Array.from(text.slice(0, VALUE_CHARACTERS_MAX * 2));
  return JSON.stringify(
    characters.length <= VALUE_CHARACTERS_MAX ? text : `${characters.slice(0, VALUE_CHARACTERS_MAX).join('')}…`,
  );
}

import { CsvError, type Options, parse } from 'csv-parse/sync';
import { COLUMNS_MAX, RECORD_BYTES_MAX } from '../limits.ts';
import type { RecordPlace } from '../text/record-place.ts';

const QUOTE = 0x22;
const LF = 0x0a;
const CR = 0x0d;

/** Bytes collected between two calls of the parser, which sets itself up anew each time: fewer cost up to a third. */
export const PARSE_BYTES_MIN = 262_144;

/** How a delimited text is written. Quotes are always `"`, doubled inside quoted fields (RFC 4180). */
export interface Dialect {
  /** The byte between two fields. */
  readonly delimiter: number;
  /** The byte that ends a record: line feed (a carriage return before it is dropped), or carriage return alone. */
  readonly recordEnd: typeof LF | typeof CR;
}

/** How a field is written; an `ESCAPED` one is quoted and holds doubled quotes. */
export const PLAIN = 0;
export const QUOTED = 1;
export const ESCAPED = 2;

/**
 * A record and its values: value `i` is `starts[i]` to `ends[i]`, exclusive and without its quotes, of `bytes`, and for
 * `ESCAPED` ones of `unescaped`.
 */
export interface DelimitedRecord extends RecordPlace {
  /** May exceed the length of `starts`: fields over the limit are counted, not kept. */
  readonly fieldCount: number;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** `PLAIN`, `QUOTED` or `ESCAPED` for each field. */
  readonly quoting: Uint8Array;
  readonly unescaped: Uint8Array;
}

/** A record that cannot be read. */
export interface RecordFault extends RecordPlace {
  readonly code: 'ROW_INVALID' | 'FILE_FORMAT' | 'LIMIT_EXCEEDED';
  readonly reason: string;
}

export interface RecordHandlers {
  record(record: DelimitedRecord): void;
  fault(fault: RecordFault): void;
}

export interface RecordReader {
  /** Hands over records that are complete: the first bytes are read at once, later ones when enough have come. */
  push(chunk: Uint8Array): void;
  /** Hands over what is left; the text has ended. */
  end(): void;
}

/** Ends a call of the parser at a record that is too long. */
const TOO_LONG = new Error('record too long');

/**
 * Reads the records of a delimited text with csv-parse. The result does not depend on how the text is cut into chunks:
 * every call of the parser gets the bytes behind the last complete record, and a record that ends where the bytes end
 * waits for more. A quote inside an unquoted field is data, which csv-parse allows only together with text behind a
 * closing quote (`relax_quotes`); such a record does not match its bytes and is a fault, up to the end of the record that
 * csv-parse found. A quote that is never closed, or closed only after {@link RECORD_BYTES_MAX}, gives up its first line
 * alone, so that one stray quote costs one row.
 */
export function createRecordReader(
  dialect: Dialect,
  handlers: RecordHandlers,
  origin: { readonly line: number; readonly byteOffset: number } = { line: 1, byteOffset: 0 },
): RecordReader {
  const { delimiter, recordEnd } = dialect;
  const starts = new Int32Array(COLUMNS_MAX + 1);
  const ends = new Int32Array(COLUMNS_MAX + 1);
  const quoting = new Uint8Array(COLUMNS_MAX + 1);
  let unescaped = Buffer.alloc(4096);
  let buffer = Buffer.alloc(PARSE_BYTES_MIN);
  let length = 0;
  /** Index of the first byte that is not handed over, its line, and the offset of `buffer` in the text. */
  let next = 0;
  let { line, byteOffset } = origin;
  /** Bytes to wait for before the parser is called again: doubling keeps the work on a long record linear. */
  let wanted = 0;
  /** Inside a line that is too long to hold, looking for its end. */
  let skipping = false;
  const view = {
    bytes: buffer,
    start: 0,
    end: 0,
    line: 0,
    byteOffset: 0,
    fieldCount: 0,
    starts,
    ends,
    quoting,
    unescaped,
  };

  function place(end: number, fieldCount: number): typeof view {
    view.bytes = buffer;
    view.start = next;
    view.end = end;
    view.line = line;
    view.byteOffset = byteOffset + next;
    view.fieldCount = fieldCount;
    view.unescaped = unescaped;
    return view;
  }

  function moveTo(position: number): void {
    for (let i = next; i < position; i++) if (buffer[i] === recordEnd) line++;
    next = position;
  }

  /** Puts a value with quotes where `unescaped` has room, from `at`; returns the position behind it. */
  function keepUnescaped(value: string, at: number): number {
    if (at + value.length > unescaped.length) {
      const grown = Buffer.alloc((at + value.length) * 2);
      unescaped.copy(grown, 0, 0, at);
      unescaped = grown;
    }
    return at + unescaped.write(value, at, 'latin1');
  }

  /**
   * Finds the values (one character a byte) in the bytes of their record, which tells how they were written. Returns
   * the position behind the last, or -1 when they are not what the bytes say by RFC 4180.
   */
  function locate(values: readonly string[]): number {
    let at = next;
    let unescapedEnd = 0;
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      if (i > 0 && buffer[at++] !== delimiter) return -1;
      let start = at;
      let end = at + value.length;
      let kind = PLAIN;
      if (at >= length || buffer[at] !== QUOTE) at = end;
      else if (value.includes('"')) {
        const written = `"${value.replaceAll('"', '""')}"`;
        if (buffer.toString('latin1', at, at + written.length) !== written) return -1;
        at += written.length;
        kind = ESCAPED;
        start = unescapedEnd;
        end = unescapedEnd = keepUnescaped(value, start);
      } else {
        start++;
        end++;
        if (buffer[end] !== QUOTE) return -1;
        at = end + 1;
        kind = QUOTED;
      }
      if (i > COLUMNS_MAX) continue;
      starts[i] = start;
      ends[i] = end;
      quoting[i] = kind;
    }
    return at;
  }

  /** Hands over the record from `next` to `end`, its record end included unless the text ends without one. */
  function hand(values: readonly string[], end: number): void {
    let contentEnd = end;
    if (buffer[contentEnd - 1] === recordEnd) contentEnd--;
    if (recordEnd === LF && contentEnd < end && contentEnd > next && buffer[contentEnd - 1] === CR) contentEnd--;
    if (locate(values) === contentEnd) handlers.record(place(contentEnd, values.length));
    else {
      const reason = 'text follows the closing quote of a field';
      handlers.fault({ ...place(contentEnd, 0), code: 'ROW_INVALID', reason });
    }
    moveTo(end);
  }

  const options: Options = {
    delimiter: String.fromCharCode(delimiter),
    record_delimiter: recordEnd === LF ? ['\r\n', '\n'] : ['\r'],
    relax_quotes: true,
    relax_column_count: true,
    // One character a byte: the cheapest strings, and lengths count bytes.
    encoding: 'latin1',
  };

  /** Hands over the records from `next`; tells why it ended before the last byte, if the next bytes cannot help. */
  function parseRecords(isFinal: boolean): 'complete' | 'unclosed' | 'tooLong' {
    const base = next;
    const bytes = buffer.subarray(base, length);
    // csv-parse looks for a quote at every byte; where there is none, not looking saves a fifth of the time.
    const quote = bytes.includes(QUOTE) ? '"' : null;
    let isUnclosed = false;
    try {
      parse(bytes, {
        ...options,
        quote,
        on_record(values: string[], info) {
          const end = base + info.bytes;
          if (end === length && !isFinal && buffer[end - 1] !== recordEnd) return null;
          if (end - next > RECORD_BYTES_MAX) throw TOO_LONG;
          hand(values, end);
          return null;
        },
      });
    } catch (error) {
      if (error === TOO_LONG) return 'tooLong';
      if (!(error instanceof CsvError) || error.code !== 'CSV_QUOTE_NOT_CLOSED') throw error;
      isUnclosed = isFinal;
    }
    if (length - next > RECORD_BYTES_MAX) return 'tooLong';
    return isUnclosed ? 'unclosed' : 'complete';
  }

  function lineEnd(): number {
    const found = buffer.subarray(0, length).indexOf(recordEnd, next);
    return found < 0 ? length : found;
  }

  /** Reports the line from `next` alone; reading goes on behind it. */
  function giveUpLine(code: RecordFault['code'], reason: string): void {
    const end = lineEnd();
    handlers.fault({ ...place(end, 0), code, reason });
    skipping = end === length;
    moveTo(Math.min(end + 1, length));
  }

  function drain(isFinal: boolean): void {
    if (skipping) {
      const end = lineEnd();
      skipping = end === length;
      moveTo(Math.min(end + 1, length));
    }
    while (next < length) {
      const outcome = parseRecords(isFinal);
      if (outcome === 'complete') break;
      if (outcome === 'unclosed') giveUpLine('FILE_FORMAT', 'a quote that opens in this line is never closed');
      else giveUpLine('LIMIT_EXCEEDED', `the record is longer than ${RECORD_BYTES_MAX} bytes`);
    }
    buffer.copyWithin(0, next, length);
    length -= next;
    byteOffset += next;
    next = 0;
    wanted = Math.max(PARSE_BYTES_MIN, Math.min(length * 2, RECORD_BYTES_MAX + 1));
  }

  return {
    push(chunk) {
      if (length + chunk.length > buffer.length) {
        const grown = Buffer.alloc(Math.max(buffer.length * 2, length + chunk.length));
        buffer.copy(grown, 0, 0, length);
        buffer = grown;
      }
      buffer.set(chunk, length);
      length += chunk.length;
      if (length >= wanted) drain(false);
    },
    end() {
      if (length > 0) drain(true);
    },
  };
}

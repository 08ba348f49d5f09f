import { RECORD_BYTES_MAX, COLUMNS_MAX } from '../limits.ts';

const QUOTE = 0x22;
const LF = 0x0a;
const CR = 0x0d;

/** How a delimited text is written. Quotes are always `"`, doubled inside quoted fields (RFC 4180). */
export interface Dialect {
  /** The byte between two fields. */
  readonly delimiter: number;
  /** The byte that ends a record: line feed (a carriage return before it is dropped), or carriage return alone. */
  readonly recordEnd: typeof LF | typeof CR;
}

/** Whether a field was quoted; `ESCAPED` fields hold doubled quotes that {@link unescapeField} resolves. */
export const PLAIN = 0;
export const QUOTED = 1;
export const ESCAPED = 2;

/** Where a record stands. The bytes are valid only during the call that hands them over. */
export interface RecordPlace {
  readonly bytes: Uint8Array;
  /** Index of the first byte of the record in `bytes`. */
  readonly start: number;
  /** Exclusive; without the record end. */
  readonly end: number;
  /** 1-based line of the record's first byte. */
  readonly line: number;
  /** Offset of the record's first byte in the whole text. */
  readonly byteOffset: number;
}

/** A record split into fields: field `i` is `bytes[starts[i]]` to `bytes[ends[i]]`, exclusive and without its quotes. */
export interface DelimitedRecord extends RecordPlace {
  /** May exceed the length of `starts`: fields over the limit are counted, not kept. */
  readonly fieldCount: number;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** `PLAIN`, `QUOTED` or `ESCAPED` for each field. */
  readonly quoting: Uint8Array;
}

/** A record that cannot be split. */
export interface RecordFault extends RecordPlace {
  readonly code: 'ROW_INVALID' | 'FILE_FORMAT' | 'LIMIT_EXCEEDED';
  readonly reason: string;
}

export interface RecordHandlers {
  record(record: DelimitedRecord): void;
  fault(fault: RecordFault): void;
}

export interface RecordSplitter {
  /** Hands over every record that is complete with these bytes. */
  push(chunk: Uint8Array): void;
  /** Hands over what is left; the text has ended. */
  end(): void;
}

/** What became of the record at the current position. */
type Outcome = 'complete' | 'incomplete' | 'unclosed' | 'misquoted';

/**
 * Splits delimited text into records and fields without making a string of anything. The result does not depend on
 * how the text is cut into chunks. A quote inside an unquoted field is data. A record that cannot be split is handed to
 * `fault`: after text behind a closing quote, reading goes on with the line after it; a quote that is never closed or
 * closed only after {@link RECORD_BYTES_MAX} gives up its first line alone, so that one stray quote costs one row.
 */
export function createRecordSplitter(
  dialect: Dialect,
  handlers: RecordHandlers,
  origin: { readonly line: number; readonly byteOffset: number } = { line: 1, byteOffset: 0 },
): RecordSplitter {
  const { delimiter, recordEnd } = dialect;
  const starts = new Int32Array(COLUMNS_MAX + 1);
  const ends = new Int32Array(COLUMNS_MAX + 1);
  const quoting = new Uint8Array(COLUMNS_MAX + 1);
  let buffer = new Uint8Array(1 << 17);
  let length = 0;
  /** While the last record is incomplete, bytes to wait for before trying again: doubling keeps the work linear. */
  let wanted = 0;
  /** Inside a line that is too long to hold, looking for its end. */
  let skipping = false;
  let { line, byteOffset } = origin;
  let fieldCount = 0;
  /** Position after the scanned record, and before its record end. */
  let next = 0;
  let contentEnd = 0;
  let newlines = 0;
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
  };

  /** Scans one record from `position`, which is before `length`. */
  function scan(position: number, isFinal: boolean): Outcome {
    const bytes = buffer;
    const stop = length;
    let at = position;
    fieldCount = 0;
    newlines = 0;
    for (;;) {
      let start = at;
      let end: number;
      let kind = PLAIN;
      if (at < stop && bytes[at] === QUOTE) {
        kind = QUOTED;
        start = ++at;
        for (;;) {
          let byte = 0;
          while (at < stop && (byte = bytes[at]!) !== QUOTE) {
            if (byte === recordEnd) newlines++;
            at++;
          }
          if (at >= stop) return isFinal ? 'unclosed' : 'incomplete';
          if (at + 1 >= stop && !isFinal) return 'incomplete';
          if (at + 1 >= stop || bytes[at + 1] !== QUOTE) break;
          kind = ESCAPED;
          at += 2;
        }
        end = at++;
        contentEnd = at;
        if (recordEnd === LF && at < stop && bytes[at] === CR) {
          if (at + 1 >= stop && !isFinal) return 'incomplete';
          if (at + 1 >= stop || bytes[at + 1] === LF) at++;
        }
        if (at < stop && bytes[at] !== delimiter && bytes[at] !== recordEnd) {
          next = at;
          return 'misquoted';
        }
      } else {
        let byte = 0;
        while (at < stop && (byte = bytes[at]!) !== delimiter && byte !== recordEnd) at++;
        if (at >= stop && !isFinal) return 'incomplete';
        end = at;
        if (recordEnd === LF && end > start && bytes[end - 1] === CR && (at >= stop || byte === LF)) end--;
        contentEnd = end;
      }
      if (fieldCount <= COLUMNS_MAX) {
        starts[fieldCount] = start;
        ends[fieldCount] = end;
        quoting[fieldCount] = kind;
      }
      fieldCount++;
      if (at >= stop) {
        next = stop;
        return 'complete';
      }
      if (bytes[at++] === recordEnd) {
        newlines++;
        next = at;
        return 'complete';
      }
    }
  }

  function place(start: number, end: number, fields: number): typeof view {
    view.bytes = buffer;
    view.start = start;
    view.end = end;
    view.line = line;
    view.byteOffset = byteOffset + start;
    view.fieldCount = fields;
    return view;
  }

  /** Reports the line that starts at `start` and ends at the first record end from `from`; returns where to go on. */
  function giveUp(start: number, from: number, code: RecordFault['code'], reason: string): number {
    const found = buffer.subarray(0, length).indexOf(recordEnd, from);
    const end = found < 0 ? length : found;
    handlers.fault({ ...place(start, end, 0), code, reason });
    for (let i = start; i < end; i++) if (buffer[i] === recordEnd) line++;
    if (found < 0) {
      skipping = true;
      return length;
    }
    line++;
    return found + 1;
  }

  const tooLong = (start: number) =>
    giveUp(start, start, 'LIMIT_EXCEEDED', `the record is longer than ${RECORD_BYTES_MAX} bytes`);

  function drain(isFinal: boolean): void {
    let position = 0;
    if (skipping) {
      const found = buffer.subarray(0, length).indexOf(recordEnd);
      if (found < 0) position = length;
      else {
        position = found + 1;
        skipping = false;
        line++;
      }
    }
    while (position < length) {
      const outcome = scan(position, isFinal);
      if (outcome === 'incomplete') {
        if (length - position <= RECORD_BYTES_MAX) break;
        position = tooLong(position);
      } else if (outcome === 'unclosed') {
        if (length - position > RECORD_BYTES_MAX) position = tooLong(position);
        else position = giveUp(position, position, 'FILE_FORMAT', 'a quote that opens in this line is never closed');
      } else if (next - position > RECORD_BYTES_MAX) {
        position = tooLong(position);
      } else if (outcome === 'misquoted') {
        // The whole line is needed: what follows it must not be read as a record of its own.
        const ended = buffer.subarray(0, length).indexOf(recordEnd, next);
        if (ended < 0 && !isFinal && length - position <= RECORD_BYTES_MAX) break;
        position = giveUp(position, next, 'ROW_INVALID', 'text follows the closing quote of a field');
      } else {
        handlers.record(place(position, contentEnd, fieldCount));
        line += newlines;
        position = next;
      }
    }
    buffer.copyWithin(0, position, length);
    length -= position;
    byteOffset += position;
    wanted = Math.min(length * 2, RECORD_BYTES_MAX + 1);
  }

  return {
    push(chunk) {
      if (length + chunk.length > buffer.length) {
        const grown = new Uint8Array(Math.max(buffer.length * 2, length + chunk.length));
        grown.set(buffer.subarray(0, length));
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

/** Copies the field to `target` with every doubled quote made one; returns the number of bytes written. */
export function unescapeField(bytes: Uint8Array, start: number, end: number, target: Uint8Array): number {
  let written = 0;
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    target[written++] = byte;
    if (byte === QUOTE) i++;
  }
  return written;
}

import { concatBytes } from '#core/kernel/index.ts';
import { QUARANTINE_RAW_MAX, RECORD_BYTES_MAX } from '../limits.ts';
import type { RecordPlace } from './record-place.ts';

const LF = 0x0a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const isSpace = (byte: number) => byte === 0x20 || byte === LF || byte === 0x0d || byte === 0x09;
const opens = (byte: number) => byte === 0x7b || byte === 0x5b;
const closes = (byte: number) => byte === 0x7d || byte === 0x5d;

/** The text of one JSON value, not yet parsed; the bytes are valid only during the call that hands them over. */
export interface JsonRecord extends RecordPlace {
  /** The record is longer than `RECORD_BYTES_MAX`; the bytes are only its start. */
  readonly isTooLong: boolean;
  /** The last line of the text, without a line end. */
  readonly isUnterminated: boolean;
}

/** How the text ended: as it should, in the middle of the array, or with something behind the array. */
export type JsonEnding = 'complete' | 'truncated' | 'trailing';

export interface JsonRecordSplitter {
  push(chunk: Uint8Array): void;
  end(): JsonEnding;
}

/** Keeps the bytes of the record that is being read, up to a limit, over the borders of chunks. */
function createCollector(onRecord: (record: JsonRecord) => void) {
  let parts: Uint8Array[] = [];
  let length = 0;
  let isTooLong = false;
  let line = 0;
  let byteOffset = 0;
  return {
    get isEmpty() {
      return length === 0;
    },
    begin(atLine: number, atOffset: number) {
      line = atLine;
      byteOffset = atOffset;
    },
    /** Keeps bytes that the next chunk continues. */
    keep(bytes: Uint8Array) {
      length += bytes.length;
      if (isTooLong || bytes.length === 0) return;
      parts.push(Uint8Array.from(bytes));
      if (length > RECORD_BYTES_MAX) {
        isTooLong = true;
        parts = [concatBytes(parts).slice(0, QUARANTINE_RAW_MAX * 4)];
      }
    },
    /** Hands over the record that ends with these bytes. */
    finish(bytes: Uint8Array, start: number, end: number, isUnterminated: boolean) {
      if (length === 0 && end - start <= RECORD_BYTES_MAX) {
        onRecord({ bytes, start, end, line, byteOffset, isTooLong: false, isUnterminated });
      } else {
        this.keep(bytes.subarray(start, end));
        const whole = concatBytes(parts);
        onRecord({ bytes: whole, start: 0, end: whole.length, line, byteOffset, isTooLong, isUnterminated });
      }
      parts = [];
      length = 0;
      isTooLong = false;
    },
  };
}

/** Splits newline-delimited JSON into its lines; lines of white space alone are passed over. */
export function createLineSplitter(byteOffset: number, onRecord: (record: JsonRecord) => void): JsonRecordSplitter {
  const collector = createCollector((record) => {
    for (let i = record.start; i < record.end; i++) {
      if (isSpace(record.bytes[i]!)) continue;
      onRecord(record);
      return;
    }
  });
  let line = 1;
  let offset = byteOffset;
  collector.begin(line, offset);
  return {
    push(chunk) {
      let start = 0;
      for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, start)) {
        collector.finish(chunk, start, end, false);
        start = end + 1;
        line++;
        collector.begin(line, offset + start);
      }
      collector.keep(chunk.subarray(start));
      offset += chunk.length;
    },
    end() {
      if (!collector.isEmpty) collector.finish(new Uint8Array(0), 0, 0, true);
      return 'complete';
    },
  };
}

/** Splits one JSON array into the texts of its elements; what they hold is for the parser to judge. */
export function createArraySplitter(byteOffset: number, onRecord: (record: JsonRecord) => void): JsonRecordSplitter {
  const collector = createCollector(onRecord);
  let state: 'before' | 'start' | 'between' | 'element' | 'after' = 'before';
  let isTrailing = false;
  let isInString = false;
  let isEscaped = false;
  let depth = 0;
  let line = 1;
  let offset = byteOffset;

  /** Scans the element from `at`; the index of the comma or bracket behind it, or the chunk's length. */
  function scanElement(chunk: Uint8Array, from: number): number {
    let at = from;
    for (; at < chunk.length; at++) {
      const byte = chunk[at]!;
      if (isInString) {
        if (isEscaped) isEscaped = false;
        else if (byte === BACKSLASH) isEscaped = true;
        else if (byte === QUOTE) isInString = false;
      } else if (byte === QUOTE) isInString = true;
      else if (opens(byte)) depth++;
      else if (depth === 0 && (byte === COMMA || byte === 0x5d)) return at;
      else if (closes(byte) && depth > 0) depth--;
      if (byte === LF) line++;
    }
    return at;
  }

  return {
    push(chunk) {
      let at = 0;
      while (at < chunk.length) {
        if (state === 'element') {
          const end = scanElement(chunk, at);
          if (end === chunk.length) {
            collector.keep(chunk.subarray(at));
            break;
          }
          collector.finish(chunk, at, end, false);
          state = chunk[end] === COMMA ? 'between' : 'after';
          at = end + 1;
          continue;
        }
        const byte = chunk[at]!;
        if (isSpace(byte)) {
          if (byte === LF) line++;
          at++;
        } else if (state === 'before') {
          state = 'start';
          at++;
        } else if (state === 'after') {
          isTrailing = true;
          break;
        } else if (state === 'start' && byte === 0x5d) {
          state = 'after';
          at++;
        } else {
          // Behind a comma even nothing is an element: an empty one, which the parser refuses.
          collector.begin(line, offset + at);
          state = 'element';
        }
      }
      offset += chunk.length;
    },
    end: () => (isTrailing ? 'trailing' : state === 'after' ? 'complete' : 'truncated'),
  };
}

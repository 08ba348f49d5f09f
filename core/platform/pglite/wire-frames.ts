/**
 * The few messages of PostgreSQL's frontend/backend protocol that a session in this process needs.
 * Source: PostgreSQL 18 manual, section 54.7 (message formats). Integers are big endian; a length counts itself.
 */
import { concatBytes, fromUtf8, toUtf8 } from '#core/kernel/index.ts';
import type { EngineError } from '../sql-error.ts';

const HEADER_BYTES = 5;

function frame(tag: string, ...parts: Uint8Array[]): Uint8Array {
  const body = concatBytes(parts);
  const bytes = new Uint8Array(HEADER_BYTES + body.length);
  bytes[0] = tag.charCodeAt(0);
  new DataView(bytes.buffer).setInt32(1, 4 + body.length);
  bytes.set(body, HEADER_BYTES);
  return bytes;
}

const terminated = (text: string) => toUtf8(`${text}\0`);

function int16(value: number): Uint8Array {
  const bytes = new Uint8Array(2);
  new DataView(bytes.buffer).setUint16(0, value);
  return bytes;
}

function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value);
  return bytes;
}

/** A script of statements without parameters (Query). */
export const scriptFrames = (script: string): Uint8Array => frame('Q', terminated(script));

/** One statement with parameters as text (Parse, Bind, Describe, Execute, Sync); results come as text. */
export function statementFrames(text: string, parameters: readonly (string | null)[]): Uint8Array {
  const values = parameters.flatMap((value) => {
    if (value === null) return [int32(-1)];
    const bytes = toUtf8(value);
    return [int32(bytes.length), bytes];
  });
  return concatBytes([
    frame('P', terminated(''), terminated(text), int16(0)),
    frame('B', terminated(''), terminated(''), int16(0), int16(parameters.length), ...values, int16(0)),
    frame('D', toUtf8('P'), terminated('')),
    frame('E', terminated(''), int32(0)),
    frame('S'),
  ]);
}

/** A COPY … FROM STDIN with all of its data (Query, CopyData, CopyDone). */
export const copyInFrames = (statement: string, data: Uint8Array): Uint8Array =>
  concatBytes([scriptFrames(statement), frame('d', data), frame('c')]);

/** Asks for nothing but ReadyForQuery (Sync). */
export const syncFrame = (): Uint8Array => frame('S');

/** The refusal in an ErrorResponse's fields. */
function readError(body: Uint8Array): EngineError {
  const fields = new Map(
    fromUtf8(body)
      .split('\0')
      .map((field) => [field.slice(0, 1), field.slice(1)]),
  );
  return { message: fields.get('M') ?? 'unknown error', sqlState: fields.get('C') ?? 'XX000' };
}

/**
 * Reads what a session answers to COPY … TO STDOUT, from chunks that may end anywhere: hands the payload of CopyData to
 * `onData` (a view, valid during the call) and keeps the refusal, if one comes.
 */
export function createCopyOutReader(onData: (bytes: Uint8Array) => void) {
  let header = new Uint8Array(HEADER_BYTES);
  let headerFilled = 0;
  let bodyLeft = 0;
  let errorParts: Uint8Array[] = [];
  let refusal: EngineError | undefined;

  return {
    get refusal() {
      return refusal;
    },
    push(chunk: Uint8Array): void {
      let position = 0;
      while (position < chunk.length) {
        if (headerFilled < HEADER_BYTES) {
          header[headerFilled] = chunk[position]!;
          headerFilled += 1;
          position += 1;
          if (headerFilled < HEADER_BYTES) continue;
          bodyLeft = (header[1]! << 24) + (header[2]! << 16) + (header[3]! << 8) + header[4]! - 4;
        }
        const end = Math.min(chunk.length, position + bodyLeft);
        if (header[0] === 0x64 /* d */) onData(chunk.subarray(position, end));
        else if (header[0] === 0x45 /* E */) errorParts.push(chunk.slice(position, end));
        bodyLeft -= end - position;
        position = end;
        if (bodyLeft > 0) return;
        if (header[0] === 0x45) refusal ??= readError(concatBytes(errorParts));
        headerFilled = 0;
      }
    },
  };
}

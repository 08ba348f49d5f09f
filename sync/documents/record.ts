import { canonicalJson, equalBytes, fromUtf8 } from '#core/kernel/index.ts';
import { z } from 'zod';
import { jsonDepth } from './json-depth.ts';
import { RECORD_BYTES_MAX, RECORD_DEPTH_MAX, RECORD_TEXT_LENGTH_MAX } from './limits.ts';

/** Why a record does not count. */
export type RecordFault =
  /** Over `RECORD_BYTES_MAX`, or deeper than `RECORD_DEPTH_MAX`. */
  | 'record-size'
  /** Not JSON of valid Unicode, or not its one spelling. */
  | 'record-malformed'
  /** Its members are not those of its schema, or one of them is out of range. */
  | 'record-invalid';

export const countSchema = z.int().min(0);
export const textSchema = z.string().max(RECORD_TEXT_LENGTH_MAX);
/** Id of an operation. */
export const operationIdSchema = z.string().regex(/^[0-9a-f]{64}$/);

/** A lone surrogate, which is the one thing that canonical JSON writes so: no text can be made of it. */
const HALF_A_CHARACTER = /(?<!\\)(?:\\\\)*\\ud[89a-f]/;

/** Reads a record. Only the canonical bytes of what `schema` accepts are one. */
export function decodeRecord<T>(
  schema: z.ZodType<T>,
  bytes: Uint8Array,
  byteCountMax = RECORD_BYTES_MAX,
): { readonly record: T } | RecordFault {
  if (bytes.length > byteCountMax || jsonDepth(bytes) > RECORD_DEPTH_MAX) return 'record-size';
  let text: string;
  let json: unknown;
  let canonical: Uint8Array;
  try {
    text = fromUtf8(bytes);
    json = JSON.parse(text);
    // There is no way to write a number that was too large to be read.
    canonical = canonicalJson(json);
  } catch {
    return 'record-malformed';
  }
  if (HALF_A_CHARACTER.test(text) || !equalBytes(canonical, bytes)) return 'record-malformed';
  const parsed = schema.safeParse(json);
  return parsed.success ? { record: parsed.data } : 'record-invalid';
}

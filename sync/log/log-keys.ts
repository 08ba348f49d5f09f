/**
 * Where the logs of all devices lie in the store.
 *
 * | key                                       | value                                                    |
 * | ----------------------------------------- | -------------------------------------------------------- |
 * | `log/<author>/<log id>/<seq, 10 digits>`  | header, then body                                        |
 * | `log-tip/<author>/<log id>`               | id of the last operation (32), its seq (u32, big endian) |
 * | `log-state/<author>/<log id>`             | what is known about a log besides, see `log-state.ts`    |
 * | `log-fork/<author>/<log id>`              | proof of a fork, see `fork-proof.ts`                     |
 * | `log-unverified/<author>/<log id>`        | empty; signatures of this log are still to be checked    |
 * | `log-arrival/<arrival, 16 digits>`        | author (32), log id (32), seq (u32) from which it changed |
 * | `log-author/<author>`                     | what the limits of one device are counted by             |
 * | `log-incarnation`                         | see `incarnation.ts`                                     |
 *
 * Author and log id are hexadecimal.
 */
import { concatBytes, fromHex, toHex } from '#core/kernel/index.ts';

const SEQ_DIGITS = 10;
const ARRIVAL_DIGITS = 16;

export const TIP_BYTES = 36;
const ARRIVAL_BYTES = 68;
export const TIPS = 'log-tip/';
export const STATES = 'log-state/';
export const FORKS = 'log-fork/';
export const UNVERIFIED = 'log-unverified/';
export const ARRIVALS = 'log-arrival/';

/** The last operation of a log. */
export interface LogTip {
  readonly seq: number;
  readonly operationId: Uint8Array;
}

/** Names one log: its author and its id, 32 bytes each. */
export interface LogName {
  readonly author: Uint8Array;
  readonly logId: Uint8Array;
}

/** The part of the keys that names the log: `<author>/<log id>`. */
export const logPath = (author: Uint8Array, logId: Uint8Array): string => `${toHex(author)}/${toHex(logId)}`;

export function parseLogPath(path: string): LogName {
  const [author = '', logId = ''] = path.split('/');
  return { author: fromHex(author), logId: fromHex(logId) };
}

export const entryPrefix = (path: string): string => `log/${path}/`;
export const entryKey = (path: string, seq: number): string =>
  entryPrefix(path) + String(seq).padStart(SEQ_DIGITS, '0');
export const tipKey = (path: string): string => TIPS + path;
export const stateKey = (path: string): string => STATES + path;
export const forkKey = (path: string): string => FORKS + path;
export const unverifiedKey = (path: string): string => UNVERIFIED + path;
export const arrivalKey = (arrival: number): string => ARRIVALS + String(arrival).padStart(ARRIVAL_DIGITS, '0');
export const INCARNATION_KEY = 'log-incarnation';
export const authorKey = (author: Uint8Array): string => `log-author/${toHex(author)}`;

const encodeU32 = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
};

const readU32 = (bytes: Uint8Array, offset: number): number =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(offset);

export const encodeTip = ({ operationId, seq }: LogTip): Uint8Array => concatBytes([operationId, encodeU32(seq)]);

/** Undefined for bytes that are no tip. */
export const decodeTip = (bytes: Uint8Array): LogTip | undefined =>
  bytes.length === TIP_BYTES ? { operationId: bytes.slice(0, 32), seq: readU32(bytes, 32) } : undefined;

export const encodeArrival = ({ author, logId, seq }: LogName & { readonly seq: number }): Uint8Array =>
  concatBytes([author, logId, encodeU32(seq)]);

/** Undefined for bytes that are no arrival. */
export const decodeArrival = (bytes: Uint8Array): (LogName & { readonly seq: number }) | undefined =>
  bytes.length === ARRIVAL_BYTES
    ? { author: bytes.slice(0, 32), logId: bytes.slice(32, 64), seq: readU32(bytes, 64) }
    : undefined;

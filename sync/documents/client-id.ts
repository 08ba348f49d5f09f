import { concatBytes, fromHex, toUtf8 } from '#core/kernel/index.ts';
import type { Blake3 } from '#sync/log/index.ts';

const CLIENT_DOMAIN = toUtf8('granary/document-client/1');

/** A log: its author's public key and its id, in hexadecimal digits. */
export interface LogOfAuthor {
  readonly author: string;
  readonly logId: string;
}

/**
 * The Yjs client id of a log: the first 53 bits of BLAKE3 over a domain, the author's key and the log's id. The key is in
 * it because anybody may write a log of any id.
 */
export function clientIdOf(blake3: Blake3, { author, logId }: LogOfAuthor): number {
  const name = author + logId;
  // Assets that are folded one after another are mostly about the same few logs.
  const known = KNOWN.get(name);
  if (known !== undefined) return known;
  const hash = blake3(concatBytes([CLIENT_DOMAIN, fromHex(author), fromHex(logId)]));
  const client = Number(new DataView(hash.buffer, hash.byteOffset).getBigUint64(0) >> 11n);
  if (KNOWN.size >= KNOWN_CLIENTS_MAX) KNOWN.clear();
  KNOWN.set(name, client);
  return client;
}

/** Client ids that are remembered, with the names of their logs: a quarter of a megabyte. */
const KNOWN_CLIENTS_MAX = 1_024;
const KNOWN = new Map<string, number>();

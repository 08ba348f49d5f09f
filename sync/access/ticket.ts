/**
 * An invitation into a space as a text: `granary1` and, in base 32, a version (1 byte), the CBOR array `[space, genesis id,
 * issuer, [address…], secret, level, expiry, space name]` and a checksum of five bytes. It holds no keys of the space; the
 * issuer alone redeems it, once.
 */
import { concatBytes, equalBytes, GranaryError, isGranaryError, toUtf8, type Uuid } from '#core/kernel/index.ts';
import {
  type Blake3,
  type CborCursor,
  encodeArray,
  encodeByteString,
  encodeText,
  encodeUnsigned,
  operationInvalid,
  readByteString,
  readTextUpTo,
  readUnsigned,
  readUuid,
  uuidToBytes,
} from '#sync/log/index.ts';
import { decodeBase32, encodeBase32 } from './base32.ts';
import { type Level, LEVELS } from './level.ts';
import { readDisplayName, readId, readList, readRecord } from './record-fields.ts';

const PREFIX = 'granary1';
const TICKET_VERSION = 1;
const CHECKSUM_BYTES = 5;
const CHECKSUM_DOMAIN = toUtf8('granary ticket\0');
const SAFE_LARGEST = BigInt(Number.MAX_SAFE_INTEGER);

/** Bytes of the secret that shows the issuer that it is its ticket: nobody guesses it. */
export const TICKET_SECRET_BYTES = 16;

/** Addresses in a ticket: a LAN, a few networks and relays, and the whole still fits into one QR code. */
export const TICKET_ADDRESSES_MAX = 8;

/** Bytes of one address: the longest host name, or a relay's address with two keys in it. */
export const TICKET_ADDRESS_BYTES_MAX = 256;

/** Characters looked at, with spaces and line breaks that came in between: twice the longest ticket. */
export const TICKET_CHARACTERS_MAX = 8192;

export interface Ticket {
  readonly space: Uuid;
  /** Id of the founding operation, 32 bytes. */
  readonly genesisId: Uint8Array;
  /** Ed25519 public key of the device that made the ticket. */
  readonly issuer: Uint8Array;
  /** Multiaddrs of the issuer, best first. */
  readonly addresses: readonly string[];
  /** {@link TICKET_SECRET_BYTES} bytes. */
  readonly secret: Uint8Array;
  /** What the issuer will grant. */
  readonly level: Level;
  /** Milliseconds since the UNIX epoch; the issuer's clock decides. */
  readonly expiresAt: number;
  readonly spaceName: string;
}

const ticketInvalid = (fault: string) => new GranaryError('TICKET_INVALID', `The ticket ${fault}.`);

const checksum = (blake3: Blake3, content: Uint8Array): Uint8Array =>
  blake3(concatBytes([CHECKSUM_DOMAIN, content])).subarray(0, CHECKSUM_BYTES);

/** A text of lower-case letters and digits. Errors: `TICKET_INVALID` for what no ticket can hold, such as nine addresses. */
export function encodeTicket(blake3: Blake3, ticket: Ticket): string {
  const record = encodeArray([
    encodeByteString(uuidToBytes(ticket.space)),
    encodeByteString(ticket.genesisId),
    encodeByteString(ticket.issuer),
    encodeArray(ticket.addresses.map(encodeText)),
    encodeByteString(ticket.secret),
    encodeUnsigned(LEVELS.indexOf(ticket.level)),
    encodeUnsigned(ticket.expiresAt),
    encodeText(ticket.spaceName),
  ]);
  decodeRecord(record);
  const content = concatBytes([Uint8Array.of(TICKET_VERSION), record]);
  return PREFIX + encodeBase32(concatBytes([content, checksum(blake3, content)]));
}

/**
 * Reads a ticket as people hand it on: in either case, with spaces, line breaks and hyphens in it, with `o` for `0` and `i` or
 * `l` for `1`. Errors: `TICKET_INVALID`.
 */
export function decodeTicket(blake3: Blake3, text: string): Ticket {
  if (text.length > TICKET_CHARACTERS_MAX) {
    throw ticketInvalid(`has ${text.length} characters; the limit is ${TICKET_CHARACTERS_MAX}`);
  }
  const letters = text.replaceAll(/[\s-]/g, '').toLowerCase();
  if (!letters.startsWith(PREFIX))
    throw ticketInvalid(`does not begin with ${PREFIX}. Copy it from its first letter on`);
  const bytes = decodeBase32(letters.slice(PREFIX.length));
  if (bytes && 'character' in bytes) {
    throw ticketInvalid(`holds ${JSON.stringify(bytes.character)}, which no ticket does. Copy it again`);
  }
  const content = bytes?.subarray(0, -CHECKSUM_BYTES);
  if (!content || content.length === 0 || !equalBytes(bytes!.subarray(-CHECKSUM_BYTES), checksum(blake3, content))) {
    throw ticketInvalid('has a typing error or is not whole: its checksum does not fit. Copy it again, up to its end');
  }
  if (content[0] !== TICKET_VERSION) {
    throw ticketInvalid(`is of version ${content[0]}, which this version of Granary does not know. Update Granary`);
  }
  return decodeRecord(content.subarray(1));
}

/** Errors: `TICKET_INVALID`. */
function decodeRecord(record: Uint8Array): Ticket {
  try {
    return readRecord(record, 8, readTicket);
  } catch (error) {
    if (!isGranaryError(error, 'OPERATION_INVALID')) throw error;
    throw ticketInvalid(
      `says something that no ticket may (${error.message.replace(/^.*?: |\.$/g, '')}). Ask for another`,
    );
  }
}

const readTicket = (cursor: CborCursor): Ticket => ({
  space: readUuid(cursor),
  genesisId: readId(cursor),
  issuer: readId(cursor),
  addresses: readList(cursor, TICKET_ADDRESSES_MAX, readAddress),
  secret: readByteString(cursor, TICKET_SECRET_BYTES),
  level: LEVELS[Number(readUnsigned(cursor, BigInt(LEVELS.length - 1)))]!,
  expiresAt: Number(readUnsigned(cursor, SAFE_LARGEST)),
  spaceName: readDisplayName(cursor),
});

function readAddress(cursor: CborCursor): string {
  const address = readTextUpTo(cursor, TICKET_ADDRESS_BYTES_MAX);
  if (!/^\/[\x21-\x7e]+$/.test(address)) throw operationInvalid('an address is no multiaddr');
  return address;
}

/**
 * Where devices can be reached, as one frame: the CBOR array `[1, [[device, [address…]]…]]`, devices rising. Format:
 * docs/formats/peers-v1.md.
 */
import { toHex } from '#core/kernel/index.ts';
import { TICKET_ADDRESS_BYTES_MAX, TICKET_ADDRESSES_MAX } from '#sync/access/index.ts';
import {
  encodeArray,
  encodeByteString,
  encodeText,
  encodeUnsigned,
  operationInvalid,
  readArrayLength,
  readByteString,
  readEnd,
  readTextUpTo,
  readUnsigned,
} from '#sync/log/index.ts';

/** Devices whose addresses one frame names: more are found by those that these know. */
export const ADDRESSES_DEVICES_MAX = 256;
/** The largest frame: each device with as many of the longest addresses as it may have, and the few bytes around them. */
export const ADDRESSES_FRAME_BYTES_MAX =
  ADDRESSES_DEVICES_MAX * (40 + TICKET_ADDRESSES_MAX * (TICKET_ADDRESS_BYTES_MAX + 3)) + 16;

const VERSION = 1;
const KEY_BYTES = 32;

export interface DeviceAddresses {
  readonly device: Uint8Array;
  /** Multiaddrs, best first. */
  readonly addresses: readonly string[];
}

export function encodeAddresses(devices: readonly DeviceAddresses[]): Uint8Array {
  const rising = devices.toSorted((left, right) => (toHex(left.device) < toHex(right.device) ? -1 : 1));
  return encodeArray([
    encodeUnsigned(VERSION),
    encodeArray(
      rising
        .slice(0, ADDRESSES_DEVICES_MAX)
        .map(({ device, addresses }) =>
          encodeArray([
            encodeByteString(device),
            encodeArray(addresses.slice(0, TICKET_ADDRESSES_MAX).map(encodeText)),
          ]),
        ),
    ),
  ]);
}

/** Errors: `OPERATION_INVALID`. */
export function decodeAddresses(bytes: Uint8Array): DeviceAddresses[] {
  const cursor = { bytes, offset: 0 };
  const readCount = (max: number): number => {
    const count = Number(readArrayLength(cursor));
    if (count > max) throw operationInvalid(`a list of addresses has ${count} elements`);
    return count;
  };
  if (readCount(2) !== 2 || readUnsigned(cursor, 0xffffn) !== BigInt(VERSION)) {
    throw operationInvalid('a list of addresses is of an unknown form');
  }
  const devices: DeviceAddresses[] = [];
  for (let left = readCount(ADDRESSES_DEVICES_MAX), before = ''; left > 0; left--) {
    if (readCount(2) !== 2) throw operationInvalid('a device and its addresses are not a pair');
    const device = readByteString(cursor, KEY_BYTES);
    if (toHex(device) <= before) throw operationInvalid('devices do not rise');
    before = toHex(device);
    const addresses: string[] = [];
    for (let rest = readCount(TICKET_ADDRESSES_MAX); rest > 0; rest--) {
      addresses.push(readTextUpTo(cursor, TICKET_ADDRESS_BYTES_MAX));
    }
    devices.push({ device, addresses });
  }
  readEnd(cursor);
  return devices;
}

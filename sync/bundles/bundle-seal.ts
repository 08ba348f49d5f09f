/**
 * The start of a bundle file, and the keys of one that is sealed:
 *
 * | bytes  | what                                                                        |
 * | ------ | --------------------------------------------------------------------------- |
 * | 16     | `granary bundle 1`                                                          |
 * | 1      | 0 for a plain bundle, 1 for a sealed one                                    |
 * | 2      | sealed only: recipients (u16, big endian)                                   |
 * | 80 × R | sealed only: the file's key, sealed to each recipient                       |
 * | 32     | sealed only: check of the key and of all before it                          |
 *
 * The key of the body is derived from the file's key and the start, so that a start with other recipients opens nothing.
 */
import { concatBytes, equalBytes, fromUtf8, GranaryError, type Random, toUtf8 } from '#core/kernel/index.ts';
import type { ByteSource } from '#core/platform/ports.ts';
import type { Blake3 } from '#sync/log/index.ts';
import { bundleDamaged } from './bundle-fault.ts';
import { BUNDLE_RECIPIENTS_MAX } from './limits.ts';
import type { OpenKey, SealKey } from './ports.ts';

export const BUNDLE_MAGIC = toUtf8('granary bundle 1');
export const SEALED_KEY_BYTES = 80;
const FILE_KEY_BYTES = 32;
const CHECK_BYTES = 32;
const PLAIN = 0;
const SEALED = 1;
const FORM_END = BUNDLE_MAGIC.length + 1;
const COUNT_END = FORM_END + 2;
const CHECK_LABEL = toUtf8('granary bundle v1 check\0');
const BODY_LABEL = toUtf8('granary bundle v1 body\0');

/** The start of a file and the key of its body; no key when the body is plain. */
export interface BundleStart {
  readonly bytes: Uint8Array;
  readonly recipientCount: number;
  readonly bodyKey: Uint8Array | undefined;
}

export const plainStart = (): BundleStart => ({
  bytes: concatBytes([BUNDLE_MAGIC, Uint8Array.of(PLAIN)]),
  recipientCount: 0,
  bodyKey: undefined,
});

/** Seals a fresh key to each recipient. Errors: `LIMIT_EXCEEDED`. */
export async function sealedStart(
  deps: { readonly blake3: Blake3; readonly random: Random; readonly sealing: SealKey },
  recipients: readonly Uint8Array[],
): Promise<BundleStart> {
  const count = recipients.length;
  if (count === 0 || count > BUNDLE_RECIPIENTS_MAX) {
    throw new GranaryError(
      'LIMIT_EXCEEDED',
      `A bundle cannot be sealed to ${count} devices: from 1 to ${BUNDLE_RECIPIENTS_MAX} are possible.`,
      { limit: BUNDLE_RECIPIENTS_MAX },
    );
  }
  const key = deps.random.bytes(FILE_KEY_BYTES);
  const sealed: Uint8Array[] = [];
  for (const recipient of recipients) sealed.push(await deps.sealing.sealKeyTo(recipient, key));
  const head = concatBytes([BUNDLE_MAGIC, Uint8Array.of(SEALED, count >> 8, count & 0xff), ...sealed]);
  return {
    bytes: concatBytes([head, derive(deps.blake3, CHECK_LABEL, key, head)]),
    recipientCount: count,
    bodyKey: derive(deps.blake3, BODY_LABEL, key, head),
  };
}

const derive = (blake3: Blake3, label: Uint8Array, key: Uint8Array, head: Uint8Array): Uint8Array =>
  blake3(concatBytes([label, key, head]));

/**
 * Reads the start of a file. Errors: `BUNDLE_DAMAGED`, `BUNDLE_VERSION`, `BUNDLE_SEALED` when the file is sealed and not
 * to this device.
 */
export async function readStart(
  { blake3, sealing }: { readonly blake3: Blake3; readonly sealing: OpenKey | undefined },
  file: ByteSource,
): Promise<BundleStart> {
  const truncated = () => bundleDamaged('truncated', 'it ends early');
  const read = async (end: number) => {
    if (end > file.byteCount) throw truncated();
    return file.read(0, end);
  };
  if (file.byteCount < FORM_END) throw bundleDamaged('not-a-bundle', `it has ${file.byteCount} bytes`);
  const form = await read(FORM_END);
  checkMagic(form.subarray(0, BUNDLE_MAGIC.length));
  if (form[BUNDLE_MAGIC.length] === PLAIN) return { bytes: form, recipientCount: 0, bodyKey: undefined };
  if (form[BUNDLE_MAGIC.length] !== SEALED) throw bundleDamaged('not-a-bundle', 'it is neither plain nor sealed');

  const counted = await read(COUNT_END);
  const recipientCount = counted[FORM_END]! * 256 + counted[FORM_END + 1]!;
  if (recipientCount === 0 || recipientCount > BUNDLE_RECIPIENTS_MAX) {
    throw bundleDamaged('section-invalid', `it is sealed to ${recipientCount} devices`);
  }
  const bytes = await read(COUNT_END + recipientCount * SEALED_KEY_BYTES + CHECK_BYTES);
  const head = bytes.subarray(0, -CHECK_BYTES);
  const check = bytes.subarray(-CHECK_BYTES);
  for (let offset = COUNT_END; sealing && offset < head.length; offset += SEALED_KEY_BYTES) {
    const key = await sealing.openKey(head.slice(offset, offset + SEALED_KEY_BYTES));
    if (!key || !equalBytes(derive(blake3, CHECK_LABEL, key, head), check)) continue;
    return { bytes, recipientCount, bodyKey: derive(blake3, BODY_LABEL, key, head) };
  }
  throw new GranaryError(
    'BUNDLE_SEALED',
    `The bundle is sealed to ${recipientCount} devices, and none of them is this one. Ask its sender to add this device.`,
    { recipientCount },
  );
}

function checkMagic(magic: Uint8Array): void {
  if (equalBytes(magic, BUNDLE_MAGIC)) return;
  if (!equalBytes(magic.subarray(0, -1), BUNDLE_MAGIC.subarray(0, -1))) {
    throw bundleDamaged('not-a-bundle', 'it begins otherwise');
  }
  const version = magic[BUNDLE_MAGIC.length - 1]!;
  const isDigit = version > 0x31 && version <= 0x39;
  if (!isDigit) throw bundleDamaged('not-a-bundle', 'it is of no version');
  throw new GranaryError(
    'BUNDLE_VERSION',
    `The bundle is of format ${fromUtf8(magic.subarray(-1))}, which this Granary does not know. Update Granary.`,
    { version: version - 0x30 },
  );
}

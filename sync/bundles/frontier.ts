/** What a sender says it has: the last operation of every log, signed. */
import { concatBytes, equalBytes, toUtf8 } from '#core/kernel/index.ts';
import { type Blake3, type Ed25519, type SigningKey, verifyStrict } from '#sync/log/index.ts';
import { type LogTip, TipTree } from '#sync/reconcile/index.ts';
import { bundleDamaged } from './bundle-fault.ts';
import { type BundleHeader, compareLogs, encodePayload, SIGNATURE_BYTES } from './sections.ts';

const TAG_LABEL = toUtf8('granary bundle v1 space\0');
const SIGNED_LABEL = toUtf8('granary bundle v1 frontier\0');

/** Tells members which space a bundle is of, and nobody else. 32 bytes. */
export const bundleSpaceTag = (blake3: Blake3, spaceId: Uint8Array): Uint8Array =>
  blake3(concatBytes([TAG_LABEL, spaceId]));

export const isBundleOf = (
  blake3: Blake3,
  { spaceTag }: Pick<BundleHeader, 'spaceTag'>,
  spaceId: Uint8Array,
): boolean => equalBytes(spaceTag, bundleSpaceTag(blake3, spaceId));

/** The header up to its signature, behind a label of its own. */
const signedBytes = (header: BundleHeader): Uint8Array =>
  concatBytes([SIGNED_LABEL, encodePayload('header', header).subarray(0, -SIGNATURE_BYTES)]);

/** Signs what is known of a frontier before its signature. */
export function signFrontier(key: SigningKey, facts: Omit<BundleHeader, 'sender' | 'signature'>): BundleHeader {
  const unsigned = { ...facts, sender: key.publicKey, signature: new Uint8Array(SIGNATURE_BYTES) };
  return { ...unsigned, signature: key.sign(signedBytes(unsigned)) };
}

/** Checks that `tips` are what the header names and its sender signed. Errors: `BUNDLE_DAMAGED`. */
export function checkFrontier(
  { blake3, ed25519 }: { readonly blake3: Blake3; readonly ed25519: Ed25519 },
  header: BundleHeader,
  tips: readonly LogTip[],
): void {
  for (let i = 1; i < tips.length; i++) {
    if (compareLogs(tips[i - 1]!, tips[i]!) >= 0)
      throw bundleDamaged('frontier-invalid', 'its frontier is out of order');
  }
  if (tips.length !== header.logCount || !equalBytes(TipTree.of(blake3, tips).root, header.root)) {
    throw bundleDamaged('frontier-invalid', 'its frontier is not the one of its header');
  }
  if (!verifyStrict(ed25519, header.sender, signedBytes(header), header.signature)) {
    throw bundleDamaged('frontier-unsigned', 'the signature of its sender does not hold');
  }
}

import { toHex } from '#core/kernel/index.ts';
import { hex, otherKey, upstreamKey } from '#sync/log/testing/fixtures.ts';
import { encodePledge, type PledgeTerms, signPledge } from '../pledges.ts';
import { challengedLeaves, provePossession } from '../possession.ts';
import { sealedByteCount, sealedLayout } from '../sealed-layout.ts';
import type { SealedName } from '../sealed-segment.ts';
import { blake3, plainBytes, sealBytes } from './fixtures.ts';
import { createMemorySealedFolder } from './memory-sealed-folder.ts';

export const goldenTerms = (name: SealedName): PledgeTerms => ({
  holder: upstreamKey.publicKey,
  asker: otherKey.publicKey,
  name,
  until: 1_900_000_000_123,
  nonce: hex('0123456789abcdef'.repeat(4)),
});

/** The pledge for a segment of `plainBytes`, and how its holder proves to have it. */
export async function goldenPledge(byteCount: number) {
  const folder = createMemorySealedFolder();
  const { name } = await sealBytes(folder, plainBytes(byteCount));
  const terms = goldenTerms(name);
  const { leafCount } = sealedLayout(sealedByteCount(byteCount))!;
  return {
    byteCount,
    name,
    leaves: challengedLeaves(blake3, terms, leafCount),
    proof: toHex(await provePossession(blake3, (await folder.open(name))!, terms)),
    pledge: toHex(encodePledge(signPledge(upstreamKey, terms))),
  };
}

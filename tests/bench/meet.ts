import { systemRandom } from '#core/platform/index.ts';
import { runSession } from '#sync/reconcile/index.ts';
import { createMemoryLine } from '#sync/reconcile/testing/memory-channel.ts';
import { createMemoryAgreements } from '#sync/reconcile/testing/memory-stores.ts';
import { SYNC_BINDING } from '#sync/reconcile/testing/sync-world.ts';
import type { BenchNode } from './space-node.ts';

/** Everything goes from one node to the other, over a line in memory. */
export async function meetInMemory(caller: BenchNode, callee: BenchNode): Promise<void> {
  const [near, far] = createMemoryLine();
  const side = (node: BenchNode, role: 'initiator' | 'responder', other: BenchNode) =>
    runSession(
      { blake3: node.blake3, random: systemRandom, agreements: createMemoryAgreements() },
      {
        role,
        channel: role === 'initiator' ? near : far,
        peerId: other.key.publicKey,
        binding: SYNC_BINDING,
        views: node.spaces.viewsFor(other.key.publicKey),
      },
    );
  const [report] = await Promise.all([side(caller, 'initiator', callee), side(callee, 'responder', caller)]);
  if (!report.spaces[0]?.equal) throw new Error('The two nodes did not agree.');
}

import { describe, expect, test } from 'vitest';
import type { PeerOutput, TicketOutput } from '#sync/peers/index.ts';
import { decodeTicket, encodeTicket } from '#sync/access/index.ts';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import { temporaryFolder } from '#tests/support/granary.ts';
import { createSyncNode, patiently, type SyncNode } from '#tests/support/sync-node.ts';
import { createTestHosts, findHostTools } from '#tests/support/test-hosts.ts';

const can = await findHostTools();
const anywhere = { listen: ['/ip4/0.0.0.0/tcp/7421'], discover: true };

const connectedPeers = async (node: SyncNode): Promise<string[]> => {
  const { peers } = await node.json<{ peers: PeerOutput[] }>('peer', 'list');
  return peers.filter(({ isConnected }) => isConnected).map(({ name }) => name);
};

describe.runIf(can.hosts)('two laptops on a network of their own (needs root and ip netns)', () => {
  test('find each other with a ticket that names no address, and again when both were started anew', async () => {
    await using network = await createTestHosts();
    const [near, far] = network.hosts;
    await using folder = await temporaryFolder();
    await using anna = await createSyncNode(folder.path, 'anna', anywhere, near.prefix);
    await using bo = await createSyncNode(folder.path, 'bo', anywhere, far.prefix);
    await anna.start();
    await anna.json('space', 'create', 'Coop');
    const { ticket } = await anna.json<TicketOutput>('peer', 'invite', 'Coop');
    const decoded = decodeTicket(blake3, ticket);
    expect(decoded.addresses).toEqual([expect.stringContaining(`/ip4/${near.address}/tcp/7421/`)]);

    await bo.start();
    await bo.json('peer', 'join', encodeTicket(blake3, { ...decoded, addresses: [] }));
    await expect.poll(() => connectedPeers(bo), patiently).toEqual(['anna']);

    // Elsewhere than before, so that what each remembers of the other is of no use.
    await Promise.all([anna.stop(), bo.stop()]);
    await Promise.all([anna, bo].map((node) => node.configure({ ...anywhere, listen: ['/ip4/0.0.0.0/tcp/0'] })));
    await Promise.all([anna.start(), bo.start()]);
    await expect.poll(() => connectedPeers(bo), patiently).toEqual(['anna']);
  });
});

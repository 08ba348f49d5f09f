import { join } from 'node:path';
import { expect, test } from 'vitest';
import { canonicalJson, readRecord } from '#core/kernel/index.ts';
import { Commit, openLevelStore, prefixRange } from '#core/platform/index.ts';
import { decodeTicket, encodeTicket } from '#sync/access/index.ts';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import { temporaryFolder } from '#tests/support/granary.ts';
import { createSyncNode, type SyncNode } from '#tests/support/sync-node.ts';

/** Moves the end of all tickets that a node made into the past. */
async function letTicketsExpire({ home }: SyncNode): Promise<void> {
  const store = await openLevelStore(join(home, 'store'), { mustExist: true });
  const commit = new Commit();
  for await (const [key, bytes] of store.entries(prefixRange('invite/'))) {
    commit.put(key, canonicalJson({ ...readRecord<object>(key, bytes), expiresAt: 1 }));
  }
  await store.write(commit, { sync: true });
  await store.close();
}

test('a ticket lets in one device, and says why it does not let in another one', async () => {
  await using stack = new AsyncDisposableStack();
  const { path } = stack.use(await temporaryFolder());
  const anna = stack.use(await createSyncNode(path, 'anna'));
  const bo = stack.use(await createSyncNode(path, 'bo'));
  const cleo = stack.use(await createSyncNode(path, 'cleo'));
  const invite = async () =>
    (await anna.call<{ ticket: string }>('invitePeer', { space: 'Coop', level: 'read' })).ticket;
  const expectRefused = async (node: SyncNode, ticket: string, code: string, text: string) => {
    const { exitCode, stderr } = await node.run('peer', 'join', ticket);
    expect(stderr).toContain(`error: ${code} `);
    expect(stderr).toContain(text);
    expect(exitCode).toBe(1);
  };
  await anna.start();
  await anna.call('createSpace', { name: 'Coop' });

  const first = await invite();
  await expectRefused(anna, first, 'TICKET_INVALID', 'was made by this device');
  // As somebody reads it aloud: in groups, and in capital letters.
  const spoken = first.toUpperCase().replace(/.{5}/g, '$& ');
  expect((await bo.run('peer', 'join', ...spoken.split(' '))).stdout).toContain('Coop: joined; this device may read');
  await expectRefused(cleo, first, 'TICKET_INVALID', 'was redeemed by another device already');
  expect((await bo.run('peer', 'join', first)).stdout).toContain('Coop: joined');

  const second = await invite();
  const garbled = second.slice(0, -9) + (second.at(-9) === 'a' ? 'b' : 'a') + second.slice(-8);
  await expectRefused(cleo, garbled, 'TICKET_INVALID', 'has a typing error or is not whole');
  await expectRefused(cleo, second.slice(0, -4), 'TICKET_INVALID', 'is not whole');
  await expectRefused(cleo, 'hello', 'TICKET_INVALID', 'Copy it from its first letter on');
  const guessed = encodeTicket(blake3, { ...decodeTicket(blake3, second), secret: new Uint8Array(16) });
  await expectRefused(cleo, guessed, 'TICKET_INVALID', 'is not known to the device that it names');

  await anna.stop();
  await expectRefused(cleo, second, 'PEER_UNREACHABLE', 'Check that it runs');
  await letTicketsExpire(anna);
  await anna.start();
  await expectRefused(cleo, second, 'TICKET_INVALID', 'has expired');
  const { members } = await anna.call<{ members: { name: string }[] }>('listMembers', { space: 'Coop' });
  expect(members.map(({ name }) => name)).toEqual(['anna', 'bo']);
});

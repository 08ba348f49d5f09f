import { expect, test } from 'vitest';
import { CONTEXT as context } from '#sync/spaces/testing/federation.ts';
import { SYNC_PROTOCOL } from './sync-engine.ts';
import { join, openMember, openMembers } from './testing/open-members.ts';

test('one peer that does not speak the protocol takes nothing from the sessions with others', async () => {
  const { network, left, right } = await openMembers();
  const other = await openMember(network, 'other', 3);
  await join(left, other);
  await other[Symbol.asyncDispose]();
  const silent = network.join(other.key.publicKey);
  const syncNow = async () => {
    const sessions = await left.peers.syncNow(undefined, context);
    return Object.fromEntries(sessions.map(({ name, end, reason }) => [name, { end, reason }]));
  };

  expect(await syncNow()).toEqual({
    right: { end: 'complete', reason: null },
    other: { end: 'failed', reason: expect.stringContaining(`does not speak ${SYNC_PROTOCOL}`) },
  });
  await silent[Symbol.asyncDispose]();
  expect(await syncNow()).toMatchObject({ right: { end: 'complete' }, other: { end: 'unreachable' } });

  const cancelled = AbortSignal.abort();
  await expect(left.peers.syncNow(undefined, { ...context, signal: cancelled })).rejects.toMatchObject({
    code: 'CANCELLED',
  });
  expect((await right.peers.syncNow('left', context)).map(({ end }) => end)).toEqual(['complete']);
});

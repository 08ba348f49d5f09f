import { expect, test } from 'vitest';
import { agree, CONTEXT, type FederationNode, invite, newNode, projectionHash } from './testing/federation.ts';

const levels = async (node: FederationNode) =>
  Object.fromEntries((await node.spaces.listMembers('team')).map(({ name, level }) => [name, level]));

test('managers who removed each other are followed by whom the recovery keys name', async () => {
  const [ada, bob, cleo] = [await newNode('ada'), await newNode('bob'), await newNode('cleo')];
  const { recoveryKeys } = await ada.spaces.createSpace('team', { threshold: 2, keyCount: 3 });
  expect(new Set(recoveryKeys).size).toBe(3);
  await invite(ada, bob, 'team', 'manage');
  await invite(ada, cleo, 'team', 'write');
  await agree(ada, bob, cleo);
  await ada.spaces.revokeAccess('team', 'bob');
  await bob.spaces.revokeAccess('team', 'ada');
  // Neither is met by the other any more; cleo hears of both removals.
  await agree(ada, cleo);
  await agree(bob, cleo);
  expect(await levels(cleo)).toMatchObject({ cleo: 'write' });

  const before = await projectionHash(cleo, 'team');
  const [first, second] = recoveryKeys as [string, string, string];
  await expect(cleo.spaces.recoverSpace('team', [first])).rejects.toMatchObject({ code: 'FORBIDDEN' });
  await expect(cleo.spaces.recoverSpace('team', [first, first])).rejects.toMatchObject({ code: 'FORBIDDEN' });
  await expect(cleo.spaces.recoverSpace('team', [`${first}0`, second])).rejects.toMatchObject({
    code: 'INPUT_INVALID',
  });
  expect(await projectionHash(cleo, 'team')).toBe(before);

  expect(await cleo.spaces.recoverSpace('team', [second, first])).toMatchObject({ level: 'manage' });
  const dora = await newNode('dora');
  await invite(cleo, dora, 'team', 'write');
  await cleo.commit('sales', [1]);
  await cleo.spaces.shareAssets('team', ['sales'], 'metadata', CONTEXT);
  await agree(cleo, dora);
  expect(await dora.rows('sales')).toEqual([1]);
  expect(await levels(dora)).toMatchObject({ cleo: 'manage', dora: 'write' });
});

test('keys of another space, and a space without keys, give nothing', async () => {
  const [ada, bob] = [await newNode('ada'), await newNode('bob')];
  const { recoveryKeys } = await ada.spaces.createSpace('other', { threshold: 1, keyCount: 1 });
  await ada.spaces.createSpace('team');
  await invite(ada, bob, 'team', 'read');
  await expect(bob.spaces.recoverSpace('team', recoveryKeys)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  await expect(ada.spaces.createSpace('more', { threshold: 3, keyCount: 2 })).rejects.toMatchObject({
    code: 'INPUT_INVALID',
  });
});

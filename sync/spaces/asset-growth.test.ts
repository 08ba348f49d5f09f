import { beforeEach, expect, it } from 'vitest';
import type { CompactionRules } from './compaction-rules.ts';
import { forgetProjection } from './forget-projection.ts';
import { agree, CONTEXT, type FederationNode, invite, newNode } from './testing/federation.ts';

const rules: CompactionRules = { operations: 10, bytes: 2_000, retentionMs: 30 * 86_400_000, turnMs: 60_000 };

let ada: FederationNode;
let bob: FederationNode;
let cleo: FederationNode;

beforeEach(async () => {
  const open = (name: string) => newNode(name, { compaction: rules });
  [ada, bob, cleo] = [await open('ada'), await open('bob'), await open('cleo')];
  await ada.spaces.createSpace('team');
  for (const guest of [bob, cleo]) await invite(ada, guest, 'team', 'write');
  await ada.commit('sales', [1]);
  await ada.spaces.shareAssets('team', ['sales'], 'metadata', CONTEXT);
  await agree(ada, bob, cleo);
});

const waiting = async (node: FederationNode): Promise<number> =>
  (await node.spaces.describeSpace('team')).compaction.waiting.length;

it('takes no other snapshot of the same when a projection is made anew', async () => {
  for (let i = 0; i < 14; i++) {
    const node = [bob, cleo][i % 2]!;
    await node.update('sales', { description: `Sales of week ${i}, as ${node.name} has them.`, tags: [`week ${i}`] });
    await node.spaces.settle();
    if (i % 4 === 0) await agree(bob, cleo);
  }
  await agree(ada, bob, cleo);
  expect(await waiting(ada)).toBe(1);
  const { record } = await ada.spaces.find('team');
  for (let i = 0; i < 3; i++) {
    await forgetProjection(ada.disk.store, record.space);
    await ada.spaces.settle();
    expect(await waiting(ada)).toBe(1);
  }
});

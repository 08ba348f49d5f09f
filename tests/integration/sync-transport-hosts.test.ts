import { describe, expect, test } from 'vitest';
import { createTestHosts, findHostTools } from '#tests/support/test-hosts.ts';
import { introduce, startNode } from './sync-transport/node-process.ts';

const can = await findHostTools();
const anywhere = { listen: ['/ip4/0.0.0.0/tcp/0'] };
const sizes = [1, 1000, 100_000, 2 ** 20];

describe.runIf(can.hosts)('two hosts on a network of their own (needs root and ip netns)', () => {
  test('find each other without being told anything', async () => {
    await using network = await createTestHosts();
    const [near, far] = network.hosts;
    await using left = await startNode(1, { ...anywhere, discovers: true }, near.prefix);
    const found = left.discovered(2);
    await using right = await startNode(2, { ...anywhere, discovers: true }, far.prefix);
    await found;
    expect(await left.call('exchange', right.key, sizes)).toEqual({ back: sizes, isLimited: false });
    expect((await left.call('peers'))[0]!.address).toContain(far.address);
  });

  test('notice that the wire was pulled, and meet again when it is back', async () => {
    await using network = await createTestHosts();
    const [near, far] = network.hosts;
    await using left = await startNode(1, anywhere, near.prefix);
    await using right = await startNode(2, anywhere, far.prefix);
    expect(await left.call('addresses')).toEqual([expect.stringContaining(`/ip4/${near.address}/tcp/`)]);
    await left.call('keep', [right.key]);
    const met = left.event('connected', right);
    await introduce(left, right);
    await met;
    const lost = Promise.all([left.event('disconnected', right), right.event('disconnected', left)]);
    await far.setLink('down');
    await lost;
    const metAgain = left.event('connected', right);
    await far.setLink('up');
    await metAgain;
    expect((await left.call('exchange', right.key, sizes)).back).toEqual(sizes);
  });

  test.runIf(can.disturbance)('exchange frames over a wire that delays and loses (needs tc netem)', async () => {
    await using network = await createTestHosts();
    const [near, far] = network.hosts;
    for (const host of network.hosts) await host.disturb('delay 40ms 10ms loss 2%');
    await using left = await startNode(1, anywhere, near.prefix);
    await using right = await startNode(2, anywhere, far.prefix);
    await introduce(left, right);
    expect((await left.call('exchange', right.key, sizes)).back).toEqual(sizes);
    expect(await left.call('flood', right.key, 64, 2 ** 16)).toBe(2 ** 22);
    expect((await left.call('peers')).length).toBe(1);
  });
});

import { describe, expect, test } from 'vitest';
import { introduce, type NodeProcess, startNode } from './sync-transport/node-process.ts';

const isCircuit = (address: string) => address.includes('/p2p-circuit/');
const circuitsOf = async (node: NodeProcess) => (await node.call('addresses')).filter(isCircuit);
const patiently = { timeout: 60_000, interval: 200 };

describe('two devices in processes of their own', () => {
  test('exchange frames', async () => {
    await using left = await startNode(1);
    await using right = await startNode(2);
    await introduce(left, right);
    const sizes = [1, 2, 1000, 2 ** 20];
    expect(await left.call('exchange', right.key, sizes)).toEqual({ back: sizes, isLimited: false });
    expect(await right.call('exchange', left.key, sizes)).toEqual({ back: sizes, isLimited: false });
    expect(await left.call('flood', right.key, 256, 2 ** 16)).toBe(2 ** 24);
  });

  test.each(['SIGKILL', 'SIGSTOP'] as const)('notice that the other one got %s', async (signal) => {
    await using left = await startNode(1);
    await using right = await startNode(2);
    await introduce(left, right);
    await left.call('exchange', right.key, [1]);
    const gone = left.event('disconnected', right);
    right.signal(signal);
    await gone;
    expect(await left.call('peers')).toEqual([]);
  });

  test('find each other again when one was started anew elsewhere', async () => {
    await using left = await startNode(1);
    let right = await startNode(2);
    try {
      await left.call('keep', [right.key]);
      const met = left.event('connected', right);
      await introduce(left, right);
      await met;
      const lost = left.event('disconnected', right);
      right.signal('SIGKILL');
      await lost;
      right = await startNode(2);
      const metAgain = left.event('connected', right);
      await introduce(left, right);
      await metAgain;
      expect((await left.call('exchange', right.key, [10])).back).toEqual([10]);
    } finally {
      await right[Symbol.asyncDispose]();
    }
  });

  test('meet only with the key of the same private network', async () => {
    const ofNetwork = { networkKey: '05'.repeat(32) };
    await using left = await startNode(1, ofNetwork);
    await using right = await startNode(2, ofNetwork);
    await using stranger = await startNode(3);
    await introduce(left, right);
    await introduce(stranger, right);
    expect((await left.call('exchange', right.key, [10, 100_000])).back).toEqual([10, 100_000]);
    await expect(stranger.call('exchange', right.key, [10])).rejects.toThrow('cannot be reached');
  });
});

describe('a device behind a relay', () => {
  const sizes = [1, 2, 1000, 100_000, 2 ** 20, 7];

  test('gets the first and every later frame, and can call back', async () => {
    await using relay = await startNode(9, { isRelay: true });
    await using hidden = await startNode(2, { listen: [], relays: await relay.call('addresses') });
    await using caller = await startNode(1, { listen: [] });
    await expect.poll(() => circuitsOf(hidden), patiently).toHaveLength(1);
    await introduce(caller, hidden);
    for (let i = 0; i < 5; i++) {
      expect(await caller.call('exchange', hidden.key, sizes)).toEqual({ back: sizes, isLimited: true });
      expect(await hidden.call('exchange', caller.key, sizes)).toEqual({ back: sizes, isLimited: true });
    }
    expect(await caller.call('flood', hidden.key, 128, 2 ** 16)).toBe(2 ** 23);
    expect(await caller.call('peers')).toContainEqual(expect.objectContaining({ peer: hidden.key, isLimited: true }));
  });

  test('is reached again by itself after the relay was started anew', async () => {
    let relay = await startNode(9, { isRelay: true });
    try {
      const [address] = await relay.call('addresses');
      await using hidden = await startNode(2, { listen: [], relays: [address!] });
      await using caller = await startNode(1, { listen: [] });
      await expect.poll(() => circuitsOf(hidden), patiently).toHaveLength(1);
      await introduce(caller, hidden);
      await caller.call('keep', [hidden.key]);
      await caller.call('exchange', hidden.key, sizes);

      const lost = caller.event('disconnected', hidden);
      relay.signal('SIGKILL');
      await lost;
      await expect.poll(() => circuitsOf(hidden), patiently).toHaveLength(0);
      const met = caller.event('connected', hidden);
      relay = await startNode(9, { isRelay: true, listen: [address!.replace(/\/p2p\/.*$/, '')] });
      await met;
      await expect.poll(() => circuitsOf(hidden), patiently).toHaveLength(1);
      expect(await caller.call('exchange', hidden.key, sizes)).toEqual({ back: sizes, isLimited: true });
      expect((await hidden.call('counts')).events['relay-reserved']).toBe(2);
    } finally {
      await relay[Symbol.asyncDispose]();
    }
  });

  test('is called directly once a direct address is known', async () => {
    await using relay = await startNode(9, { isRelay: true });
    await using other = await startNode(2, { relays: await relay.call('addresses') });
    await using caller = await startNode(1, { listen: [] });
    await expect.poll(() => circuitsOf(other), patiently).toHaveLength(1);
    const addresses = await other.call('addresses');
    await caller.call('know', other.key, addresses.filter(isCircuit));
    expect((await caller.call('exchange', other.key, [5])).isLimited).toBe(true);
    await caller.call('keep', [other.key]);
    await caller.call('know', other.key, addresses);
    await expect.poll(async () => (await caller.call('exchange', other.key, [5])).isLimited, patiently).toBe(false);
  });
});

import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { toHex } from '#core/kernel/index.ts';
import {
  PENDING_INBOUND_MAX,
  PENDING_PER_NETWORK_MAX,
  STRANGER_LINE_MILLISECONDS,
  STRANGER_LINES_PER_NETWORK_MAX,
} from '../limits.ts';
import type { Transport } from '../ports.ts';
import { createMovableClock, openLibp2p } from '../testing/fixtures.ts';
import { echo, frameOf, patiently } from '../testing/transport-contract.ts';

const PROTOCOL = '/granary/test/1';
const limits = { maxFrameBytes: 2 ** 20, maxStreamsPerPeer: 4 };

async function start(...words: Parameters<typeof openLibp2p>): Promise<Transport> {
  const transport = await openLibp2p(...words);
  onTestFinished(() => transport[Symbol.asyncDispose]());
  return transport;
}

/** A node, and a device that it looks for. */
async function openVictim(config: Parameters<typeof openLibp2p>[1] = {}) {
  const { clock, pass } = createMovableClock();
  const victim = await start(1, config, { clock });
  victim.handle(PROTOCOL, limits, echo);
  const member = await start(2);
  member.addAddresses(victim.self, victim.addresses());
  victim.keepConnected(new Set([toHex(member.self)]));
  return { victim, member, pass };
}

async function echoes(from: Transport, to: Transport): Promise<void> {
  const stream = await from.open(to.self, PROTOCOL);
  await stream.send(frameOf(100));
  expect((await stream.frames[Symbol.asyncIterator]().next()).value).toEqual(frameOf(100));
  stream.abort();
}

/** Devices that the victim has not heard of, one after another, from one address. */
async function comeBy(victim: Transport, count: number): Promise<Transport[]> {
  const strangers = await Promise.all(Array.from({ length: count }, (_, i) => start(10 + i)));
  for (const stranger of strangers) {
    stranger.addAddresses(victim.self, victim.addresses());
    await echoes(stranger, victim).catch(() => undefined);
  }
  return strangers;
}

const peersOf = (transport: Transport) => transport.peers().map(({ peer }) => toHex(peer));

test('strangers have few lines from one address, and a member always gets one', async () => {
  const { victim, member } = await openVictim();
  await comeBy(victim, STRANGER_LINES_PER_NETWORK_MAX + 3);
  expect(victim.counts().events['line-refused-stranger']).toBeGreaterThanOrEqual(1);
  expect(victim.peers()).toHaveLength(STRANGER_LINES_PER_NETWORK_MAX);
  // Its address is theirs, from which lines are taken slowly now.
  await expect.poll(() => echoes(member, victim).then(() => 'reached', String), patiently).toBe('reached');
  expect(peersOf(victim)).toContain(toHex(member.self));
});

test('a stranger that stays loses its line, unless it has become a member', async () => {
  const { victim, member, pass } = await openVictim();
  await echoes(member, victim);
  const [joined] = await comeBy(victim, 3);
  victim.keepConnected(new Set([member, joined!].map(({ self }) => toHex(self))));
  pass(STRANGER_LINE_MILLISECONDS);
  const members = [member, joined!].map(({ self }) => toHex(self));
  await expect.poll(() => peersOf(victim).toSorted(), patiently).toEqual(members.toSorted());
  expect(victim.counts().events['line-stranger-ended']).toBe(2);
});

test('a relay keeps the lines of devices that are in no space of its own', async () => {
  const { victim, pass } = await openVictim({ isRelay: true });
  const strangers = await comeBy(victim, STRANGER_LINES_PER_NETWORK_MAX + 3);
  pass(STRANGER_LINE_MILLISECONDS);
  for (const stranger of strangers) await echoes(stranger, victim);
  expect(victim.peers()).toHaveLength(strangers.length);
});

test('lines that say nothing leave room for others while they are built up', async () => {
  const { victim, member } = await openVictim();
  const port = Number(/\/tcp\/(\d+)/.exec(victim.addresses()[0]!)![1]);
  const silent = Array.from({ length: PENDING_INBOUND_MAX }, () =>
    connect({ host: '127.0.0.1', port, localAddress: '127.0.0.2' }).on('error', () => undefined),
  );
  onTestFinished(() => silent.forEach((socket) => socket.destroy()));
  await Promise.all(silent.map((socket) => once(socket, 'connect')));
  const refusedCount = PENDING_INBOUND_MAX - PENDING_PER_NETWORK_MAX;
  await expect.poll(() => victim.counts().events['line-refused-network'], patiently).toBe(refusedCount);
  await echoes(member, victim);
});

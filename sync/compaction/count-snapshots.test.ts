import { beforeEach, expect, test } from 'vitest';
import { toHex } from '#core/kernel/index.ts';
import { deviceOf, SpaceBuilder } from '#sync/access/testing/space-builder.ts';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import {
  ACKNOWLEDGE_SCHEMA,
  acknowledgementsNeeded,
  countSnapshots,
  encodeAcknowledgeRecord,
  readAcknowledgements,
} from './index.ts';

const [ada, ben, cem, dora] = ['ada', 'ben', 'cem', 'dora'].map(deviceOf) as [
  ReturnType<typeof deviceOf>,
  ReturnType<typeof deviceOf>,
  ReturnType<typeof deviceOf>,
  ReturnType<typeof deviceOf>,
];
const snapshotId = blake3(Uint8Array.of(1));
const [state, otherState] = [blake3(Uint8Array.of(2)), blake3(Uint8Array.of(3))];

let space: SpaceBuilder;
beforeEach(() => {
  space = new SpaceBuilder();
  space.found(ada);
});

const snapshot = { author: blake3(Uint8Array.of(4)), logId: snapshotId, seq: 3, operationId: snapshotId, pieces: 1 };
const covered = [{ author: snapshot.author, logId: snapshotId, ranges: [{ seqStart: 0, seqEnd: 2 }] }];

const acknowledge = (device: typeof ada, stateHash = state, seen = space.operations.slice(0, 4)) =>
  space.say(device, ACKNOWLEDGE_SCHEMA, encodeAcknowledgeRecord({ snapshot, stateHash, covered }), seen);

/** What counts, which must not depend on the order of the operations. */
function counted() {
  const access = space.resolve();
  const count = (operations: typeof space.operations) =>
    countSnapshots(access, readAcknowledgements(access, operations));
  const found = count(space.operations);
  expect(count(space.operations.toReversed())).toEqual(found);
  return [...found].map(([id, record]) => [id, toHex(record.stateHash)]);
}

const COUNTS = [[toHex(snapshotId), toHex(state)]];

test('three devices are needed, both where two can read, and one is never enough', () => {
  expect([0, 1, 2, 3, 4, 100].map(acknowledgementsNeeded)).toEqual([3, 3, 2, 3, 3, 3]);
  acknowledge(ada);
  expect(counted()).toEqual([]);
});

test('it counts once enough devices that can read came to the same state', () => {
  for (const device of [ben, cem]) space.grant(ada, device, 'read');
  space.grant(ada, dora, 'pull');
  acknowledge(ada);
  acknowledge(ben);
  acknowledge(ben);
  expect(counted()).toEqual([]);
  // Who carries without reading knows nothing of it.
  acknowledge(dora);
  acknowledge(cem, otherState);
  expect(counted()).toEqual([]);
  acknowledge(cem);
  expect(counted()).toEqual(COUNTS);
});

test('a removal takes the word of a device away only as far as it voids it', () => {
  for (const device of [ben, cem]) space.grant(ada, device, 'write');
  acknowledge(ada);
  const last = acknowledge(ben);
  acknowledge(cem);
  space.grant(ada, dora, 'read');
  const seen = space.operations.slice();
  space.revoke(ada, ben, last, seen);
  expect(counted()).toEqual(COUNTS);
  // A frontier before it: it may have been signed by whoever has the device now.
  space.revoke(ada, ben, undefined, seen);
  expect(counted()).toEqual([]);
});

test('a word that cannot be read is none', () => {
  space.grant(ada, ben, 'read');
  acknowledge(ada);
  space.say(ben, ACKNOWLEDGE_SCHEMA, Uint8Array.of(0), space.operations.slice(0, 2));
  expect(counted()).toEqual([]);
  acknowledge(ben);
  expect(counted()).toEqual(COUNTS);
});

test('what two acknowledged counts on when a third device comes, and needs a third word only then', () => {
  space.grant(ada, ben, 'write');
  const early = space.operations.slice();
  acknowledge(ada, state, early);
  acknowledge(ben, state, early);
  expect(counted()).toEqual(COUNTS);
  space.grant(ada, cem, 'read', early);
  expect(counted()).toEqual(COUNTS);
  const seen = space.operations.slice();
  acknowledge(ada, otherState, seen);
  // Its own log holds the grant: it cannot go back behind it.
  acknowledge(ada, otherState, early);
  acknowledge(ben, otherState, early);
  expect(counted()).toEqual(COUNTS);
  space.revoke(ada, cem, undefined, seen);
  acknowledge(ben, otherState, space.operations.slice());
  expect(counted()).toEqual(COUNTS);
});

import { beforeEach, describe, expect, it } from 'vitest';
import { toUtf8 } from '#core/kernel/index.ts';
import { CONTROL_OPERATIONS_MAX } from '#sync/access/index.ts';
import {
  encodeEnvelope,
  ENVELOPE_DEPENDENCIES_MAX,
  joinOperation,
  registrationEnvelope,
  signOperation,
  type SigningKey,
  spaceLogId,
} from '#sync/log/index.ts';
import { blake3, ed25519 } from '#sync/log/testing/fixtures.ts';
import { agree, CONTEXT, type FederationNode, invite, meet, newNode, openNode } from './testing/federation.ts';
import {
  MANAGER_CONTROL_OPERATIONS_MAX,
  MEMBER_CONTROL_LOGS_MAX,
  MEMBER_CONTROL_OPERATIONS_MAX,
} from './space-store.ts';

const stamp = { clock: { wall: 1, counter: 0 }, dependencies: [] };

let ada: FederationNode;
let mallory: FederationNode;
let key: SigningKey;

beforeEach(async () => {
  [ada, mallory] = [await newNode('ada'), await newNode('mallory')];
  await ada.spaces.createSpace('team');
  await invite(ada, mallory, 'team', 'pull');
  await agree(ada, mallory);
  key = ed25519.keyFromSeed(blake3(toUtf8('mallory')));
});

/** A control log of the space: what registers it, and then operations that say nothing. */
async function signControlLog(label: string, count: number, signer = key): Promise<Uint8Array[]> {
  const { space } = (await ada.spaces.find('team')).record;
  const registration = { kind: 'control', incarnation: 0, random: blake3(toUtf8(label)) } as const;
  const extensions = { logId: spaceLogId(blake3, space, registration), timestampMicros: 1n, pruneFlag: false };
  const content = { kind: 'record', bytes: new Uint8Array() } as const;
  const first = encodeEnvelope(registrationEnvelope(space, registration, stamp));
  const next = encodeEnvelope({ ...stamp, schema: 'x', space, subject: space, content });
  let backlink: Uint8Array | undefined;
  return Array.from({ length: count }, (_, seq) => {
    const body = seq === 0 ? first : next;
    const operation = signOperation({ key: signer, blake3 }, { seq, backlink, extensions, body });
    backlink = operation.id;
    return joinOperation(operation);
  });
}

const stored = async (node: FederationNode, operations: readonly Uint8Array[]) =>
  (await (await node.spaces.find('team')).view.append(operations)).filter(({ outcome }) => outcome === 'stored').length;

describe('a member without rights', () => {
  it('cannot keep others from signing, and so not from removing it, by a great many control logs', async () => {
    const logs = Array.from({ length: ENVELOPE_DEPENDENCIES_MAX + 1 }, (_, i) => signControlLog(`${i}`, 1));
    const begun = (await Promise.all(logs)).flat();
    expect(await stored(ada, begun)).toBe(MEMBER_CONTROL_LOGS_MAX);
    expect((await ada.spaces.find('team')).access.heads).toHaveLength(1);
    await ada.spaces.revokeAccess('team', 'mallory');
    expect(await ada.spaces.listMembers('team')).toMatchObject([{ name: 'ada' }, { name: 'mallory', level: null }]);
  });

  it('cannot fill a space with control operations, and its logs alone are not equal then', async () => {
    const bob = await newNode('bob');
    await invite(ada, bob, 'team', 'write');
    await agree(ada, bob);
    const [one, other] = [await signControlLog('one', 1100), await signControlLog('other', 1100)];
    expect(await stored(ada, one)).toBe(MEMBER_CONTROL_OPERATIONS_MAX);
    expect(await stored(bob, other)).toBe(MEMBER_CONTROL_OPERATIONS_MAX);
    await bob.commit('sales', [1]);
    await bob.spaces.shareAssets('team', ['sales'], 'metadata', CONTEXT);
    await agree(ada, bob);
    expect(await ada.rows('sales')).toEqual([1]);
    const { spaces } = await meet(ada, bob);
    expect(spaces).toMatchObject([{ equal: false }]);
    expect([...spaces[0]!.missingHere.keys()]).toContain('quota');
  });
});

describe('a device that manages', () => {
  it('is told when others would not take what it signs, before it signs', async () => {
    const own = ed25519.keyFromSeed(blake3(toUtf8('ada')));
    const said = await signControlLog('own', MANAGER_CONTROL_OPERATIONS_MAX, own);
    expect(await stored(ada, said)).toBeLessThan(said.length);
    await expect(ada.spaces.revokeAccess('team', 'mallory')).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    expect(await ada.spaces.listMembers('team')).toMatchObject([{ name: 'ada' }, { name: 'mallory', level: 'pull' }]);
    await ada.spaces.settle();
  });
});

describe('a space in which it cannot be found out who may do what', () => {
  /** More control operations than access is resolved from, which are here without having been let in by the space. */
  async function flood({ logs }: FederationNode): Promise<void> {
    const unsigned = { publicKey: ada.device, sign: () => new Uint8Array(64) };
    const operations = await signControlLog('flood', CONTROL_OPERATIONS_MAX + 1, unsigned);
    for (let i = 0; i < operations.length; i += 4096) await logs.ingest(operations.slice(i, i + 4096));
  }

  it('is not joined, and not kept', async () => {
    const bob = await newNode('bob');
    await flood(bob);
    await expect(invite(ada, bob, 'team', 'write')).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    expect(await bob.spaces.listSpaces()).toEqual([]);
    expect(await (await openNode(bob.disk)).spaces.listSpaces()).toEqual([]);
    // Once it is well, it can be joined.
    await bob.spaces.settle();
    await invite(ada, bob, 'team', 'write');
    expect(await bob.spaces.listSpaces()).toMatchObject([{ name: 'team', level: 'write' }]);
  });

  it('is listed with the reason, and leaves the others as they are', async () => {
    await ada.spaces.createSpace('other');
    await flood(ada);
    const again = await openNode(ada.disk);
    const spaces = await again.spaces.listSpaces();
    expect(spaces.map(({ name, fault }) => [name, fault === null])).toEqual([
      ['other', true],
      ['team', false],
    ]);
    expect(spaces[1]!.fault).toContain(`the limit is ${CONTROL_OPERATIONS_MAX}`);
    await expect(again.spaces.find('team')).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    await expect(again.spaces.createSpace('Team')).rejects.toMatchObject({ code: 'SPACE_EXISTS' });
    expect(again.spaces.peers().size).toBe(0);
    expect(again.spaces.viewsFor(ada.device)).toHaveLength(1);
    await again.spaces.settle();
    // What was not signed is gone by then, and the next start finds the space well.
    const last = await openNode(ada.disk);
    expect((await last.spaces.listSpaces()).map(({ fault }) => fault)).toEqual([null, null]);
  });
});

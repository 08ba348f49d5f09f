import { beforeEach, describe, expect, it } from 'vitest';
import { toHex } from '#core/kernel/index.ts';
import { nodeOneTimeCipher } from '#sync/access/adapters/node-one-time-cipher.ts';
import { nodeX25519 } from '#sync/access/adapters/node-x25519.ts';
import {
  createKey,
  encodeRekeyRecord,
  encodeRevokeRecord,
  keyCheck,
  REKEY_SCHEMA,
  REVOKE_SCHEMA,
  sealKey,
  SEALED_KEY_BYTES,
  writingKey,
} from '#sync/access/index.ts';
import { joinOperation, type LogName, signOperation } from '#sync/log/index.ts';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import { KEY_TURN_MS } from './key-turns.ts';
import { agree, CONTEXT, type FederationNode, invite, meet, newNode, projectionHash } from './testing/federation.ts';

let ada: FederationNode;
let bob: FederationNode;
let cleo: FederationNode;

beforeEach(async () => {
  [ada, bob, cleo] = [await newNode('ada'), await newNode('bob'), await newNode('cleo')];
  await ada.spaces.createSpace('team');
  await invite(ada, bob, 'team', 'manage');
  await ada.commit('sales', [1]);
  await ada.spaces.shareAssets('team', ['sales'], 'metadata', CONTEXT);
});

const spaceOf = (node: FederationNode) => node.spaces.find('team');
const opensNewest = async (node: FederationNode) => {
  const { access, keyring } = await spaceOf(node);
  const epoch = writingKey(access);
  return epoch !== undefined && keyring.has(toHex(epoch.keyId));
};
const hashes = (...nodes: readonly FederationNode[]) =>
  Promise.all(nodes.map((node) => projectionHash(node, 'team'))).then((all) => new Set(all));

/** What follows in a log as `node` has it, as it could be made by anybody: the chain holds, the signatures do not. */
async function forgeAfter(node: FederationNode, { author, logId }: LogName): Promise<Uint8Array[]> {
  const key = { publicKey: author, sign: () => new Uint8Array(64) };
  const extensions = { logId, timestampMicros: 1n, pruneFlag: false };
  let { seq, operationId: backlink } = (await node.logs.tip(author, logId))!.tip!;
  return Array.from({ length: 100 }, () => {
    const forged = signOperation({ key, blake3 }, { seq: (seq += 1), backlink, extensions, body: Uint8Array.of(0) });
    backlink = forged.id;
    return joinOperation(forged);
  });
}

describe('a member who may only read', () => {
  beforeEach(async () => {
    await invite(ada, cleo, 'team', 'read');
    await agree(ada, bob, cleo);
  });

  it('sees what is shared and shares nothing', async () => {
    expect(await cleo.rows('sales')).toEqual([1]);
    await cleo.commit('mine', [2]);
    await expect(cleo.spaces.shareAssets('team', ['mine'], 'metadata', CONTEXT)).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
    await expect(cleo.spaces.grantAccess('team', 'bob', 'read')).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(cleo.spaces.revokeAccess('team', 'bob')).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  it('keeps a change that it may not tell, does not lose it, and tells it once it may', async () => {
    await cleo.update('sales', { description: 'Mine.' });
    await ada.update('sales', { tags: ['new'] });
    await agree(ada, bob, cleo);
    expect(await bob.catalog.getAsset('sales')).toMatchObject({ description: null, tags: ['new'] });
    expect(await cleo.catalog.getAsset('sales')).toMatchObject({ description: 'Mine.', tags: [] });
    expect((await cleo.spaces.explainSync('sales')).lines.join('\n')).toContain('not told to others');
    await ada.spaces.grantAccess('team', 'cleo', 'write');
    await agree(ada, bob, cleo);
    for (const node of [ada, bob, cleo]) {
      expect(await node.catalog.getAsset('sales')).toMatchObject({ description: 'Mine.', tags: ['new'] });
    }
    expect((await hashes(ada, bob, cleo)).size).toBe(1);
  });

  it('cannot be made of one who may write', async () => {
    await expect(ada.spaces.grantAccess('team', 'bob', 'read')).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(ada.spaces.grantAccess('team', 'bob', 'write')).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await ada.spaces.grantAccess('team', 'cleo', 'pull');
    await agree(ada, bob, cleo);
    expect(await opensNewest(cleo)).toBe(false);
  });
});

describe('a removed device', () => {
  beforeEach(async () => {
    await invite(ada, cleo, 'team', 'write');
    await agree(ada, bob, cleo);
  });

  it('gets no key that is made afterwards', async () => {
    await ada.spaces.revokeAccess('team', 'cleo');
    await agree(ada, bob);
    expect(await opensNewest(ada)).toBe(true);
    expect(await opensNewest(bob)).toBe(true);
    const { access } = await spaceOf(ada);
    expect(writingKey(access)!.holders).toEqual(new Set([ada, bob].map(({ device }) => toHex(device))));
    await bob.update('sales', { description: 'Not for Cleo.' });
    await agree(ada, bob);
    expect(await ada.catalog.getAsset('sales')).toMatchObject({ description: 'Not for Cleo.' });
  });

  it('loses what it signed behind the end that the removal names, also where that was applied already', async () => {
    await bob.update('sales', { tags: ['bob'] });
    await agree(ada, bob, cleo);
    // Bob hears of this, Ada does not before she removes Cleo.
    await cleo.update('sales', { description: 'Too late.', tags: ['cleo'] });
    await cleo.commit('sales', [9]);
    await cleo.commit('more', [8]);
    await cleo.spaces.shareAssets('team', ['more'], 'metadata', CONTEXT);
    await agree(bob, cleo);
    expect(await bob.rows('sales')).toEqual([1, 9]);
    await bob.commit('sales', [5]);
    await ada.spaces.revokeAccess('team', 'cleo');
    await agree(ada, bob);
    for (const node of [ada, bob]) {
      expect(await node.catalog.getAsset('sales')).toMatchObject({ description: null, tags: ['bob'] });
    }
    expect((await ada.spaces.describeSpace('team')).assets).toHaveLength(
      (await bob.spaces.describeSpace('team')).assets.length,
    );
    expect((await hashes(ada, bob)).size).toBe(1);
    // What comes to the same from nothing is what was folded anew.
    const dora = await newNode('dora');
    await invite(bob, dora, 'team', 'read');
    await agree(ada, bob, dora);
    expect((await hashes(ada, bob, dora)).size).toBe(1);
  });

  it('keeps no places for later by operations that it did not sign', async () => {
    await cleo.commit('notes', [7]);
    await cleo.spaces.shareAssets('team', ['notes'], 'metadata', CONTEXT);
    await agree(ada, bob, cleo);
    const log = await (await spaceOf(cleo)).ownDataLog();
    await (await spaceOf(ada)).view.append(await forgeAfter(ada, log));
    await ada.spaces.revokeAccess('team', 'cleo');
    await agree(ada, bob);
    await cleo.update('notes', { description: 'Too late.' });
    await cleo.spaces.settle();
    const late = await Array.fromAsync(cleo.logs.operationsFrom(log.author, log.logId, 0));
    await (await spaceOf(ada)).view.append(late);
    await agree(ada, bob);
    for (const node of [ada, bob]) {
      expect(await node.rows('notes')).toEqual([7]);
      expect(await node.catalog.getAsset('notes')).toMatchObject({ description: null });
    }
    expect((await hashes(ada, bob)).size).toBe(1);
  });

  it('loses what it signed in the place of what its removal names, also where that was applied already', async () => {
    await cleo.commit('notes', [7]);
    await cleo.spaces.shareAssets('team', ['notes'], 'metadata', CONTEXT);
    await cleo.update('notes', { description: 'Another.' });
    await agree(ada, bob, cleo);
    const { logId, author } = await (await spaceOf(cleo)).ownDataLog();
    const { seq } = (await ada.logs.tip(author, logId))!.tip!;
    const frontier = [{ logId, seq, operationId: new Uint8Array(32) }];
    const content = encodeRevokeRecord({ device: cleo.device, frontier });
    await (await spaceOf(ada)).signControl([{ schema: REVOKE_SCHEMA, content }]);
    await agree(ada, bob);
    const dora = await newNode('dora');
    await invite(bob, dora, 'team', 'read');
    await agree(ada, bob, dora);
    for (const node of [ada, bob, dora]) {
      expect(await node.rows('notes')).toEqual([7]);
      expect(await node.catalog.getAsset('notes')).toMatchObject({ description: null });
      expect((await node.spaces.describeSpace('team')).refused).toEqual({ void: 1 });
    }
    expect((await hashes(ada, bob, dora)).size).toBe(1);
  });

  it('has its operations back when its removal turns out to be void', async () => {
    const dora = await newNode('dora');
    await invite(ada, dora, 'team', 'read');
    await agree(ada, bob, cleo, dora);
    await cleo.update('sales', { description: 'Stays.' });
    await agree(ada, cleo, dora);
    // Bob removes Cleo before he has heard of that, and is removed himself by Ada, who knows of neither.
    await bob.spaces.revokeAccess('team', 'cleo');
    await meet(bob, dora);
    await dora.spaces.settle();
    expect(await dora.catalog.getAsset('sales')).toMatchObject({ description: null });
    await ada.spaces.revokeAccess('team', 'bob');
    await meet(ada, dora);
    await agree(ada, cleo, dora);
    for (const node of [ada, cleo, dora]) {
      expect(await node.catalog.getAsset('sales')).toMatchObject({ description: 'Stays.' });
    }
    expect((await hashes(ada, cleo, dora)).size).toBe(1);
  });
});

describe('keys', () => {
  const told = async (node: FederationNode, asset: string, number: number) => {
    await node.commit(asset, [number]);
    await node.spaces.shareAssets('team', [asset], 'metadata', CONTEXT);
  };
  /** A rotation by Cleo that is sealed rightly to some, and to the others not at all. */
  const rotateWrongly = async (rightly: readonly FederationNode[], wrongly: readonly FederationNode[]) => {
    const space = await spaceOf(cleo);
    const deps = { blake3, x25519: nodeX25519, cipher: nodeOneTimeCipher, random: cleo.disk.random };
    const key = createKey(deps);
    const recipients = [
      ...rightly.map(({ device, encryptionKey }) => ({
        device,
        sealed: sealKey(deps, space.genesisId, encryptionKey, key),
      })),
      ...wrongly.map(({ device }) => ({ device, sealed: cleo.disk.random.bytes(SEALED_KEY_BYTES) })),
    ];
    const record = { check: keyCheck(blake3, space.genesisId, key), recipients, previous: undefined };
    await space.signControl([{ schema: REKEY_SCHEMA, content: encodeRekeyRecord(record) }]);
  };

  it('that open for nobody are not written under, also after their author was removed', async () => {
    await invite(ada, cleo, 'team', 'write');
    await agree(ada, bob, cleo);
    await rotateWrongly([], [ada, bob]);
    await agree(ada, bob, cleo);
    await told(ada, 'two', 2);
    await told(bob, 'three', 3);
    await ada.spaces.revokeAccess('team', 'cleo');
    await told(ada, 'four', 4);
    await agree(ada, bob);
    await told(bob, 'five', 5);
    await agree(ada, bob);
    for (const node of [ada, bob]) {
      for (const [i, asset] of ['two', 'three', 'four', 'five'].entries()) {
        expect(await node.rows(asset)).toEqual([i + 2]);
      }
    }
    expect((await hashes(ada, bob)).size).toBe(1);
  });

  it('that open for some only reach the others too, and change once', async () => {
    await invite(ada, cleo, 'team', 'write');
    await agree(ada, bob, cleo);
    await rotateWrongly([bob], [ada]);
    await meet(bob, cleo);
    await told(bob, 'under it', 2);
    await agree(ada, bob, cleo);
    bob.disk.clock.advance(KEY_TURN_MS);
    await agree(ada, bob, cleo);
    expect(await ada.rows('under it')).toEqual([2]);
    await told(ada, 'later', 3);
    await agree(ada, bob, cleo);
    for (const node of [bob, cleo]) expect(await node.rows('later')).toEqual([3]);
    const { keys } = (await spaceOf(bob)).access;
    for (const node of [ada, bob, cleo]) node.disk.clock.advance(9 * KEY_TURN_MS);
    await agree(ada, bob, cleo);
    expect((await spaceOf(bob)).access.keys).toHaveLength(keys.length);
  });

  it('come from another member who has them when the one who let a reader in is gone', async () => {
    await agree(ada, bob);
    // As if Ada went before she could hand on the key: she only lets Cleo in.
    const opened = await spaceOf(ada);
    const healKeys = opened.healKeys;
    Object.assign(opened, { healKeys: async () => false });
    await invite(ada, cleo, 'team', 'write');
    Object.assign(opened, { healKeys });
    await meet(ada, bob);
    await meet(ada, cleo);
    await cleo.commit('notes', [7]);
    await cleo.spaces.shareAssets('team', ['notes'], 'metadata', CONTEXT);
    await agree(bob, cleo);
    expect(await opensNewest(cleo)).toBe(false);
    await expect(cleo.catalog.getAsset('sales')).rejects.toMatchObject({ code: 'ASSET_NOT_FOUND' });
    expect((await cleo.spaces.describeSpace('team')).waiting['key']).toBeGreaterThan(0);
    // Bob waits for his turn.
    bob.disk.clock.advance(KEY_TURN_MS);
    await agree(bob, cleo);
    expect(await opensNewest(cleo)).toBe(true);
    expect(await cleo.rows('sales')).toEqual([1]);
    // What waited for the key is told now.
    expect(await bob.rows('notes')).toEqual([7]);
    await agree(ada, bob, cleo);
    expect((await hashes(ada, bob, cleo)).size).toBe(1);
  });

  it('settle on one when two devices change them at the same time', async () => {
    await invite(ada, cleo, 'team', 'write');
    const dora = await newNode('dora');
    await invite(ada, dora, 'team', 'write');
    await agree(ada, bob, cleo, dora);
    await ada.spaces.revokeAccess('team', 'cleo');
    await bob.spaces.revokeAccess('team', 'cleo');
    await ada.update('sales', { description: 'Under one.' });
    await bob.update('sales', { tags: ['under-another'] });
    await agree(ada, bob, dora);
    const keys = await Promise.all(
      [ada, bob, dora].map(async (node) => toHex(writingKey((await spaceOf(node)).access)!.keyId)),
    );
    expect(new Set(keys).size).toBe(1);
    for (const node of [ada, bob, dora]) {
      expect(await opensNewest(node)).toBe(true);
      expect(await node.catalog.getAsset('sales')).toMatchObject({
        description: 'Under one.',
        tags: ['under-another'],
      });
    }
    expect((await hashes(ada, bob, dora)).size).toBe(1);
  });
});

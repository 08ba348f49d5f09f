/** What a member of a space can do who may write in it: operations that are signed and sealed as they should be. */
import { expect, test } from 'vitest';
import { sealBody, writingKey } from '#sync/access/index.ts';
import { assetHeads, clientIdOf, DOCUMENT_SCHEMA, VERSION_SCHEMA } from '#sync/documents/index.ts';
import { forgeUpdate } from '#sync/documents/testing/forge-update.ts';
import {
  encodeEnvelope,
  type Envelope,
  joinOperation,
  registrationEnvelope,
  type SignedOperation,
  signOperation,
  spaceLogId,
} from '#sync/log/index.ts';
import { withBadSignature } from '#sync/log/testing/signed-logs.ts';
import { splitOperation } from '#sync/log/index.ts';
import type { OperationStore } from '#sync/reconcile/index.ts';
import { readReplica } from '#sync/spaces/replicas.ts';
import { createDice } from '#tests/fuzz/dice.ts';
import { ACTOR } from '#core/catalog/testing/catalog-world.ts';
import { type AssetId, fromHex, toHex, toUtf8 } from '#core/kernel/index.ts';
import { blake3, type SyncStack } from '#tests/simulation/whole/sync-stack.ts';
import {
  attackWith,
  countOf,
  eventually,
  expectHonestPeersAreServed,
  inBoundedMemory,
  openFederation,
  openLawlessStore,
  ownDataLog,
  random,
  refusedOf,
  signBody,
  SPACE,
} from './hostile-world.ts';

const YEAR_MS = 366 * 86_400_000;

/** Seals and signs what says something about an asset, whatever it is. */
async function say(
  stack: SyncStack,
  asset: AssetId,
  content: Envelope['content'],
  { schema = DOCUMENT_SCHEMA, wall = Date.now() } = {},
): Promise<void> {
  const space = await stack.spaces.find(SPACE);
  // Once it knows that it was removed, there is none that it should write under.
  const { keyId } = writingKey(space.access) ?? space.access.keys[0]!;
  const key = space.keyring.get(toHex(keyId))!;
  const replica = await readReplica(stack.deps, space.record.space, asset);
  const envelope: Envelope = {
    schema,
    space: space.record.space,
    subject: asset,
    clock: { wall, counter: 0 },
    dependencies: replica ? assetHeads(replica).map(fromHex) : [],
    content,
  };
  await signBody(stack, (place) => sealBody(stack.deps, { keyId, key }, place, encodeEnvelope(envelope)));
}

/** Has what was signed reach the victim: what changed in the logs beside the engine is told by a change that it sees. */
async function spread(mallory: SyncStack, victim: SyncStack): Promise<void> {
  await mallory.engine.syncWith(victim.key.publicKey);
  await victim.spaces.settle();
}

const pictureOf = async ({ catalog }: SyncStack) => JSON.stringify((await catalog.listAssets()).assets);

test('updates of documents with forged clients, delete sets and structs are refused, each for its reason', async () => {
  const { victim, honest, mallory, asset } = await openFederation();
  // What it says rightly first, which says under which heads it writes.
  await mallory.catalog.updateAsset(asset, { tags: ['fair'] }, { actor: ACTOR });
  await mallory.spaces.settle();
  await eventually(async () => expect((await victim.catalog.getAsset(asset)).tags).toEqual(['fair']));
  const clientOf = async (node: SyncStack) => {
    const { author, logId } = await ownDataLog(node);
    return clientIdOf(blake3, { author: toHex(author), logId: toHex(logId) });
  };
  const [own, victims] = [await clientOf(mallory), await clientOf(victim)];
  const struct = { content: 8, root: 'fields', key: 'name', text: '"stolen"' };
  const before = await pictureOf(victim);
  const updates = [
    forgeUpdate({ clients: [{ client: victims, clock: 0, structs: [struct] }] }),
    forgeUpdate({ clients: [{ client: own, clock: 0, structs: [{ content: 0, length: 2 ** 31 }] }] }),
    forgeUpdate({ clients: [{ client: own, clock: 0, structs: [{ content: 10, length: 2 ** 31 }] }] }),
    forgeUpdate({ clients: [{ client: own, clock: 2 ** 40, structs: [struct] }] }),
    forgeUpdate({ clients: [], deletes: [{ client: victims, ranges: [[0, 2 ** 31]] }] }),
    Uint8Array.from({ length: 64 }, () => 0xff),
  ];
  for (const bytes of updates) await say(mallory, asset, { kind: 'yjs-update', bytes });
  await say(
    mallory,
    asset,
    { kind: 'record', bytes: toUtf8('{"parents":[],"kind":"replace"}') },
    { schema: VERSION_SCHEMA },
  );
  await spread(mallory, victim);
  const refused = await refusedOf(victim);
  for (const reason of ['client', 'gc-struct', 'skip-struct', 'clock', 'delete-range', 'malformed'])
    expect(refused[reason], `${reason} of ${JSON.stringify(refused)}`).toBeGreaterThan(0);
  expect(await pictureOf(victim)).toBe(before);
  await expectHonestPeersAreServed(honest, victim);
});

test('bodies that nobody can open, or that say nothing, are counted and leave the log going on', async () => {
  const { victim, honest, mallory } = await openFederation();
  const { access } = await mallory.spaces.find(SPACE);
  const { keyId } = writingKey(access)!;
  const key = (await mallory.spaces.find(SPACE)).keyring.get(toHex(keyId))!;
  const other = random.bytes(32);
  const dice = createDice(81_000_000);
  for (let i = 0; i < 20; i++) {
    const plain = Uint8Array.from({ length: 50 }, () => dice.below(256));
    await signBody(mallory, (place) => sealBody(mallory.deps, { keyId, key: i % 2 ? key : other }, place, plain));
    // The end of the body is what proves the rest.
    await signBody(mallory, (place) => {
      const sealed = sealBody(mallory.deps, { keyId, key }, place, plain).slice();
      sealed[sealed.length - 1 - dice.below(16)]! ^= 1;
      return sealed;
    });
  }
  await spread(mallory, victim);
  const refused = await refusedOf(victim);
  expect(refused['sealed-wrongly']).toBe(30);
  expect(refused['malformed']).toBe(10);
  await expectHonestPeersAreServed(honest, victim);
});

test('forged authors, logs out of order and replays are refused or known, and change nothing', async () => {
  const { victim, honest, mallory } = await openFederation();
  const { lawless, genesisId } = await openLawlessStore(mallory);
  const theirs = await ownDataLog(victim);
  const forge = (previous: SignedOperation, pruneFlag: boolean) =>
    withBadSignature(
      signOperation(
        { key: mallory.key, blake3 },
        {
          seq: previous.header.seq + 1,
          backlink: previous.id,
          extensions: { logId: theirs.logId, timestampMicros: 1n, pruneFlag },
          body: toUtf8('never said'),
        },
      ),
    );
  const operations = await Array.fromAsync(lawless.operationsFrom(theirs.author, theirs.logId, 0));
  const last = splitOperation({ blake3 }, operations.at(-1)!);
  // As if the victim had signed it: its key in the header, a signature of another.
  const forged = forge(last, true);
  const stolen = forged.headerBytes.slice();
  stolen.set(victim.key.publicKey, 4);
  await lawless.append([Buffer.concat([stolen, toUtf8('never said')])]);
  const held = await countOf(victim, victim.device);
  await attackWith(mallory, victim, genesisId, lawless);
  await victim.spaces.settle();
  expect(await countOf(victim, victim.device)).toBe(held);

  // Each log backwards: only what is next in its log is taken.
  for (let i = 0; i < 3; i++) await signBody(mallory, () => toUtf8(`number ${i}`));
  const ordered = await openLawlessStore(mallory);
  const backwards: OperationStore = {
    ...ordered.lawless,
    async *operationsFrom(author, logId, seqStart) {
      yield* (await Array.fromAsync(ordered.lawless.operationsFrom(author, logId, seqStart))).toReversed();
    },
  };
  const report = await attackWith(mallory, victim, genesisId, backwards);
  expect(report.spaces[0]!.missingThere.get('gap')).toBeGreaterThanOrEqual(2);
  // Again and again the same: known, and no more bytes are kept.
  for (let i = 0; i < 3; i++) await attackWith(mallory, victim, genesisId, ordered.lawless);
  expect(await countOf(victim, mallory.device)).toBe(await countOf(mallory, mallory.device));
  await expectHonestPeersAreServed(honest, victim);
});

test('a prune flag takes nothing away, not even from its own log', async () => {
  const { victim, honest, mallory } = await openFederation();
  await signBody(mallory, () => toUtf8('before'));
  await signBody(mallory, () => toUtf8('forget all that was'), true);
  const held = await countOf(mallory, mallory.device);
  await spread(mallory, victim);
  await eventually(async () => expect(await countOf(victim, mallory.device)).toBe(held));
  const { author, logId } = await ownDataLog(mallory);
  const { store } = await victim.spaces.find(SPACE);
  expect((await Array.fromAsync(store.operationsFrom(author, logId, 0))).length).toBeGreaterThanOrEqual(2);
  await expectHonestPeersAreServed(honest, victim);
});

test('forged roots and tips get no agreement, and the true ones still do', async () => {
  const { victim, honest, mallory } = await openFederation();
  const { lawless, genesisId } = await openLawlessStore(mallory);
  const { author, logId } = await ownDataLog(victim);
  const lie = <T extends { readonly logId: Uint8Array } | undefined>(tip: T): T =>
    tip && toHex(tip.logId) === toHex(logId) ? { ...tip, operationId: random.bytes(32) } : tip;
  const liar: OperationStore = {
    ...lawless,
    async *tips() {
      for await (const tip of lawless.tips()) yield lie(tip);
    },
    tip: async (...name) => lie(await lawless.tip(...name)),
  };
  const root = toHex((await victim.spaces.find(SPACE)).view.root);
  const report = await attackWith(mallory, victim, genesisId, liar);
  expect(report.spaces.some(({ equal }) => equal)).toBe(false);
  expect(toHex((await victim.spaces.find(SPACE)).view.root)).toBe(root);
  expect(author).toEqual(victim.key.publicKey);
  await expectHonestPeersAreServed(honest, victim);
});

test('a device that begins logs without end comes up against its quota', async () => {
  const { victim, honest, mallory } = await openFederation();
  const { lawless, genesisId } = await openLawlessStore(mallory);
  const { record } = await mallory.spaces.find(SPACE);
  const begun = 2100;
  const logs: Uint8Array[] = [];
  for (let i = 0; i < begun; i++) {
    const registration = { kind: 'control', incarnation: 0, random: random.bytes(32) } as const;
    const logId = spaceLogId(blake3, record.space, registration);
    const stamp = { clock: { wall: Date.now(), counter: 0 }, dependencies: [] };
    const body = encodeEnvelope({ ...registrationEnvelope(record.space, registration, stamp), space: record.space });
    const extensions = { logId, timestampMicros: 1n, pruneFlag: false };
    logs.push(
      joinOperation(signOperation({ key: mallory.key, blake3 }, { seq: 0, backlink: undefined, extensions, body })),
    );
  }
  await lawless.append(logs);
  await inBoundedMemory(async () => {
    const attack = attackWith(mallory, victim, genesisId, lawless);
    await expectHonestPeersAreServed(honest, victim);
    const report = await attack;
    expect(report.spaces[0]!.missingThere.get('quota')).toBeGreaterThan(0);
  });
  expect((await victim.spaces.find(SPACE)).store.logs().length).toBeLessThanOrEqual(2048 + 6);
  await expectHonestPeersAreServed(honest, victim);
});

test('a writer who was removed goes on writing, and nobody takes it', async () => {
  const { victim, honest, mallory, asset } = await openFederation();
  await victim.spaces.revokeAccess(SPACE, 'mallory');
  await eventually(async () => {
    const member = (await honest.spaces.listMembers(SPACE)).find(({ name }) => name === 'mallory');
    expect(member!.level).toBe(null);
  });
  const before = await countOf(victim, mallory.device);
  await say(mallory, asset, { kind: 'record', bytes: toUtf8('{"at":1}') }, { schema: 'granary.removal.v1' });
  const { lawless, genesisId } = await openLawlessStore(mallory);
  for (const other of [victim, honest]) {
    mallory.transport.addAddresses(other.key.publicKey, other.transport.addresses());
    const report = await attackWith(mallory, other, genesisId, lawless);
    expect(report.spaces).toEqual([]);
  }
  expect(await countOf(victim, mallory.device)).toBe(before);
  expect((await honest.catalog.getAsset(asset)).name).toBe('rain');
  await expectHonestPeersAreServed(honest, victim);
});

test('a cloned key that says two things at one place ends its log there, on every node alike', async () => {
  const { victim, honest, mallory, asset } = await openFederation();
  await mallory.catalog.updateAsset(asset, { tags: ['fair'] }, { actor: ACTOR });
  for (const node of [victim, honest])
    await eventually(async () => expect((await node.catalog.getAsset(asset)).tags).toEqual(['fair']));
  const { author, logId } = await ownDataLog(mallory);
  const first = await openLawlessStore(mallory);
  const second = await openLawlessStore(mallory);
  const tip = await first.lawless.tip(author, logId);
  const next = (text: string) =>
    joinOperation(
      signOperation(
        { key: mallory.key, blake3 },
        {
          seq: tip!.seq + 1,
          backlink: tip!.operationId,
          extensions: { logId, timestampMicros: 1n, pruneFlag: false },
          body: toUtf8(text),
        },
      ),
    );
  await first.lawless.append([next('to the one')]);
  await second.lawless.append([next('to the other')]);
  honest.transport.addAddresses(mallory.key.publicKey, mallory.transport.addresses());
  mallory.transport.addAddresses(honest.key.publicKey, honest.transport.addresses());
  await Promise.all([
    attackWith(mallory, victim, first.genesisId, first.lawless),
    attackWith(mallory, honest, second.genesisId, second.lawless),
  ]);
  await expectHonestPeersAreServed(honest, victim);
  await eventually(async () => {
    const heads = await Promise.all(
      [victim, honest].map(async (node) => (await node.logs.tip(author, logId))?.frozenFrom),
    );
    expect(heads).toEqual([tip!.seq + 1, tip!.seq + 1]);
    const roots = await Promise.all(
      [victim, honest].map(async ({ spaces }) => toHex((await spaces.find(SPACE)).view.root)),
    );
    expect(roots[0]).toBe(roots[1]);
  });
});

test('a clock a year ahead draws nobody along, and its owner wins no later edit by it', async () => {
  const ahead = { now: () => Date.now() + YEAR_MS, monotonic: () => performance.now() };
  const { victim, honest, mallory, asset } = await openFederation({ malloryClock: ahead });
  await mallory.catalog.updateAsset(asset, { tags: ['next year'] }, { actor: ACTOR });
  await mallory.spaces.settle();
  await eventually(async () => expect((await victim.catalog.getAsset(asset)).tags).toEqual(['next year']));
  await victim.catalog.updateAsset(asset, { tags: ['today'] }, { actor: ACTOR });
  for (const node of [honest, mallory])
    await eventually(async () => expect((await node.catalog.getAsset(asset)).tags).toEqual(['today']));
  const { author, logId } = await ownDataLog(victim);
  const { store } = await victim.spaces.find(SPACE);
  for await (const bytes of store.operationsFrom(author, logId, 0)) {
    const { extensions } = splitOperation({ blake3 }, bytes).header;
    expect(Number(extensions!.timestampMicros / 1000n)).toBeLessThan(Date.now() + 86_400_000);
  }
  expect((await victim.catalog.getAsset(asset)).updatedAt).toBeLessThan(Date.now() + 86_400_000);
});

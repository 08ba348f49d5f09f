import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ACTOR } from '#core/catalog/testing/catalog-world.ts';
import type { AssetId } from '#core/kernel/index.ts';
import { projectAsset } from '#sync/documents/index.ts';
import { deps } from '#sync/documents/testing/authors.ts';
import { readReplica } from './replicas.ts';
import {
  admit,
  context,
  copyHome,
  emptyHome,
  meet,
  meetAll,
  type MemoryHome,
  type MemoryNode,
  openMemoryNode,
} from './testing/memory-node.ts';

const SPACE = 'Harvest';
const NAMES = ['anna', 'bert', 'cora'];

/** What was done in a home, as the home itself remembers it. */
interface Done {
  readonly tags: readonly string[];
  readonly segments: readonly number[];
}

interface Person {
  node: MemoryNode;
  done: Done;
  backup: { readonly home: MemoryHome; readonly done: Done } | undefined;
}

const steps = fc.array(
  fc.record({
    who: fc.nat(NAMES.length - 1),
    other: fc.nat(NAMES.length - 1),
    what: fc.constantFrom('tag', 'rows', 'meet', 'meet', 'back up', 'restore', 'fork'),
  }),
  { minLength: 6, maxLength: 20 },
);

async function shareOne(): Promise<{ people: Person[]; id: AssetId }> {
  const nodes: MemoryNode[] = [];
  for (const name of NAMES) nodes.push(await openMemoryNode(emptyHome(name)));
  const [anna, ...others] = nodes as [MemoryNode, ...MemoryNode[]];
  await anna.spaces.createSpace(SPACE);
  const { id } = await anna.createAsset('weather');
  await anna.spaces.shareAssets(SPACE, ['weather'], 'data', context);
  for (const other of others) await admit(anna, SPACE, other, 'write');
  await meetAll(...nodes);
  return { people: nodes.map((node) => ({ node, done: { tags: [], segments: [] }, backup: undefined })), id };
}

async function segmentsOf({ spaces, home }: MemoryNode, id: AssetId): Promise<Set<number>> {
  const { record } = await spaces.find(SPACE);
  const replica = await readReplica({ store: home.store, blake3: deps.blake3 }, record.space, id);
  const versions = [...projectAsset(deps, replica!).versions.values()];
  return new Set(versions.flatMap(({ added }) => added.map((segment) => parseInt(segment.id, 16))));
}

test('whatever is restored when, what a home has done is there for all in the end', async () => {
  let forks = 0;
  await fc.assert(
    fc.asyncProperty(steps, async (todo) => {
      const { people, id } = await shareOne();
      let number = 0;
      const tag = async (person: Person) => {
        number += 1;
        const { tags } = await person.node.catalog.getAsset(id);
        await person.node.catalog.updateAsset(id, { tags: [...tags, `tag ${number}`] }, { actor: ACTOR });
        person.done = { ...person.done, tags: [...person.done.tags, `tag ${number}`] };
      };
      const append = async (person: Person) => {
        number += 1;
        await person.node.appendRows(id, number);
        person.done = { ...person.done, segments: [...person.done.segments, number] };
      };
      const backUp = async (person: Person) => {
        await person.node.spaces.settle();
        person.backup = { home: await copyHome(person.node.home), done: person.done };
      };
      const restore = async (person: Person) => {
        if (!person.backup) return;
        person.node = await openMemoryNode(await copyHome(person.backup.home));
        person.done = person.backup.done;
      };
      for (const { who, other, what } of todo) {
        const [person, peer] = [people[who]!, people[other]!];
        if (what === 'tag') await tag(person);
        if (what === 'rows') await append(person);
        if (what === 'meet' && who !== other) await meet(person.node, peer.node);
        if (what === 'back up') await backUp(person);
        if (what === 'restore') await restore(person);
        if (what !== 'fork' || who === other) continue;
        // What the peer gets is signed once more after the restore, otherwise.
        await backUp(person);
        await (number % 2 === 0 ? tag(person) : append(person));
        await person.node.spaces.settle();
        await meet(person.node, peer.node);
        await tag(peer);
        await restore(person);
        await (number % 3 === 0 ? append(person) : tag(person));
        await person.node.spaces.settle();
      }
      const nodes = people.map(({ node }) => node);
      await meetAll(...nodes);
      await meetAll(...nodes);
      forks += (await nodes[0]!.spaces.listForks(SPACE)).length;
      const hashes = await Promise.all(
        nodes.map(async ({ spaces }) => (await spaces.describeSpace(SPACE)).projectionHash),
      );
      expect(new Set(hashes).size).toBe(1);
      for (const node of nodes) {
        const [{ tags }, segments] = [await node.catalog.getAsset(id), await segmentsOf(node, id)];
        for (const { done } of people) {
          expect(tags).toEqual(expect.arrayContaining([...done.tags]));
          expect([...segments]).toEqual(expect.arrayContaining([...done.segments]));
        }
      }
      // Nobody is stuck.
      for (const { catalog, spaces } of nodes) {
        await catalog.updateAsset(id, { description: 'at last' }, { actor: ACTOR });
        await spaces.settle();
        for (const report of spaces.reports().values()) expect(report.publishFault).toBeUndefined();
      }
    }),
    { numRuns: 20, endOnFailure: true },
  );
  expect(forks).toBeGreaterThan(5);
});

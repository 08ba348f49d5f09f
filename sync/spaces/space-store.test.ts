import { describe, expect, test } from 'vitest';
import { toHex } from '#core/kernel/index.ts';
import type { Level } from '#sync/access/index.ts';
import { openMemoryStore } from '#core/platform/testing/memory-store.ts';
import { encodeForkProof } from '#sync/log/index.ts';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import { withBadSignature } from '#sync/log/testing/signed-logs.ts';
import { openSpaceView, TipTree } from '#sync/reconcile/index.ts';
import { operationStoreContract } from '#sync/reconcile/testing/operation-store-contract.ts';
import { MEMBER_CONTROL_LOGS_MAX, MEMBER_CONTROL_OPERATIONS_MAX } from './space-store.ts';
import {
  bytesOf,
  keyOf,
  logOf,
  openSpaceNode,
  OTHER_SPACE,
  signDevice,
  signGrant,
  signRegistration,
  signText,
  type SpaceNode,
} from './testing/space-world.ts';

operationStoreContract('the store of one space', async () => {
  const node = await openSpaceNode();
  for (const name of ['anna', 'ben']) node.known.set(toHex(keyOf(name).publicKey), 1);
  return {
    store: node.space,
    begin: (author) => signRegistration(logOf(author, 'control'), undefined, logOf(author, 'control')),
    next: (author, previous, body) => signText(logOf(author, 'control'), previous, body),
  };
});

const outcomesOf = async ({ space }: SpaceNode, operations: readonly Uint8Array[]) =>
  (await space.append(operations)).map((result) => (result.outcome === 'refused' ? result.reason : result.outcome));
const rootOf = async ({ space }: SpaceNode) => toHex(TipTree.of(blake3, await Array.fromAsync(space.tips())).root);
const founder = signDevice('founder', 3);
const anna = signDevice('anna', 2);
const grant = signGrant(founder.control, founder.controlOperations[1], 'anna');

describe('the store of one space', () => {
  test('knows the next author once it has stored who granted it something, in the same batch', async () => {
    const node = await openSpaceNode();
    const frame = [...founder.controlOperations, grant, ...anna.controlOperations, ...anna.dataOperations];
    expect(await outcomesOf(node, bytesOf(frame))).toEqual(frame.map(() => 'stored'));
  });

  test('refuses authors that it does not know, and logs that nobody registered', async () => {
    const node = await openSpaceNode();
    expect(await outcomesOf(node, bytesOf(anna.controlOperations))).toEqual(['forbidden', 'forbidden']);
    expect(await outcomesOf(node, bytesOf(founder.dataOperations))).toEqual(['gap', 'gap', 'gap']);
    await node.space.append(bytesOf([...founder.controlOperations, grant]));
    expect(await outcomesOf(node, bytesOf(anna.dataOperations))).toEqual(['gap', 'gap']);
    // Registered by another than its author.
    const stolen = signRegistration(founder.control, grant, anna.data);
    expect(await outcomesOf(node, bytesOf([stolen, ...anna.dataOperations]))).toEqual(['stored', 'gap', 'gap']);
    expect(await Array.fromAsync(node.logs.tips())).toHaveLength(1);
  });

  describe('operations whose bodies are gone', () => {
    const headersOf = (operations: typeof founder.dataOperations) => operations.map(({ headerBytes }) => headerBytes);

    test('come in where they are covered, once it is known that they are', async () => {
      let covered = -1;
      const node = await openSpaceNode({
        isCovered: ({ logId }, seq) => toHex(logId) === toHex(founder.data.logId) && seq <= covered,
      });
      await node.space.append(bytesOf(founder.controlOperations));
      const headers = headersOf(founder.dataOperations);
      expect(await outcomesOf(node, headers)).toEqual(['pruned', 'pruned', 'pruned']);
      expect(await node.space.tip(keyOf('founder').publicKey, founder.data.logId)).toBeUndefined();
      covered = 1;
      expect(await outcomesOf(node, headers)).toEqual(['stored', 'stored', 'pruned']);
      expect(await outcomesOf(node, bytesOf(founder.dataOperations))).toEqual(['known', 'known', 'stored']);
      const whole = await openSpaceNode();
      await whole.space.append(bytesOf([...founder.controlOperations, ...founder.dataOperations]));
      expect(await rootOf(node)).toBe(await rootOf(whole));
    });

    test('are never those of control logs', async () => {
      const node = await openSpaceNode({ isCovered: () => true });
      expect(await outcomesOf(node, headersOf(founder.controlOperations))).toEqual(['gap', 'gap']);
      await node.space.append(bytesOf(founder.controlOperations.slice(0, 1)));
      expect(await outcomesOf(node, headersOf(founder.controlOperations.slice(1)))).toEqual(['invalid']);
      await node.space.append(bytesOf(founder.controlOperations));
      const { author, logId } = node.space.logs('control')[0]!;
      const drop = node.space.dropBodies({ author, logId }, [{ seqStart: 0, seqEnd: 1 }]);
      await expect(drop).rejects.toMatchObject({ code: 'INTERNAL' });
    });

    test('make room for others', async () => {
      const many = signDevice('founder', 9).dataOperations;
      const bytes = bytesOf([...founder.controlOperations, ...many]);
      const total = bytes.reduce((sum, { length }) => sum + length, 0);
      const quotas = { deviceLogs: 9, logs: 9, deviceBytes: total, bytes: total };
      const node = await openSpaceNode({ quotas });
      await node.space.append(bytes);
      while (await node.logs.verifyNext());
      const next = bytesOf([signText(founder.data, many.at(-1), 'next')]);
      expect(await outcomesOf(node, next)).toEqual(['quota']);
      const { author, logId } = node.space.logs('data')[0]!;
      expect(await node.space.dropBodies({ author, logId }, [{ seqStart: 0, seqEnd: 7 }])).toMatchObject({
        operationCount: 8,
      });
      expect(await outcomesOf(node, next)).toEqual(['stored']);
    });
  });

  test('refuses logs of another space', async () => {
    const node = await openSpaceNode();
    const elsewhere = logOf('founder', 'control', '', OTHER_SPACE);
    const first = signRegistration(elsewhere, undefined, elsewhere);
    expect(await outcomesOf(node, bytesOf([first]))).toEqual(['gap']);
    await node.logs.ingest(bytesOf([first]));
    expect(await Array.fromAsync(node.space.tips())).toEqual([]);
    expect(await node.space.tip(first.header.publicKey, elsewhere.logId)).toBeUndefined();
    expect(await Array.fromAsync(node.space.operationsFrom(first.header.publicKey, elsewhere.logId, 0))).toEqual([]);
    expect(await Array.fromAsync(node.space.arrivalsAfter(0))).toEqual([]);
  });

  test('checks the signatures of control operations at once', async () => {
    const node = await openSpaceNode();
    const [first, second] = founder.controlOperations;
    expect(await outcomesOf(node, bytesOf([first!, withBadSignature(second!), second!]))).toEqual([
      'stored',
      'invalid',
      'stored',
    ]);
    expect(await outcomesOf(node, bytesOf([withBadSignature(founder.dataOperations[0]!)]))).toEqual(['stored']);
  });

  test('sees what others write into its logs, and a log that is cut', async () => {
    const node = await openSpaceNode();
    const view = await openSpaceView({ blake3 }, new Uint8Array(32), node.space);
    await node.logs.ingest(bytesOf([...founder.controlOperations, founder.dataOperations[0]!]));
    const bad = withBadSignature(founder.dataOperations[1]!);
    await node.logs.ingest(bytesOf([bad]));
    await view.refresh();
    expect(view.snapshot().tree.get(keyOf('founder').publicKey, founder.data.logId)?.tip.seq).toBe(1);
    while (await node.logs.verifyNext());
    await view.refresh();
    expect(view.snapshot().tree.get(keyOf('founder').publicKey, founder.data.logId)?.tip.seq).toBe(0);
    expect(toHex(view.root)).toBe(await rootOf(node));
  });

  test('opens again as it was, without reading an operation of a data log', async () => {
    const store = openMemoryStore();
    const node = await openSpaceNode({ store });
    await node.space.append(bytesOf([...founder.controlOperations, grant, ...founder.dataOperations]));
    await node.space.append(bytesOf([...anna.controlOperations, ...anna.dataOperations]));
    const root = await rootOf(node);
    store.crash();
    const reads: string[] = [];
    const watched = {
      ...store,
      entries: (range: Parameters<typeof store.entries>[0]) => {
        reads.push(range.gte);
        return store.entries(range);
      },
    };
    const again = await openSpaceNode({ store: watched });
    expect(await rootOf(again)).toBe(root);
    expect(again.known.has(toHex(keyOf('anna').publicKey))).toBe(true);
    expect(reads.filter((key) => key.includes(toHex(founder.data.logId)))).toEqual([]);
    const next = signText(anna.data, anna.dataOperations.at(-1), 'after');
    expect(await outcomesOf(again, bytesOf([next]))).toEqual(['stored']);
  });

  test('sends control logs first, those of earlier devices before others', async () => {
    const node = await openSpaceNode();
    await node.space.append(bytesOf([...founder.controlOperations, grant, ...anna.controlOperations]));
    const logs = [
      ['founder', founder.control],
      ['anna', anna.control],
      ['founder', founder.data],
      ['anna', anna.data],
    ] as const;
    const ranks = logs.map(([device, { logId }]) => node.space.rank(keyOf(device).publicKey, logId));
    expect(ranks).toEqual(ranks.toSorted((left, right) => left - right));
    expect(new Set(ranks).size).toBe(ranks.length);
  });

  test('counts what a device and a space may hold, and refuses the rest', async () => {
    const operations = bytesOf([...founder.controlOperations, ...founder.dataOperations]);
    const sizes = operations.map(({ length }) => length);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    const wide = { deviceLogs: 9, logs: 9, deviceBytes: 1e9, bytes: 1e9 };
    const allStored = operations.map(() => 'stored');
    for (const quotas of [
      { ...wide, deviceLogs: 1 },
      { ...wide, logs: 1 },
    ]) {
      const node = await openSpaceNode({ quotas });
      expect(await outcomesOf(node, operations)).toEqual(['stored', 'quota', 'gap', 'gap', 'gap']);
    }
    for (const name of ['deviceBytes', 'bytes'] as const) {
      expect(await outcomesOf(await openSpaceNode({ quotas: { ...wide, [name]: total } }), operations)).toEqual(
        allStored,
      );
      const store = openMemoryStore();
      const quotas = { ...wide, [name]: total - 1 };
      const node = await openSpaceNode({ quotas, store });
      expect(await outcomesOf(node, operations)).toEqual([...allStored.slice(1), 'quota']);
      expect(await outcomesOf(await openSpaceNode({ quotas, store }), operations.slice(-1))).toEqual(['quota']);
    }
  });

  test('takes few control operations of a device that may not manage', async () => {
    const begun = Array.from({ length: MEMBER_CONTROL_LOGS_MAX + 1 }, (_, i) => {
      const log = logOf('founder', 'control', `${i}`);
      return signRegistration(log, undefined, log);
    });
    const said = [...founder.controlOperations];
    while (said.length <= MEMBER_CONTROL_OPERATIONS_MAX) said.push(signText(founder.control, said.at(-1), 'more'));
    const long = [...founder.controlOperations];
    while (long.length < 8) long.push(signText(founder.control, long.at(-1), 'x'.repeat(200_000)));
    for (const [operations, counts] of [
      [begun, { pull: begun.length - 1, write: begun.length - 1, manage: begun.length }],
      [said, { pull: said.length - 1, write: said.length - 1, manage: said.length }],
      [long, { pull: 7, write: long.length, manage: long.length }],
    ] as const) {
      for (const [level, count] of Object.entries(counts)) {
        const node = await openSpaceNode();
        node.levels.set(toHex(keyOf('founder').publicKey), level as Level);
        const outcomes = await outcomesOf(node, bytesOf(operations));
        expect(outcomes.slice(0, count)).toEqual(operations.slice(0, count).map(() => 'stored'));
        expect(outcomes.slice(count)).toEqual(operations.slice(count).map(() => 'quota'));
      }
    }
  });

  test('gives all devices whose grant does not count the quota of one', async () => {
    const ben = signDevice('ben', 1);
    const quotas = { deviceLogs: 3, logs: 99, deviceBytes: 1e9, bytes: 1e9 };
    const letIn = signGrant(founder.control, grant, 'ben');
    const frame = bytesOf([...founder.controlOperations, grant, letIn, ...anna.controlOperations]);
    for (const [outsiders, second] of [
      [[], 'stored'],
      [['anna'], 'stored'],
      [['anna', 'ben'], 'quota'],
    ] as const) {
      const node = await openSpaceNode({ quotas });
      for (const name of outsiders) node.outsiders.add(toHex(keyOf(name).publicKey));
      expect(await outcomesOf(node, [...frame, ...bytesOf(ben.controlOperations)])).toEqual([
        ...frame.map(() => 'stored'),
        'stored',
        second,
      ]);
    }
  });

  test('leaves out the logs of a device that is not let in any more, and has them back when it is again', async () => {
    const node = await openSpaceNode();
    const view = await openSpaceView({ blake3 }, new Uint8Array(32), node.space);
    await view.append(bytesOf([...founder.controlOperations, grant]));
    const before = toHex(view.root);
    await view.append(bytesOf([...anna.controlOperations, ...anna.dataOperations]));
    const whole = toHex(view.root);
    const [device, log] = [keyOf('anna').publicKey, anna.data.logId] as const;
    node.known.delete(toHex(device));
    // As the founder's next word would have it.
    const next = signText(founder.control, grant, 'more');
    const last = signText(founder.control, next, 'most');
    await view.append(bytesOf([next]));
    expect(await node.space.tip(device, log)).toBeUndefined();
    expect(await Array.fromAsync(node.space.operationsFrom(device, log, 0))).toEqual([]);
    expect(node.space.logs()).toHaveLength(2);
    expect(await outcomesOf(node, bytesOf(anna.dataOperations.slice(0, 1)))).toEqual(['forbidden']);
    expect(toHex(view.root)).toBe(await rootOf(node));
    expect([before, whole]).not.toContain(toHex(view.root));
    node.known.set(toHex(device), 1);
    await view.append(bytesOf([last]));
    expect((await node.space.tip(device, log))?.seq).toBe(1);
    expect(toHex(view.root)).toBe(await rootOf(node));
  });

  test('charges a device for what lies behind a fork that it signed', async () => {
    const [control] = founder.controlOperations;
    const quotas = { deviceLogs: 99, logs: 99, deviceBytes: 10_000, bytes: 100_000 };
    const node = await openSpaceNode({ quotas });
    await node.space.append(bytesOf([control!]));
    const outcomes: string[] = [];
    for (let i = 0, last = control!; i < 9; i++) {
      const log = logOf('founder', 'data', `forked ${i}`);
      last = signRegistration(founder.control, last, log);
      const text = signText(log, undefined, 'x'.repeat(4000));
      outcomes.push(...(await outcomesOf(node, bytesOf([last, text, signText(log, undefined, 'another first one')]))));
    }
    expect(outcomes.filter((outcome) => outcome === 'fork')).toHaveLength(2);
    expect(outcomes).toContain('quota');
  });

  test('does not charge a device for what others forge in its name', async () => {
    const [first] = founder.dataOperations;
    const operations = [...founder.controlOperations, first!];
    const total = bytesOf(operations).reduce((sum, { length }) => sum + length, 0);
    const quotas = { deviceLogs: 9, logs: 9, deviceBytes: total, bytes: total };
    const node = await openSpaceNode({ quotas });
    await node.space.append(bytesOf([...founder.controlOperations, withBadSignature(first!)]));
    while (await node.logs.verifyNext());
    expect(await outcomesOf(node, bytesOf([first!]))).toEqual(['stored']);
  });
});

describe('a fork of a control log', () => {
  const fork = signText(founder.control, founder.controlOperations[0], 'instead of a registration');
  const all = bytesOf([...founder.controlOperations, ...founder.dataOperations]);

  test('takes away what was registered behind it, in whichever order it comes', async () => {
    const late = await openSpaceNode();
    const view = await openSpaceView({ blake3 }, new Uint8Array(32), late.space);
    await view.append(all);
    expect(await view.append(bytesOf([fork]))).toMatchObject([{ outcome: 'fork', tip: { seq: 0, forkSeq: 1 } }]);
    expect(late.cuts).toBe(1);
    const early = await openSpaceNode();
    const proof = encodeForkProof(founder.controlOperations[1]!, fork);
    await early.space.append([all[0]!, proof, ...all.slice(1)]);
    expect(await rootOf(early)).toBe(await rootOf(late));
    expect(toHex(view.root)).toBe(await rootOf(late));
    expect(await Array.fromAsync(late.space.tips())).toHaveLength(1);
    expect(await rootOf(await openSpaceNode({ store: late.store }))).toBe(await rootOf(late));
  });

  test('at its first operation is known to nodes with either branch and with none', async () => {
    const other = signRegistration(founder.control, undefined, {
      ...founder.control,
      registration: { ...founder.control.registration, incarnation: 1 },
    });
    const proof = encodeForkProof(founder.controlOperations[0]!, other);
    const roots = new Set<string>();
    for (const before of [all, []]) {
      const node = await openSpaceNode();
      await node.space.append(before);
      expect(await node.space.append([proof, proof])).toMatchObject([
        { outcome: 'stored', tip: { seq: -1, forkSeq: 0 } },
        { outcome: 'known', tip: { seq: -1, forkSeq: 0 } },
      ]);
      roots.add(await rootOf(node));
      roots.add(await rootOf(await openSpaceNode({ store: node.store })));
    }
    expect(roots.size).toBe(1);
  });

  test('is believed of known devices alone, and of logs that are here', async () => {
    const node = await openSpaceNode();
    const proofOf = (device: string) => {
      const { control, controlOperations } = signDevice(device);
      return encodeForkProof(controlOperations[1]!, signText(control, controlOperations[0], 'other'));
    };
    expect(await outcomesOf(node, [proofOf('anna'), proofOf('founder')])).toEqual(['forbidden', 'gap']);
  });
});

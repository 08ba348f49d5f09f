import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { toHex } from '#core/kernel/index.ts';
import { Commit } from '#core/platform/ports.ts';
import type { KeyValueStoreUnderTest } from '#core/platform/testing/key-value-store-contract.ts';
import { checkForkProof, encodeForkProof, isForkProof } from '../fork-proof.ts';
import { OPERATION_BYTES_MAX } from '../ingest-operation.ts';
import { encodeRootInput } from '../log-state.ts';
import { type LogStore, openLogStore } from '../log-store.ts';
import { isPruned, joinOperation, splitStored } from '../operation.ts';
import { blake3, ed25519 } from './fixtures.ts';
import {
  AUTHOR,
  bytesOf,
  keyOf,
  LOG_ID,
  logIdOf,
  signChain,
  signNext,
  withBadSignature,
  withOtherBody,
} from './signed-logs.ts';

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

export async function verifyAll(logs: LogStore) {
  const cuts = [];
  for (let report; (report = await logs.verifyNext());) if (report.cut) cuts.push(report.cut);
  return cuts;
}

export const rootInputs = async (logs: LogStore): Promise<string[]> =>
  (await collect(logs.tips())).map((head) => toHex(encodeRootInput(head)));

/** What the logs of all devices keep on any ordered store. */
export function describeLogStore(name: string, open: () => Promise<KeyValueStoreUnderTest>): void {
  describe(`${name}`, () => {
    let opened: KeyValueStoreUnderTest;
    let logs: LogStore;
    beforeEach(async () => {
      opened = await open();
      logs = await openLogStore({ store: opened.store, blake3, ed25519 });
    });
    afterEach(() => opened.close());
    const reopen = async () => {
      logs = await openLogStore({ store: await opened.reopen(), blake3, ed25519 });
    };
    const kinds = async (operations: readonly Uint8Array[]) => (await logs.ingest(operations)).map(({ kind }) => kind);
    const stored = (seqStart = 0) => collect(logs.operationsFrom(AUTHOR, LOG_ID, seqStart));
    const refusedAs = (reason: string) => [{ kind: 'refused', reason }];
    const chain = signChain(5);

    test('hands out what it took in, byte for byte, also after it was opened again', async () => {
      expect(await logs.tip(AUTHOR, LOG_ID)).toBeUndefined();
      expect(await kinds(bytesOf(chain))).toEqual(Array(5).fill('stored'));
      await reopen();
      expect(await stored()).toEqual(bytesOf(chain));
      expect(await stored(3)).toEqual(bytesOf(chain.slice(3)));
      expect(await stored(5)).toEqual([]);
      const head = await logs.tip(AUTHOR, LOG_ID);
      expect(head).toMatchObject({ tip: { seq: 4, operationId: chain[4]!.id }, verifiedCount: 0, arrival: 1 });
      expect(await collect(logs.tips())).toEqual([head]);
    });

    test('says what is known, what is missing and what does not follow', async () => {
      expect(await logs.ingest(bytesOf(chain.slice(1, 2)))).toEqual([{ kind: 'gap', seq: 0 }]);
      await logs.ingest(bytesOf(chain.slice(0, 2)));
      expect(await logs.ingest(bytesOf([chain[0]!, chain[1]!, chain[3]!]))).toEqual([
        { kind: 'known' },
        { kind: 'known' },
        { kind: 'gap', seq: 2 },
      ]);
      const elsewhere = signNext(signNext(chain[0], { body: 'other' }));
      expect(await logs.ingest(bytesOf([elsewhere]))).toEqual(refusedAs('backlink'));
    });

    test('takes an operation and its copy in one batch once', async () => {
      expect(await kinds(bytesOf([chain[0]!, chain[0]!, chain[1]!]))).toEqual(['stored', 'known', 'stored']);
    });

    test('refuses what is malformed, oversized, without a log or with another body', async () => {
      const [first] = bytesOf(chain) as [Uint8Array];
      expect(await logs.ingest([first.slice(0, 50)])).toEqual(refusedAs('malformed'));
      expect(await logs.ingest([new Uint8Array(OPERATION_BYTES_MAX + 1)])).toEqual(refusedAs('size'));
      expect(await logs.ingest([withOtherBody(chain[0]!)])).toEqual(refusedAs('body'));
      expect(await logs.ingest([chain[0]!.headerBytes])).toEqual(refusedAs('body'));
      expect(await collect(logs.tips())).toEqual([]);
    });

    test('keeps the logs of many devices apart', async () => {
      for (const fill of [1, 2, 3])
        await logs.ingest(bytesOf(signChain(fill, { key: keyOf(fill), logId: logIdOf(fill) })));
      for (const fill of [1, 2, 3]) {
        expect(await collect(logs.operationsFrom(keyOf(fill).publicKey, logIdOf(fill), 0))).toHaveLength(fill);
      }
      expect(await collect(logs.tips())).toHaveLength(3);
    });

    test('numbers what arrives, by log and batch, with the place it changed from', async () => {
      const other = signChain(2, { logId: logIdOf(1) });
      await logs.ingest(bytesOf(chain.slice(0, 2)));
      await logs.ingest(bytesOf([other[0]!]));
      await logs.ingest(bytesOf([chain[0]!]));
      await logs.ingest(bytesOf(chain.slice(2)));
      await verifyAll(logs);
      await logs.ingest(bytesOf([signNext(chain[2], { body: 'fork' })]));
      const arrivals = async (after: number) =>
        (await collect(logs.arrivalsAfter(after))).map(({ arrival, logId, seq }) => [arrival, toHex(logId), seq]);
      const expected = [
        [1, toHex(LOG_ID), 0],
        [2, toHex(logIdOf(1)), 0],
        [3, toHex(LOG_ID), 2],
        [4, toHex(LOG_ID), 3],
      ];
      expect(await arrivals(0)).toEqual(expected);
      expect(await arrivals(2)).toEqual(expected.slice(2));
      expect(await logs.lastArrival()).toBe(4);
      await reopen();
      expect(await logs.lastArrival()).toBe(4);
      await logs.ingest(bytesOf([other[1]!]));
      expect(await arrivals(4)).toEqual([[5, toHex(logIdOf(1)), 1]]);
    });

    test('counts the bytes of a stretch', async () => {
      await logs.ingest(bytesOf(chain));
      const sizes = bytesOf(chain).map(({ length }) => length);
      expect(await logs.byteCount(AUTHOR, LOG_ID, 1, 2)).toBe(sizes[1]! + sizes[2]!);
      expect(await logs.byteCount(AUTHOR, LOG_ID, 4, 9)).toBe(sizes[4]);
      expect(await logs.byteCount(AUTHOR, LOG_ID, 5, 9)).toBe(0);
    });

    describe('bodies that are dropped', () => {
      const name = { author: AUTHOR, logId: LOG_ID };
      const sizes = bytesOf(chain).map(({ length }) => length);
      const bodyBytes = (seq: number) => chain[seq]!.body!.length;
      const total = () => sizes.reduce((sum, size) => sum + size, 0);

      test('leave their headers, and the log is the same to others', async () => {
        await logs.ingest(bytesOf(chain));
        await verifyAll(logs);
        const before = await rootInputs(logs);
        const dropped = await logs.dropBodies(name, [
          { seqStart: 0, seqEnd: 1 },
          { seqStart: 3, seqEnd: 3 },
        ]);
        const byteCount = bodyBytes(0) + bodyBytes(1) + bodyBytes(3);
        expect(dropped).toEqual({ operationCount: 3, byteCount });
        for (let round = 0; round < 2; round++) {
          const operations = (await stored()).map((bytes) => splitStored({ blake3 }, bytes));
          expect(operations.map(isPruned)).toEqual([true, true, false, true, false]);
          expect(operations.map(({ id }) => id)).toEqual(chain.map(({ id }) => id));
          expect(await logs.tip(AUTHOR, LOG_ID)).toMatchObject({ byteCount: total() - byteCount, provisionalBytes: 0 });
          expect(await logs.byteCount(AUTHOR, LOG_ID, 0, 1)).toBe(sizes[0]! + sizes[1]! - bodyBytes(0) - bodyBytes(1));
          expect(await rootInputs(logs)).toEqual(before);
          expect(await logs.lastArrival()).toBe(1);
          await reopen();
        }
        const again = await logs.dropBodies(name, [{ seqStart: 0, seqEnd: 1 }]);
        expect(again).toEqual({ operationCount: 0, byteCount: 0 });
        // The log goes on, ends and forks as any other.
        expect(await logs.ingest(bytesOf([chain[1]!, signNext(chain[4])]))).toEqual([
          { kind: 'known' },
          { kind: 'stored' },
        ]);
        expect(await kinds(bytesOf([signNext(chain[0], { body: 'fork' })]))).toEqual(['fork']);
        expect(await logs.tip(AUTHOR, LOG_ID)).toMatchObject({ tip: { seq: 0 }, byteCount: sizes[0]! - bodyBytes(0) });
      });

      test('are those whose signatures were checked, and no others', async () => {
        await logs.ingest(bytesOf(chain.slice(0, 2)));
        await verifyAll(logs);
        await logs.ingest(bytesOf(chain.slice(2)));
        const dropped = await logs.dropBodies(name, [{ seqStart: 0, seqEnd: 4 }]);
        expect(dropped).toMatchObject({ operationCount: 2 });
        expect(await logs.dropBodies({ author: AUTHOR, logId: logIdOf(1) }, [{ seqStart: 0, seqEnd: 4 }])).toEqual({
          operationCount: 0,
          byteCount: 0,
        });
        expect(await verifyAll(logs)).toEqual([]);
        expect(await collect(logs.tips())).toHaveLength(1);
      });

      test('are taken in without them where the caller lets that be', async () => {
        const headers = chain.map(({ headerBytes }) => headerBytes);
        const mayLackBody = ({ header }: { header: { seq: number } }) => header.seq < 2;
        expect(await logs.ingest(headers.slice(0, 3), { mayLackBody })).toEqual([
          { kind: 'stored' },
          { kind: 'stored' },
          { kind: 'refused', reason: 'body' },
        ]);
        expect(await kinds(bytesOf(chain.slice(2)))).toEqual(['stored', 'stored', 'stored']);
        await verifyAll(logs);
        expect(await stored()).toEqual([...headers.slice(0, 2), ...bytesOf(chain.slice(2))]);
        // A body that is there must be the right one.
        const other = await open();
        try {
          const others = await openLogStore({ store: other.store, blake3, ed25519 });
          const wrong = await others.ingest([withOtherBody(chain[0]!)], { mayLackBody: () => true });
          expect(wrong).toEqual(refusedAs('body'));
        } finally {
          await other.close();
        }
      });
    });

    test('a prune flag is kept and deletes nothing', async () => {
      const pruning = signNext(chain[1], { pruneFlag: true });
      await logs.ingest(bytesOf([chain[0]!, chain[1]!, pruning]));
      expect(await stored()).toEqual(bytesOf([chain[0]!, chain[1]!, pruning]));
      expect(await logs.ingest(bytesOf([signNext(signNext(pruning), { pruneFlag: true })]))).toEqual([
        { kind: 'gap', seq: 3 },
      ]);
    });

    test('checks signatures later and remembers how far', async () => {
      await logs.ingest(bytesOf(chain));
      expect(await logs.verifyNext()).toMatchObject({ checkedCount: 5, cut: undefined });
      expect(await logs.verifyNext()).toBeUndefined();
      await reopen();
      expect(await logs.verifyNext()).toBeUndefined();
      expect(await logs.tip(AUTHOR, LOG_ID)).toMatchObject({ verifiedCount: 5, provisionalBytes: 0 });
    });

    test('cuts a log before the first signature that does not hold', async () => {
      const bad = withBadSignature(chain[2]!);
      const onBad = signChain(3, { body: 'on bad' }, bad);
      expect(await kinds(bytesOf([chain[0]!, chain[1]!, bad, ...onBad]))).toEqual(Array(6).fill('stored'));
      expect(await verifyAll(logs)).toEqual([{ seq: 2, operationId: bad.id, reason: 'signature' }]);
      const head = await logs.tip(AUTHOR, LOG_ID);
      expect(head).toMatchObject({ tip: { seq: 1 }, verifiedCount: 2, provisionalBytes: 0, refusedId: bad.id });
      expect(await stored()).toEqual(bytesOf(chain.slice(0, 2)));
      expect(await logs.ingest(bytesOf([bad]))).toEqual(refusedAs('signature'));
      await logs.ingest(bytesOf(chain.slice(2)));
      await verifyAll(logs);
      expect(await stored()).toEqual(bytesOf(chain));
    });

    test('a signed operation takes the place of one that is not', async () => {
      await logs.ingest(bytesOf([chain[0]!, withBadSignature(chain[1]!)]));
      expect(await kinds(bytesOf(chain.slice(1)))).toEqual(Array(4).fill('stored'));
      expect(await logs.ingest(bytesOf([withBadSignature(chain[2]!)]))).toEqual(refusedAs('signature'));
      expect(await verifyAll(logs)).toEqual([]);
      expect(await stored()).toEqual(bytesOf(chain));
    });

    test('a forged tip gives way to what does not follow it', async () => {
      await logs.ingest(bytesOf([chain[0]!, withBadSignature(chain[1]!)]));
      expect(await logs.ingest(bytesOf([chain[2]!]))).toEqual([{ kind: 'gap', seq: 1 }]);
      expect(await kinds(bytesOf(chain.slice(1)))).toEqual(Array(4).fill('stored'));
    });

    test('operations come in while signatures are checked', async () => {
      const long = signChain(300, { body: 'long' });
      await logs.ingest(bytesOf(long.slice(0, 200)));
      const [cuts, outcomes] = await Promise.all([verifyAll(logs), logs.ingest(bytesOf(long.slice(200)))]);
      expect(cuts).toEqual([]);
      expect(outcomes.map(({ kind }) => kind)).toEqual(Array(100).fill('stored'));
      await verifyAll(logs);
      expect(await logs.tip(AUTHOR, LOG_ID)).toMatchObject({ verifiedCount: 300, provisionalBytes: 0 });
    });

    test('a fork ends the log before it, whichever branch came first, and the proof does the same elsewhere', async () => {
      const branch = signChain(2, { body: 'branch' }, chain[1]);
      await logs.ingest(bytesOf(chain));
      const [outcome] = await logs.ingest(bytesOf([branch[0]!]));
      expect(outcome).toMatchObject({ kind: 'fork' });
      expect(await logs.tip(AUTHOR, LOG_ID)).toMatchObject({ tip: { seq: 1 }, frozenFrom: 2 });
      expect(await stored()).toEqual(bytesOf(chain.slice(0, 2)));
      for (const late of [chain[2]!, chain[3]!, branch[0]!, branch[1]!]) {
        expect(await logs.ingest(bytesOf([late]))).toEqual(refusedAs('frozen'));
      }
      const [proof] = (await collect(logs.forkProofs())) as [Uint8Array];
      expect(await logs.forkProof(AUTHOR, LOG_ID)).toEqual(proof);
      expect(isForkProof(proof) && !isForkProof(joinOperation(chain[0]!))).toBe(true);
      expect(checkForkProof({ blake3, ed25519 }, proof)).toMatchObject({
        name: { author: AUTHOR, logId: LOG_ID },
        seq: 2,
      });
      const behind = async (store: LogStore) => collect(store.operationsBehindFork(AUTHOR, LOG_ID));
      expect(await behind(logs)).toEqual(bytesOf(chain.slice(2)));
      const frozen = await rootInputs(logs);
      await reopen();
      expect(await behind(logs)).toEqual(bytesOf(chain.slice(2)));
      expect(await rootInputs(logs)).toEqual(frozen);

      const other = await open();
      try {
        const others = await openLogStore({ store: other.store, blake3, ed25519 });
        await others.ingest(bytesOf([chain[0]!, chain[1]!, ...branch]));
        expect(await others.ingestForkProof(proof)).toEqual({ kind: 'fork' });
        expect(await others.ingestForkProof(proof)).toEqual({ kind: 'known' });
        expect(await rootInputs(others)).toEqual(frozen);
        expect(await behind(others)).toEqual(bytesOf(branch));
      } finally {
        await other.close();
      }
    });

    test('a proof that comes before the operations lets them in up to the fork', async () => {
      const fork = signNext(chain[1], { body: 'fork' });
      const proving = await open();
      const others = await openLogStore({ store: proving.store, blake3, ed25519 });
      await others.ingest(bytesOf([...chain, fork]));
      const [proof] = (await collect(others.forkProofs())) as [Uint8Array];
      expect(await logs.ingestForkProof(proof)).toEqual({ kind: 'fork' });
      expect(await logs.tip(AUTHOR, LOG_ID)).toMatchObject({ tip: undefined, frozenFrom: 2 });
      await reopen();
      expect(await kinds(bytesOf(chain))).toEqual(['stored', 'stored', 'refused', 'refused', 'refused']);
      expect(await rootInputs(logs)).toEqual(await rootInputs(others));
      await proving.close();
    });

    test('a fork of the first operation leaves an empty log', async () => {
      await logs.ingest(bytesOf(chain));
      await logs.ingest(bytesOf([signNext(undefined, { body: 'other start' })]));
      expect(await logs.tip(AUTHOR, LOG_ID)).toMatchObject({ tip: undefined, frozenFrom: 0, provisionalBytes: 0 });
      expect(await stored()).toEqual([]);
      expect(await verifyAll(logs)).toEqual([]);
    });

    test('an earlier fork moves the end of the log forward', async () => {
      await logs.ingest(bytesOf([...chain, signNext(chain[3], { body: 'later fork' })]));
      await logs.ingest(bytesOf([signNext(chain[0], { body: 'earlier fork' })]));
      expect(await logs.tip(AUTHOR, LOG_ID)).toMatchObject({ tip: { seq: 0 }, frozenFrom: 1 });
      expect(await collect(logs.forkProofs())).toHaveLength(1);
    });

    test('an earlier proof moves the end of the log forward, a later one does not move it back', async () => {
      const proofAt = (seq: number) => encodeForkProof(chain[seq]!, signNext(chain[seq - 1], { body: 'fork' }));
      await logs.ingest(bytesOf(chain));
      const outcomes = [];
      for (const seq of [3, 4, 2, 3]) outcomes.push((await logs.ingestForkProof(proofAt(seq))).kind);
      expect(outcomes).toEqual(['fork', 'known', 'fork', 'known']);
      expect(await logs.tip(AUTHOR, LOG_ID)).toMatchObject({ tip: { seq: 1 }, frozenFrom: 2 });
      expect(await collect(logs.forkProofs())).toEqual([proofAt(2)]);
    });

    test('a cursor moves together with the operations it stands for, and with nothing else', async () => {
      const name = { author: AUTHOR, logId: LOG_ID };
      const cursor = async () => (await opened.store.get('cursor'))?.[0];
      const at = (value: number) => new Commit().put('cursor', Uint8Array.of(value));
      const alsoWrite = new Commit();
      const sign = () => {
        alsoWrite.put('cursor', Uint8Array.of(1));
        return bytesOf(chain.slice(0, 2));
      };
      await logs.extend(name, sign, { alsoWrite });
      expect([await stored(), await cursor()]).toEqual([bytesOf(chain.slice(0, 2)), 1]);
      const wrong = logs.extend(name, () => bytesOf([chain[4]!]), { alsoWrite: at(2) });
      await expect(wrong).rejects.toEqual(expect.objectContaining({ code: 'INTERNAL' }));
      expect(await cursor()).toBe(1);
      await logs.extend(name, () => [], { alsoWrite: at(3) });
      expect([await stored(), await cursor()]).toEqual([bytesOf(chain.slice(0, 2)), 3]);
    });

    test('an aborted read or check stops with CANCELLED', async () => {
      await logs.ingest(bytesOf(chain));
      const signal = AbortSignal.abort();
      const cancelled = expect.objectContaining({ code: 'CANCELLED' });
      await expect(collect(logs.operationsFrom(AUTHOR, LOG_ID, 0, { signal }))).rejects.toEqual(cancelled);
      await expect(logs.verifyNext({ signal })).rejects.toEqual(cancelled);
      expect(joinOperation(chain[0]!)).toEqual((await stored())[0]);
    });
  });
}

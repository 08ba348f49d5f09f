import { beforeEach, describe, expect, test } from 'vitest';
import { encodeForkProof, joinOperation, type SignedOperation } from '#sync/log/index.ts';
import type { LogTip } from '../log-tip.ts';
import type { OperationStore } from '../ports.ts';

/** A store without operations, and authors whose operations it takes. */
export interface OperationStoreUnderTest {
  readonly store: OperationStore;
  /** The first operation of the log of an author, always the same. */
  begin(author: string): SignedOperation;
  next(author: string, previous: SignedOperation, body: string): SignedOperation;
}

/** What every store of operations keeps to. */
export function operationStoreContract(name: string, openEmpty: () => Promise<OperationStoreUnderTest>): void {
  describe(`${name}`, () => {
    let world: OperationStoreUnderTest;
    let store: OperationStore;
    beforeEach(async () => {
      world = await openEmpty();
      ({ store } = world);
    });

    const chain = (author: string, ...bodies: readonly string[]): SignedOperation[] => {
      const operations = [world.begin(author)];
      for (const body of bodies) operations.push(world.next(author, operations.at(-1)!, body));
      return operations;
    };
    const placeOf = ({ header }: SignedOperation) => [header.publicKey, header.extensions!.logId] as const;
    const bytesOf = (operations: readonly SignedOperation[]) => operations.map(joinOperation);
    const append = (...operations: readonly SignedOperation[]) => store.append(bytesOf(operations));
    const outcomes = async (...operations: readonly SignedOperation[]) =>
      (await append(...operations)).map((result) => (result.outcome === 'refused' ? result.reason : result.outcome));
    const upTo = (operation: SignedOperation, forkSeq?: number): LogTip => {
      const [author, logId] = placeOf(operation);
      return { author, logId, seq: operation.header.seq, operationId: operation.id, forkSeq };
    };

    test('starts empty', async () => {
      const place = placeOf(world.begin('anna'));
      expect(await Array.fromAsync(store.tips())).toEqual([]);
      expect(await store.tip(...place)).toBeUndefined();
      expect(await store.lastArrival()).toBe(0);
      expect(await Array.fromAsync(store.operationsFrom(...place, 0))).toEqual([]);
      expect(await store.operationId(...place, 0)).toBeUndefined();
    });

    test('keeps the bytes of a log in order, and knows where it ends', async () => {
      const operations = chain('anna', 'one', 'two');
      const place = placeOf(operations[0]!);
      expect(await append(operations[0]!)).toEqual([{ outcome: 'stored', tip: upTo(operations[0]!) }]);
      expect(await append(...operations.slice(1))).toEqual(
        operations.slice(1).map((operation) => ({ outcome: 'stored', tip: upTo(operation) })),
      );
      const bytes = bytesOf(operations);
      expect(await Array.fromAsync(store.operationsFrom(...place, 1))).toEqual(bytes.slice(1));
      expect(await store.byteCount(...place, 1, 1)).toBe(bytes[1]!.length);
      expect(await store.byteCount(...place, 0, 2)).toBe(bytes.reduce((sum, { length }) => sum + length, 0));
      expect(await store.operationId(...place, 1)).toEqual(operations[1]!.id);
      expect(await store.operationId(...place, 3)).toBeUndefined();
      expect(await store.tip(...place)).toEqual(upTo(operations[2]!));
      expect(await Array.fromAsync(store.tips())).toEqual([upTo(operations[2]!)]);
    });

    test('numbers arrivals over all logs', async () => {
      const [one, two] = chain('anna', 'one') as [SignedOperation, SignedOperation];
      await append(one);
      const first = await store.lastArrival();
      await append(world.begin('ben'));
      await append(two);
      expect(await store.lastArrival()).toBeGreaterThan(first);
      const arrivals = await Array.fromAsync(store.arrivalsAfter(first));
      expect(arrivals.map(({ author, seq }) => ({ author, seq }))).toEqual([
        { author: world.begin('ben').header.publicKey, seq: 0 },
        { author: one.header.publicKey, seq: 1 },
      ]);
      expect(await Array.fromAsync(store.arrivalsAfter(await store.lastArrival()))).toEqual([]);
    });

    test('says what it does not store', async () => {
      const operations = chain('anna', 'one', 'two');
      await append(operations[0]!);
      expect(await outcomes(operations[0]!, operations[2]!)).toEqual(['known', 'gap']);
      const last = await store.lastArrival();
      const { headerBytes } = operations[1]!;
      const cut = joinOperation(operations[1]!).subarray(0, -1);
      const damaged = [Uint8Array.of(1, 2, 3), cut, Uint8Array.of(0x83, 1), headerBytes];
      expect(await store.append(damaged)).toEqual(damaged.map(() => ({ outcome: 'refused', reason: 'invalid' })));
      expect(await store.lastArrival()).toBe(last);
    });

    test('ends a log before a fork, whichever branch came first, and keeps the proof', async () => {
      const common = chain('anna', 'common');
      const branch = (body: string) => [world.next('anna', common[1]!, body)];
      const proof = encodeForkProof(branch('this')[0]!, branch('that')[0]!);
      for (const [first, second] of [
        ['this', 'that'],
        ['that', 'this'],
      ] as const) {
        ({ store } = await openEmpty());
        const place = placeOf(common[0]!);
        const after = world.next('anna', branch(first)[0]!, 'after');
        await append(...common, ...branch(first), after);
        const before = await store.lastArrival();
        const tip = upTo(common[1]!, 2);
        expect(await append(...branch(second))).toEqual([{ outcome: 'fork', tip }]);
        expect(await store.tip(...place)).toEqual(tip);
        expect(await store.forkProof(...place)).toEqual(proof);
        expect(await outcomes(after)).toEqual(['fork']);
        expect(await Array.fromAsync(store.operationsFrom(...place, 0))).toEqual(bytesOf(common));
        expect(await Array.fromAsync(store.arrivalsAfter(before))).toMatchObject([{ seq: 2 }]);
      }
    });

    test('ends a log by the proof of its fork, before or after its operations', async () => {
      const common = chain('anna', 'common');
      const [place, tip] = [placeOf(common[0]!), upTo(common[1]!, 2)];
      const proof = encodeForkProof(world.next('anna', common[1]!, 'this'), world.next('anna', common[1]!, 'that'));
      await append(...common, world.next('anna', common[1]!, 'this'));
      expect(await store.append([proof, proof])).toEqual([
        { outcome: 'stored', tip },
        { outcome: 'known', tip },
      ]);
      ({ store } = await openEmpty());
      await append(common[0]!);
      expect(await store.append([proof])).toEqual([{ outcome: 'stored', tip: upTo(common[0]!, 2) }]);
      expect(await outcomes(common[1]!)).toEqual(['stored']);
      expect(await store.tip(...place)).toEqual(tip);
      expect(await store.forkProof(...place)).toEqual(proof);
    });

    test('says that another branch contradicts what is here, also where it has no operation of the same seq', async () => {
      const [first, mine] = chain('anna', 'mine') as [SignedOperation, SignedOperation];
      const other = world.next('anna', world.next('anna', first, 'other'), 'after');
      await append(first, mine);
      expect(await append(other)).toEqual([{ outcome: 'fork', tip: upTo(mine) }]);
    });
  });
}

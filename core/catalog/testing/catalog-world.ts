import { Field, Int32, Schema, Utf8 } from 'apache-arrow';
import { type AuditActor, createAuditLog } from '#core/audit/index.ts';
import { nodeSha256 } from '#core/audit/adapters/node-sha256.ts';
import type { Clock, Random } from '#core/kernel/index.ts';
import type { KeyValueStore } from '#core/platform/ports.ts';
import { openMemoryStore } from '#core/platform/testing/memory-store.ts';
import { createCatalog } from '../catalog.ts';
import type { SegmentRef } from '../ports.ts';
import type { CatalogGuard } from '../transact.ts';
import { createMemoryOperationLog } from './memory-operation-log.ts';

export const ACTOR: AuditActor = {
  userId: 'ada',
  purpose: 'USER_VIEW',
  sourceIp: '203.0.113.7',
  deviceInfo: 'granary-test/1',
};

/** The moment at which test clocks start. */
export const TEST_START = Date.UTC(2026, 0, 1);

/** A clock that stands until it is moved. */
export function createTestClock(): Clock & { advance(milliseconds: number): void } {
  let now = TEST_START;
  return {
    now: () => now,
    monotonic: () => now,
    advance(milliseconds) {
      now += milliseconds;
    },
  };
}

/** Bytes that repeat themselves from the seed (mulberry32). */
export function createTestRandom(seed = 1): Random {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) & 0xff;
  };
  return { bytes: (byteCount) => Uint8Array.from({ length: byteCount }, next) };
}

/** A catalog over a store in memory, with a clock and randomness of its own; `reopen` starts it again on the same store. */
export function createCatalogWorld<Store extends KeyValueStore = ReturnType<typeof openMemoryStore>>(
  store: Store = openMemoryStore() as unknown as Store,
  guard?: CatalogGuard,
) {
  const clock = createTestClock();
  const random = createTestRandom();
  const log = createMemoryOperationLog(store);
  const open = () => {
    const audit = createAuditLog({ store, clock, random, sha256: nodeSha256 });
    return { audit, catalog: createCatalog({ store, log, audit, clock, random, guard }) };
  };
  return { store, clock, random, log, ...open(), reopen: open };
}

export const TEST_SCHEMA = new Schema([new Field('id', new Int32(), false), new Field('name', new Utf8(), true)]);

/** A reference to a segment that exists nowhere; its id is made of `number`. */
export const testSegment = (number: number, rowCount = 10): SegmentRef => ({
  id: number.toString(16).padStart(64, '0'),
  rowCount,
  byteCount: rowCount * 8,
  columns: [
    { min: number, max: number + rowCount, nullCount: 0 },
    { min: 'a', max: 'z', nullCount: 1 },
  ],
});

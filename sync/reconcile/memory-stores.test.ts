import { toUtf8 } from '#core/kernel/index.ts';
import { signOperation } from '#sync/log/index.ts';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import { openMemoryOperationStore } from './testing/memory-stores.ts';
import { operationStoreContract, type OperationStoreUnderTest } from './testing/operation-store-contract.ts';
import { named, unverifiedKey } from './testing/sync-world.ts';

const sign = (author: string, seq: number, backlink: Uint8Array | undefined, body: string) => {
  const extensions = { logId: named('log'), timestampMicros: 1n, pruneFlag: false };
  return signOperation({ key: unverifiedKey(author), blake3 }, { seq, backlink, extensions, body: toUtf8(body) });
};

operationStoreContract('a store of operations in memory', async (): Promise<OperationStoreUnderTest> => {
  return {
    store: openMemoryOperationStore(blake3, named('store')),
    begin: (author) => sign(author, 0, undefined, 'first'),
    next: (author, previous, body) => sign(author, previous.header.seq + 1, previous.id, body),
  };
});

import { blake3 } from '#sync/log/testing/fixtures.ts';
import { openMemoryOperationStore } from './testing/memory-stores.ts';
import { operationStoreContract } from './testing/operation-store-contract.ts';
import { named } from './testing/sync-world.ts';

operationStoreContract(async () => openMemoryOperationStore(blake3, named('store')));

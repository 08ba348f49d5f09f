import { canonicalJson, fromHex, readRecord, toHex } from '#core/kernel/index.ts';
import { Commit, type KeyValueStore } from '#core/platform/ports.ts';
import type { Agreement, AgreementStore } from '#sync/reconcile/index.ts';

interface StoredAgreement {
  readonly root: string;
  readonly incarnation: string;
  readonly arrival: number;
  readonly pending: readonly { readonly author: string; readonly logId: string; readonly seqBefore: number }[];
}

/** Agreements in the node's store, at `agreement/<peer>/<space>`. They are not waited for: losing one costs bytes only. */
export function createAgreementStore(store: KeyValueStore): AgreementStore {
  const keyOf = (peer: Uint8Array, space: Uint8Array) => `agreement/${toHex(peer)}/${toHex(space)}`;
  return {
    async get(peer, space) {
      const key = keyOf(peer, space);
      const bytes = await store.get(key);
      if (!bytes) return undefined;
      const { root, incarnation, arrival, pending } = readRecord<StoredAgreement>(key, bytes);
      return {
        root: fromHex(root),
        incarnation: fromHex(incarnation),
        arrival,
        pending: pending.map(({ author, logId, seqBefore }) => ({
          author: fromHex(author),
          logId: fromHex(logId),
          seqBefore,
        })),
      };
    },
    async put(peer, space, { root, incarnation, arrival, pending }: Agreement) {
      const stored: StoredAgreement = {
        root: toHex(root),
        incarnation: toHex(incarnation),
        arrival,
        pending: pending.map(({ author, logId, seqBefore }) => ({
          author: toHex(author),
          logId: toHex(logId),
          seqBefore,
        })),
      };
      await store.write(new Commit().put(keyOf(peer, space), canonicalJson(stored)), { sync: false });
    },
  };
}

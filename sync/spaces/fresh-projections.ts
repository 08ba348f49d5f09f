/**
 * What assets amount to that were folded a moment ago, for whoever shows them next: to read a replica and open its document
 * once more takes longer than to fold an operation. Nothing is lost with it.
 */
import { equalBytes, toUtf8, type Uuid } from '#core/kernel/index.ts';
import type { AssetProjection } from '#sync/documents/index.ts';

/** Bytes of replicas whose projections are kept, which take some times as many: 20,000 small assets. */
const KEPT_BYTES_MAX = 16 * 2 ** 20;

export interface FreshProjections {
  /** A mark that no replica has had since this node started. */
  newMark(): Uint8Array;
  /** Keeps what was stored under a mark, unless there is too much already. */
  keep(space: Uuid, asset: Uuid, fresh: FreshProjection): void;
  /** What was kept under the mark that the asset has in the store; it is forgotten with that. */
  take(space: Uuid, asset: Uuid, mark: Uint8Array): AssetProjection | undefined;
}

export interface FreshProjection {
  readonly mark: Uint8Array;
  readonly projection: AssetProjection;
  /** Bytes of the replica. */
  readonly byteCount: number;
}

export function createFreshProjections(): FreshProjections {
  const kept = new Map<string, FreshProjection>();
  let byteCount = 0;
  let markLast = 0;
  const forget = (name: string): FreshProjection | undefined => {
    const fresh = kept.get(name);
    kept.delete(name);
    byteCount -= fresh?.byteCount ?? 0;
    return fresh;
  };
  return {
    newMark: () => toUtf8(String((markLast += 1))),
    keep(space, asset, fresh) {
      const name = `${space}/${asset}`;
      forget(name);
      if (byteCount + fresh.byteCount > KEPT_BYTES_MAX) return;
      kept.set(name, fresh);
      byteCount += fresh.byteCount;
    },
    take(space, asset, mark) {
      const fresh = forget(`${space}/${asset}`);
      return fresh && equalBytes(fresh.mark, mark) ? fresh.projection : undefined;
    },
  };
}

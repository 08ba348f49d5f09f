import type { Catalog, CatalogAsset } from '#core/catalog/index.ts';
import { asGranaryError, type AssetId, GranaryError, type Logger } from '#core/kernel/index.ts';
import type { Spaces } from '#sync/spaces/index.ts';

export interface SubscribedDeps {
  readonly catalog: Catalog;
  readonly spaces: Pick<Spaces, 'lackingRows'>;
  readonly logger: Logger;
  /** Brings the rows of the asset's version here, as long as it takes. */
  readonly fetch: (asset: CatalogAsset, options: { readonly signal: AbortSignal }) => Promise<unknown>;
  /** Fires when the node stops. */
  readonly stopped: AbortSignal;
}

/** Fetches what members are to have by themselves. */
export interface SubscribedFetches {
  /** Begins with what is not here and is not being fetched; of each asset, its present version is. */
  begin(): Promise<void>;
  /** Resolves when all has ended. */
  whenEnded(): Promise<void>;
}

interface RunningFetch {
  readonly version: number;
  readonly stop: AbortController;
}

export function createSubscribedFetches(deps: SubscribedDeps): SubscribedFetches {
  const { catalog, spaces, logger, stopped } = deps;
  const current = new Map<AssetId, RunningFetch>();
  /** Those of them that have got another version since; the journal of the catalog was read up to `readUntil`. */
  const renewed = new Set<AssetId>();
  let readUntil: number | undefined;
  /** Those of older versions as well. */
  const running = new Set<Promise<void>>();

  async function followVersions(): Promise<void> {
    const last = await catalog.lastSequence();
    for await (const { sequence, assetId } of catalog.changesAfter(readUntil ?? last, { signal: stopped })) {
      if (sequence > last) break;
      if (current.has(assetId)) renewed.add(assetId);
    }
    readUntil = Math.max(readUntil ?? 0, last);
  }

  function start(asset: CatalogAsset): void {
    const { id, version } = asset;
    const stop = new AbortController();
    const work = deps
      .fetch(asset, { signal: stop.signal })
      .then(() => undefined)
      .catch((error: unknown) => {
        if (stopped.aborted || stop.signal.aborted) return;
        const cause = asGranaryError(error).message;
        logger.warn('The rows of an asset could not be fetched.', { asset: id, cause });
      })
      .finally(() => {
        running.delete(work);
        if (current.get(id)?.stop === stop) current.delete(id);
      });
    running.add(work);
    current.set(id, { version, stop });
  }

  return {
    async begin() {
      await followVersions();
      const due = [...renewed];
      const isKnown = (asset: AssetId) => current.has(asset) && !renewed.has(asset);
      const assets = await catalog.getAssets(await spaces.lackingRows(isKnown, { signal: stopped }));
      for (const id of due) {
        renewed.delete(id);
        const fetch = current.get(id);
        if (!fetch || fetch.version === assets.get(id)?.version) continue;
        // What an older version had, and nobody has any more, must not keep back what the present one has.
        current.delete(id);
        fetch.stop.abort(new GranaryError('CANCELLED', 'The asset has another version by now.'));
      }
      for (const asset of assets.values()) {
        if (stopped.aborted) return;
        if (!current.has(asset.id)) start(asset);
      }
    },
    async whenEnded() {
      await Promise.all(running);
    },
  };
}

import type { Benchmark, Measurement } from './measure.ts';
import { syncAssetsBenchmark } from './sync-assets.ts';
import { syncBrokenBenchmark } from './sync-broken.ts';
import { syncBundlesBenchmark } from './sync-bundles.ts';
import { syncFederationBenchmark } from './sync-federation.ts';
import { syncIngestBenchmark } from './sync-ingest.ts';
import { syncLineBenchmark } from './sync-line.ts';
import { syncLogBenchmark } from './sync-log.ts';
import { syncReconcileBenchmark } from './sync-reconcile.ts';
import { syncSegmentsBenchmark } from './sync-segments.ts';
import { syncSpaceBenchmark } from './sync-space.ts';

/** The benchmarks of sync, each of which also runs by its own name. */
export const SYNC_PARTS: readonly Benchmark[] = [
  syncReconcileBenchmark,
  syncLineBenchmark,
  syncLogBenchmark,
  syncSpaceBenchmark,
  syncIngestBenchmark,
  syncFederationBenchmark,
  syncBrokenBenchmark,
  syncSegmentsBenchmark,
  syncBundlesBenchmark,
  syncAssetsBenchmark,
];

/** All of sync in one table. */
export const syncBenchmark: Benchmark = {
  name: 'sync',
  async run() {
    const all: Measurement[] = [];
    for (const part of SYNC_PARTS) all.push(...(await part.run()));
    return all;
  },
};

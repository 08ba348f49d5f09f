import { z } from 'zod';
import type { Catalog } from '#core/catalog/index.ts';
import { defineOperation, type Operation } from '#core/kernel/index.ts';
import type { KeyValueStore } from '#core/platform/ports.ts';
import { type LineageBranch, lineageOf } from './lineage-of.ts';
import { renderLineage } from './render-lineage.ts';

const edge = z.object({
  from: z.object({
    kind: z.string(),
    name: z.string(),
    contentHash: z.string().nullable(),
    assetId: z.string().nullable(),
    version: z.int().nullable(),
  }),
  to: z.object({ assetId: z.string(), name: z.string(), version: z.int() }),
  rowCount: z.int(),
  at: z.string(),
  /** What else is recorded of the step: the format of a file, rows set aside, the error bounds of columns. */
  detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  /** How many steps lie between the edge and the asset that was asked about; 1 for its own edges. */
  depth: z.int(),
});

const lineageOutput = z.object({
  assetId: z.string(),
  name: z.string(),
  upstream: z.array(edge),
  downstream: z.array(edge),
  /** True when there is more than one answer holds. */
  truncated: z.boolean(),
  /** The same as a small tree of text. */
  text: z.string(),
});

export type LineageOutput = z.output<typeof lineageOutput>;

export interface LineageOperationsDeps {
  readonly catalog: Catalog;
  readonly store: KeyValueStore;
}

export function lineageOperations({ catalog, store }: LineageOperationsDeps): readonly Operation[] {
  return [
    defineOperation({
      name: 'getLineage',
      description: 'Where the versions of an asset came from, and what was made of them.',
      input: z.strictObject({ name: z.string() }),
      output: lineageOutput,
      permission: 'read',
      async handler({ name }, { signal }) {
        const lineage = await lineageOf(store, await catalog.getAsset(name), { signal });
        return {
          ...lineage,
          upstream: flatten(lineage.upstream, 1),
          downstream: flatten(lineage.downstream, 1),
          text: renderLineage(lineage),
        };
      },
    }),
  ];
}

function flatten(branches: readonly LineageBranch[], depth: number): LineageOutput['upstream'] {
  return branches.flatMap(({ edge: { from, to, rowCount, at, detail }, branches: next }) => [
    {
      from: {
        kind: from.kind,
        name: from.name,
        contentHash: from.contentHash ?? null,
        assetId: from.assetId ?? null,
        version: from.version ?? null,
      },
      to,
      rowCount,
      at: new Date(at).toISOString(),
      detail: { ...detail },
      depth,
    },
    ...flatten(next, depth + 1),
  ]);
}

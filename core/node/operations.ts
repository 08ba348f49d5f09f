import { z } from 'zod';
import { defineOperation, type Operation } from '#core/kernel/index.ts';
import { type DiagnoseDeps, diagnose } from './diagnose.ts';
import { DRIFT_SIGNALS } from '#core/columnar/index.ts';
import { type InspectDeps, inspectAsset, inspectFile } from './inspect.ts';
import { pictureAsset, pictureFile } from './picture-columns.ts';
import { profileAsset } from './profile-asset.ts';

const baseline = z.object({ name: z.string(), byteCount: z.int() });

const inspectOutput = z.object({
  name: z.string(),
  rowCount: z.int(),
  segmentCount: z.int(),
  /** Of the segment files, metadata included. */
  byteCount: z.int(),
  columns: z.array(
    z.object({
      name: z.string(),
      type: z.string(),
      mapping: z.string(),
      predictor: z.string(),
      bins: z.int().nullable(),
      /** Error bounds that its segments were written under; empty when all values are exact. */
      maxError: z.string(),
      /** What the first row group tried, and the bytes of each way; after `~` what a sample made of it. */
      considered: z.array(z.union([z.string(), z.number()])),
      rowCount: z.int(),
      byteCount: z.int(),
      bitsPerValue: z.number(),
      baselines: z.array(baseline),
    }),
  ),
});

const pictureOutput = z.object({
  name: z.string(),
  /** One a column, in the order of the schema and of the output stream. */
  pictures: z.array(z.object({ column: z.string(), byteCount: z.int() })),
});

const bound = z.union([z.string(), z.number(), z.boolean()]).nullable();

const profileOutput = z.object({
  name: z.string(),
  rowCount: z.int(),
  columns: z.array(
    z.object({
      name: z.string(),
      type: z.string(),
      rowCount: z.int(),
      byteCount: z.int(),
      bitsPerValue: z.number(),
      /** Indices of the row groups below. */
      anomalies: z.array(z.int()).readonly(),
      drift: z.object({ score: z.number(), signal: z.enum(DRIFT_SIGNALS), rowGroup: z.int() }).nullable(),
      rowGroups: z
        .array(
          z.object({
            firstRow: z.int(),
            rowCount: z.int(),
            byteCount: z.int(),
            bitsPerValue: z.number(),
            nullShare: z.number(),
            min: bound,
            max: bound,
            mean: z.number().nullable(),
            anomaly: z.number().nullable(),
            drift: z.number().nullable(),
          }),
        )
        .readonly(),
    }),
  ),
});

const migrationOutput = z.object({
  migrations: z.array(
    z.object({
      name: z.string(),
      state: z.enum(['APPLIED', 'PENDING', 'EDITED', 'UNKNOWN']),
      appliedAt: z.string().nullable(),
    }),
  ),
});

const diagnosis = z.object({
  checks: z.array(z.object({ subject: z.string(), state: z.enum(['ok', 'missing', 'broken']), text: z.string() })),
});

export type InspectOutput = z.output<typeof inspectOutput>;
export type PictureOutput = z.output<typeof pictureOutput>;
export type ProfileOutput = z.output<typeof profileOutput>;
export type MigrationOutput = z.output<typeof migrationOutput>;
export type Diagnosis = z.output<typeof diagnosis>;

export interface NodeOperationsDeps extends InspectDeps, DiagnoseDeps {
  readonly migrate: (direction: 'up' | 'down' | 'status') => Promise<MigrationOutput>;
}

/** Operations that concern the whole node and no single slice. */
export function nodeOperations(deps: NodeOperationsDeps): readonly Operation[] {
  return [
    defineOperation({
      name: 'inspectAsset',
      description: 'How each column of an asset is stored, and how large it is.',
      input: z.strictObject({ name: z.string() }),
      output: inspectOutput,
      permission: 'read',
      handler: ({ name }, context) => inspectAsset(deps, name, context),
    }),
    defineOperation({
      name: 'inspectFile',
      description: 'The same for one segment file that comes with the call.',
      input: z.strictObject({}),
      output: inspectOutput,
      permission: 'read',
      handler: (_, context) => inspectFile(context),
    }),
    defineOperation({
      name: 'pictureAsset',
      description: 'A picture of each column of an asset; the PNG files are the output stream.',
      input: z.strictObject({ name: z.string() }),
      output: pictureOutput,
      permission: 'read',
      streams: 'the PNG files, one after another',
      handler: ({ name }, context) => pictureAsset(deps, name, context),
    }),
    defineOperation({
      name: 'pictureFile',
      description: 'The same for one segment file that comes with the call.',
      input: z.strictObject({}),
      output: pictureOutput,
      permission: 'read',
      streams: 'the PNG files, one after another',
      handler: (_, context) => pictureFile(context),
    }),
    defineOperation({
      name: 'columnProfile',
      description: 'Rate, bounds, anomaly and drift of every column and row group of an asset, without decoding.',
      input: z.strictObject({ name: z.string() }),
      output: profileOutput,
      permission: 'read',
      handler: ({ name }, context) => profileAsset(deps, name, context),
    }),
    defineOperation({
      name: 'migrateCatalog',
      description: 'Applies the migrations of the catalog database, takes the newest back, or lists them.',
      input: z.strictObject({ direction: z.enum(['up', 'down', 'status']) }),
      output: migrationOutput,
      permission: 'admin',
      handler: ({ direction }) => deps.migrate(direction),
    }),
    defineOperation({
      name: 'diagnose',
      description: 'Versions, stores and free disk; rebuilds the catalog view when asked to.',
      input: z.strictObject({ rebuildCatalog: z.boolean().default(false) }),
      output: diagnosis,
      permission: 'admin',
      handler: (input, context) => diagnose(deps, input, context),
    }),
  ];
}

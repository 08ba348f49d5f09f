import { z } from 'zod';
import { defineOperation, type Operation, type OperationContext } from '#core/kernel/index.ts';

/** Counts by reason. */
const reasons = z.record(z.string(), z.int());

const device = z.object({
  /** Public key, 64 hexadecimal digits. */
  device: z.string(),
  fingerprint: z.string(),
  name: z.string(),
});

const exportBundleInput = z.strictObject({
  /** Name or UUID. */
  space: z.string().min(1).max(200),
  /** Put in the segments of the rows that are on this node, too. */
  withData: z.boolean().default(false),
  /** Members that alone can open it, by public key, fingerprint or the start of one, or name; empty: it is not sealed. */
  recipients: z.array(z.string().min(1).max(200)).default([]),
});

const exportBundleOutput = z.object({
  space: z.string(),
  name: z.string(),
  recipients: z.array(device),
  operationCount: z.int(),
  segmentCount: z.int(),
  byteCount: z.number(),
  /** Segments of the space that are not on this node and so not in it; 0 for a bundle without data. */
  missingSegmentCount: z.int(),
});

const importBundleInput = z.strictObject({
  /** Join the space when it has made this device a member and is not on this node. */
  join: z.boolean().default(false),
});

const importBundleOutput = z.object({
  space: z.string(),
  name: z.string(),
  /** True when this device has joined the space by this bundle. */
  joined: z.boolean(),
  /** The device that wrote it. */
  sender: device,
  /** Operations that were not here before. */
  operationCount: z.int(),
  /** Operations of the bundle that were here already. */
  knownOperationCount: z.int(),
  /** Segments that were not here before. */
  segmentCount: z.int(),
  /** What the sender has and is not here now, by reason. */
  missingOperations: reasons,
  missingSegments: reasons,
  /** Operations of the space that are here and wait, by what they wait for. */
  waiting: reasons,
});

const showBundleOutput = z.object({
  /** Null for a space that this device is no member of. */
  space: z.string().nullable(),
  name: z.string().nullable(),
  /** True when the space has made this device a member and is not on this node yet. */
  canJoin: z.boolean(),
  /** The device that wrote it; its name is empty when it is not known here. */
  sender: device,
  /** By the sender's clock, ISO 8601. */
  createdAt: z.string(),
  /** Root of what the sender had, 64 hexadecimal digits. */
  root: z.string(),
  /** Root of the bundle that it goes on from; null when it stands alone. */
  since: z.string().nullable(),
  /** Devices it is sealed to; 0 when it is not sealed. */
  recipientCount: z.int(),
  operationCount: z.int(),
  segmentCount: z.int(),
  byteCount: z.number(),
});

export type ExportBundleInput = z.output<typeof exportBundleInput>;
export type ExportBundleOutput = z.output<typeof exportBundleOutput>;
export type ImportBundleInput = z.output<typeof importBundleInput>;
export type ImportBundleOutput = z.output<typeof importBundleOutput>;
export type ShowBundleOutput = z.output<typeof showBundleOutput>;

/** Spaces by file, for devices that never meet on a line. */
export interface Bundles {
  /** Writes the bundle to the context's stream. The bundle that came with the call, if any, is the one it goes on from. */
  exportBundle(input: ExportBundleInput, context: OperationContext): Promise<ExportBundleOutput>;
  /** Takes in the one bundle that comes with the call; again, or after an interruption, it does what is left. */
  importBundle(input: ImportBundleInput, context: OperationContext): Promise<ImportBundleOutput>;
  /** Reads what the one bundle that comes with the call says of itself, and stores nothing. Errors: `BUNDLE_SEALED`. */
  showBundle(context: OperationContext): Promise<ShowBundleOutput>;
}

export function bundleOperations(bundles: Bundles): readonly Operation[] {
  return [
    defineOperation({
      name: 'exportBundle',
      description: 'Writes a space as a file for devices that cannot be reached; the file is the output stream.',
      input: exportBundleInput,
      output: exportBundleOutput,
      permission: 'read',
      streams: 'the bundle',
      handler: (input, context) => bundles.exportBundle(input, context),
    }),
    defineOperation({
      name: 'importBundle',
      description: 'Takes in the bundle that comes with the call.',
      input: importBundleInput,
      output: importBundleOutput,
      permission: 'write',
      handler: (input, context) => bundles.importBundle(input, context),
    }),
    defineOperation({
      name: 'showBundle',
      description: 'What the bundle that comes with the call holds, without storing any of it.',
      input: z.strictObject({}),
      output: showBundleOutput,
      permission: 'read',
      handler: (_, context) => bundles.showBundle(context),
    }),
  ];
}

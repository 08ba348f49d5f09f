import { canonicalJson } from '#core/kernel/index.ts';
import { z } from 'zod';
import { countSchema } from './record.ts';

/** The asset is removed, for good: `{ at }`, milliseconds since the UNIX epoch. */
export const REMOVAL_SCHEMA = 'granary.removal.v1';

export interface RemovalRecord {
  /** Milliseconds since the UNIX epoch. */
  readonly at: number;
}

export const removalSchema: z.ZodType<RemovalRecord> = z.strictObject({ at: countSchema });

export const encodeRemoval = ({ at }: RemovalRecord): Uint8Array => canonicalJson({ at });

import { type SegmentRef, VERSION_KINDS, type VersionKind, type VersionSource } from '#core/catalog/index.ts';
import { type SchemaJson, schemaFromJson, schemaToJson } from '#core/columnar/index.ts';
import { canonicalJson, equalBytes, isGranaryError } from '#core/kernel/index.ts';
import { decodeSealedSegment } from '#sync/segments/index.ts';
import { z } from 'zod';
import { VERSION_PARENTS_MAX, VERSION_PARTS_MAX, VERSION_SOURCES_MAX } from './limits.ts';
import { countSchema, operationIdSchema, textSchema } from './record.ts';

/**
 * A version of the asset, in as many operations of one log as it takes. Each says which part of how many it is, what
 * segments it adds and removes, and how those it adds are sealed; the last one also says the rest, and names the version.
 */
export const VERSION_SCHEMA = 'granary.version.v1';

/** What the last part says. */
export interface VersionRecord {
  /** The versions that it continues; several for one that joins them. Each once, in order. */
  readonly parents: readonly string[];
  /** The parent whose segments it changes; null when it begins anew. */
  readonly base: string | null;
  /** Null when it is that of the base. */
  readonly schema: SchemaJson | null;
  readonly kind: VersionKind;
  /** Milliseconds since the UNIX epoch. */
  readonly createdAt: number;
  /** Of the whole version. */
  readonly rowCount: number;
  readonly byteCount: number;
  readonly sources: readonly VersionSource[];
  /** Of all parts, in the order of the rows; they follow those of the base. */
  readonly added: readonly SegmentRef[];
  /** Ids of segments of the base; one that stands there twice is removed once for each mention. */
  readonly removed: readonly string[];
  /** By id of a segment, its sealed segment of 104 bytes in base64. */
  readonly sealed: Readonly<Record<string, string>>;
}

export interface VersionPart extends Pick<VersionRecord, 'added' | 'removed' | 'sealed'> {
  readonly part: number;
  readonly parts: number;
}

const idSchema = textSchema.min(1);
const valueSchema = z.union([textSchema, z.number(), z.boolean(), z.null()]);

const segmentSchema: z.ZodType<SegmentRef> = z.strictObject({
  id: idSchema,
  rowCount: countSchema,
  byteCount: countSchema,
  columns: z.array(
    z.strictObject({ min: z.optional(valueSchema), max: z.optional(valueSchema), nullCount: countSchema }),
  ) as z.ZodType<SegmentRef['columns']>,
});

const segmentMembers = {
  added: z.array(segmentSchema),
  removed: z.array(idSchema),
  sealed: z.record(z.string().regex(/^[0-9a-f]{64}$/), z.string().refine(isBase64, 'This is no base64.')),
};

const partMembers = {
  part: countSchema,
  parts: z.int().min(1).max(VERSION_PARTS_MAX),
  ...segmentMembers,
};

const isSealedOfAdded = ({ added, sealed }: Pick<VersionRecord, 'added' | 'sealed'>): boolean => {
  const byteCounts = new Map(added.map(({ id, byteCount }) => [id, byteCount]));
  return Object.entries(sealed).every(([id, text]) => {
    const segment = sealedOf(text);
    return segment?.hash === id && byteCounts.get(id) === segment.byteCount;
  });
};

const isPart = ({ part, parts }: { part: number; parts: number }): boolean => part < parts - 1;
const isRising = (ids: readonly string[]): boolean => ids.every((id, i) => i === 0 || ids[i - 1]! < id);

/** Any part but the last one. */
export const versionPartSchema: z.ZodType<VersionPart> = z
  .strictObject(partMembers)
  .refine(isPart, 'The last part says more.')
  .refine(isSealedOfAdded, 'A sealed segment is not one of those added.');

const versionMembers = {
  parents: z.array(operationIdSchema).max(VERSION_PARENTS_MAX).refine(isRising, 'Parents rise.'),
  base: operationIdSchema.nullable(),
  schema: z.custom<SchemaJson>(isSchema).nullable(),
  kind: z.enum(VERSION_KINDS),
  createdAt: countSchema,
  rowCount: countSchema,
  byteCount: countSchema,
  sources: z
    .array(
      z.strictObject({
        name: textSchema,
        kind: textSchema,
        contentHash: textSchema.nullable(),
        rowCount: countSchema,
      }),
    )
    .max(VERSION_SOURCES_MAX),
};

const isBaseParent = ({ base, parents }: Pick<VersionRecord, 'base' | 'parents'>): boolean =>
  base === null || parents.includes(base);
const hasSchema = ({ base, schema }: Pick<VersionRecord, 'base' | 'schema'>): boolean =>
  base !== null || schema !== null;

/** The last part. */
export const versionSchema: z.ZodType<VersionRecord & VersionPart> = z
  .strictObject({ ...partMembers, ...versionMembers })
  .refine((record) => record.part === record.parts - 1, 'Only the last part says so much.')
  .refine(isBaseParent, 'The base is one of the parents.')
  .refine(hasSchema, 'Without a base there is a schema.')
  .refine(isSealedOfAdded, 'A sealed segment is not one of those added.');

/** All parts together. */
export const wholeVersionSchema: z.ZodType<VersionRecord> = z
  .strictObject({ ...segmentMembers, ...versionMembers })
  .refine(isBaseParent, 'The base is one of the parents.')
  .refine(hasSchema, 'Without a base there is a schema.')
  .refine(isSealedOfAdded, 'A sealed segment is not one of those added.');

function isSchema(json: unknown): boolean {
  try {
    return equalBytes(canonicalJson(schemaToJson(schemaFromJson(json))), canonicalJson(json));
  } catch (error) {
    if (isGranaryError(error)) return false;
    throw error;
  }
}

function sealedBytes(text: string): Uint8Array {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}

/** Bytes as base64, with padding. */
export const toBase64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));

function isBase64(text: string): boolean {
  try {
    return text.length === 140 && toBase64(sealedBytes(text)) === text;
  } catch {
    return false;
  }
}

/** Undefined also for what is no base64: one fault of a record does not keep the others from being looked for. */
function sealedOf(text: string) {
  if (!isBase64(text)) return undefined;
  try {
    return decodeSealedSegment(sealedBytes(text));
  } catch (error) {
    if (isGranaryError(error, 'FORMAT_INVALID')) return undefined;
    throw error;
  }
}

/** The bytes of a sealed segment of a record that was checked. */
export const decodeSealed = sealedBytes;

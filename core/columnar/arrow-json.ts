import {
  Binary,
  Bool,
  DataType,
  DateUnit,
  Date_,
  Decimal,
  Dictionary,
  Duration,
  Field,
  FixedSizeBinary,
  FixedSizeList,
  Float,
  Int,
  Interval,
  IntervalUnit,
  LargeBinary,
  LargeList,
  LargeUtf8,
  List,
  Map_,
  Null,
  Precision,
  Schema,
  Struct,
  Time,
  TimeUnit,
  Timestamp,
  Type,
  Union,
  UnionMode,
  Utf8,
} from 'apache-arrow';
import { z } from 'zod';
import { GranaryError } from '#core/kernel/index.ts';
import { COLUMNS_MAX, TYPE_DEPTH_MAX } from './limits.ts';

const TIME_UNITS = ['s', 'ms', 'us', 'ns'] as const;
const DATE_UNITS = ['day', 'ms'] as const;
const FLOAT_BITS = [16, 32, 64] as const;
const INTERVAL_UNITS = ['year-month', 'day-time', 'month-day-nano'] as const;
const UNION_MODES = ['sparse', 'dense'] as const;

/** An Arrow type as JSON. `bits`, `unit`, `zone`, `precision` and `scale` mean what they mean in Arrow. */
export type TypeJson =
  | { readonly name: 'null' | 'bool' | 'utf8' | 'largeUtf8' | 'binary' | 'largeBinary' }
  | { readonly name: 'int' | 'uint'; readonly bits: 8 | 16 | 32 | 64 }
  | { readonly name: 'float'; readonly bits: 16 | 32 | 64 }
  | { readonly name: 'decimal'; readonly bits: 128 | 256; readonly precision: number; readonly scale: number }
  | { readonly name: 'date'; readonly unit: (typeof DATE_UNITS)[number] }
  | { readonly name: 'time'; readonly unit: (typeof TIME_UNITS)[number] }
  | { readonly name: 'timestamp'; readonly unit: (typeof TIME_UNITS)[number]; readonly zone?: string | undefined }
  | { readonly name: 'duration'; readonly unit: (typeof TIME_UNITS)[number] }
  | { readonly name: 'interval'; readonly unit: (typeof INTERVAL_UNITS)[number] }
  | { readonly name: 'fixedSizeBinary'; readonly byteWidth: number }
  | { readonly name: 'list' | 'largeList'; readonly child: FieldJson }
  | { readonly name: 'fixedSizeList'; readonly size: number; readonly child: FieldJson }
  | { readonly name: 'struct'; readonly children: readonly FieldJson[] }
  | { readonly name: 'map'; readonly keysSorted: boolean; readonly child: FieldJson }
  | {
      readonly name: 'union';
      readonly mode: (typeof UNION_MODES)[number];
      readonly typeIds: readonly number[];
      readonly children: readonly FieldJson[];
    }
  | {
      readonly name: 'dictionary';
      readonly id: number;
      readonly ordered: boolean;
      readonly index: TypeJson;
      readonly value: TypeJson;
    };

/** A column: its name, type, whether nulls are allowed, and its metadata as pairs in order. */
export interface FieldJson {
  readonly name: string;
  readonly type: TypeJson;
  readonly nullable: boolean;
  readonly metadata?: readonly (readonly [string, string])[] | undefined;
}

/** An Arrow schema as JSON, exact for every type that can be stored. */
export interface SchemaJson {
  readonly fields: readonly FieldJson[];
  readonly metadata?: readonly (readonly [string, string])[] | undefined;
}

const metadataSchema = z.array(z.tuple([z.string(), z.string()])).optional();
const timeUnitSchema = z.enum(TIME_UNITS);

const typeSchema: z.ZodType<TypeJson> = z.lazy(() =>
  z.discriminatedUnion('name', [
    z.object({ name: z.enum(['null', 'bool', 'utf8', 'largeUtf8', 'binary', 'largeBinary']) }),
    z.object({ name: z.enum(['int', 'uint']), bits: z.literal([8, 16, 32, 64]) }),
    z.object({ name: z.literal('float'), bits: z.literal([16, 32, 64]) }),
    z.object({
      name: z.literal('decimal'),
      bits: z.literal([128, 256]),
      precision: z.int().min(1).max(76),
      scale: z.int().min(-128).max(127),
    }),
    z.object({ name: z.literal('date'), unit: z.enum(DATE_UNITS) }),
    z.object({ name: z.literal('time'), unit: timeUnitSchema }),
    z.object({ name: z.literal('timestamp'), unit: timeUnitSchema, zone: z.string().optional() }),
    z.object({ name: z.literal('duration'), unit: timeUnitSchema }),
    z.object({ name: z.literal('interval'), unit: z.enum(INTERVAL_UNITS) }),
    z.object({
      name: z.literal('fixedSizeBinary'),
      byteWidth: z
        .int()
        .min(0)
        .max(2 ** 31 - 1),
    }),
    z.object({ name: z.enum(['list', 'largeList']), child: fieldSchema }),
    z.object({
      name: z.literal('fixedSizeList'),
      size: z
        .int()
        .min(0)
        .max(2 ** 31 - 1),
      child: fieldSchema,
    }),
    z.object({ name: z.literal('struct'), children: z.array(fieldSchema) }),
    z
      .object({ name: z.literal('map'), keysSorted: z.boolean(), child: fieldSchema })
      .refine(
        ({ child: { type } }) => type.name === 'struct' && type.children.length === 2,
        'A map has keys and values.',
      ),
    z
      .object({
        name: z.literal('union'),
        mode: z.enum(UNION_MODES),
        typeIds: z.array(z.int().min(0).max(127)),
        children: z.array(fieldSchema),
      })
      .refine(
        ({ typeIds, children }) => typeIds.length === children.length && new Set(typeIds).size === typeIds.length,
        'A union has a type id of its own for each child.',
      ),
    z
      .object({
        name: z.literal('dictionary'),
        id: z.int(),
        ordered: z.boolean(),
        index: typeSchema,
        value: typeSchema,
      })
      .refine(({ index }) => index.name === 'int' || index.name === 'uint', 'The index of a dictionary is an integer.'),
  ]),
);

const fieldSchema: z.ZodType<FieldJson> = z.object({
  name: z.string(),
  type: typeSchema,
  nullable: z.boolean(),
  metadata: metadataSchema,
});

const schemaSchema: z.ZodType<SchemaJson> = z.object({
  fields: z.array(fieldSchema).max(COLUMNS_MAX),
  metadata: metadataSchema,
});

const pairs = (metadata: Map<string, string>) => (metadata.size > 0 ? { metadata: [...metadata] } : {});

/** The type as JSON, or undefined when it, or a type inside it, is not one that can be stored. */
export function typeToJson(type: DataType): TypeJson | undefined {
  if (DataType.isNull(type)) return { name: 'null' };
  if (DataType.isBool(type)) return { name: 'bool' };
  if (DataType.isUtf8(type)) return { name: 'utf8' };
  if (DataType.isLargeUtf8(type)) return { name: 'largeUtf8' };
  if (DataType.isBinary(type)) return { name: 'binary' };
  if (DataType.isLargeBinary(type)) return { name: 'largeBinary' };
  if (DataType.isInt(type)) return { name: type.isSigned ? 'int' : 'uint', bits: type.bitWidth };
  if (DataType.isFloat(type)) return { name: 'float', bits: FLOAT_BITS[type.precision]! };
  if (DataType.isDecimal(type)) {
    if (type.bitWidth !== 128 && type.bitWidth !== 256) return undefined;
    return { name: 'decimal', bits: type.bitWidth, precision: type.precision, scale: type.scale };
  }
  if (DataType.isDate(type)) return { name: 'date', unit: DATE_UNITS[type.unit]! };
  if (DataType.isTime(type)) return { name: 'time', unit: TIME_UNITS[type.unit]! };
  if (DataType.isTimestamp(type)) {
    const zone = type.timezone ?? undefined;
    return { name: 'timestamp', unit: TIME_UNITS[type.unit]!, ...(zone === undefined ? {} : { zone }) };
  }
  if (DataType.isDuration(type)) return { name: 'duration', unit: TIME_UNITS[type.unit]! };
  if (DataType.isInterval(type)) return { name: 'interval', unit: INTERVAL_UNITS[type.unit]! };
  if (DataType.isFixedSizeBinary(type)) return { name: 'fixedSizeBinary', byteWidth: type.byteWidth };
  if (DataType.isDictionary(type)) {
    const index = typeToJson(type.indices as DataType);
    const value = typeToJson(type.dictionary as DataType);
    return index && value && { name: 'dictionary', id: type.id, ordered: type.isOrdered, index, value };
  }
  return nestedToJson(type);
}

function nestedToJson(type: DataType): TypeJson | undefined {
  const children = (type.children ?? []).map(tryFieldToJson);
  if (!children.every((child) => child !== undefined)) return undefined;
  const child = children[0];
  if (DataType.isStruct(type)) return { name: 'struct', children };
  if (DataType.isUnion(type)) {
    return { name: 'union', mode: UNION_MODES[type.mode]!, typeIds: [...type.typeIds], children };
  }
  if (!child) return undefined;
  if (DataType.isList(type)) return { name: 'list', child };
  if (DataType.isLargeList(type)) return { name: 'largeList', child };
  if (DataType.isFixedSizeList(type)) return { name: 'fixedSizeList', size: type.listSize, child };
  if (DataType.isMap(type)) return { name: 'map', keysSorted: type.keysSorted, child };
  return undefined;
}

function tryFieldToJson(field: Field): FieldJson | undefined {
  const type = typeToJson(field.type as DataType);
  return type && { name: field.name, type, nullable: field.nullable, ...pairs(field.metadata) };
}

/** A column as JSON. Errors: `TYPE_UNSUPPORTED` naming column and type. */
export function fieldToJson(field: Field): FieldJson {
  const json = tryFieldToJson(field);
  if (json) return json;
  throw new GranaryError(
    'TYPE_UNSUPPORTED',
    `Column "${field.name}" has the type ${field.type}, which cannot be stored.`,
    {
      column: field.name,
      type: String(field.type),
    },
  );
}

/** The schema as JSON, exact. Errors: `TYPE_UNSUPPORTED` naming column and type. */
export function schemaToJson(schema: Schema): SchemaJson {
  return { fields: schema.fields.map(fieldToJson), ...pairs(schema.metadata) };
}

export function typeFromJson(json: TypeJson): DataType {
  switch (json.name) {
    case 'null':
      return new Null();
    case 'bool':
      return new Bool();
    case 'utf8':
      return new Utf8();
    case 'largeUtf8':
      return new LargeUtf8();
    case 'binary':
      return new Binary();
    case 'largeBinary':
      return new LargeBinary();
    case 'int':
      return new Int(true, json.bits);
    case 'uint':
      return new Int(false, json.bits);
    case 'float':
      return new Float(([Precision.HALF, Precision.SINGLE, Precision.DOUBLE] as const)[FLOAT_BITS.indexOf(json.bits)]!);
    case 'decimal':
      return new Decimal(json.scale, json.precision, json.bits);
    case 'date':
      return new Date_(json.unit === 'day' ? DateUnit.DAY : DateUnit.MILLISECOND);
    case 'time':
      return timeFromUnit(TIME_UNITS.indexOf(json.unit));
    case 'timestamp':
      return new Timestamp(TIME_UNITS.indexOf(json.unit) as TimeUnit, json.zone ?? null);
    case 'duration':
      return new Duration(TIME_UNITS.indexOf(json.unit) as TimeUnit);
    case 'interval':
      return new Interval(INTERVAL_UNITS.indexOf(json.unit) as IntervalUnit);
    case 'fixedSizeBinary':
      return new FixedSizeBinary(json.byteWidth);
    case 'list':
      return new List(fieldFromJson(json.child));
    case 'largeList':
      return new LargeList(fieldFromJson(json.child));
    case 'fixedSizeList':
      return new FixedSizeList(json.size, fieldFromJson(json.child));
    case 'struct':
      return new Struct(json.children.map(fieldFromJson));
    case 'map':
      return new Map_(fieldFromJson(json.child) as ConstructorParameters<typeof Map_>[0], json.keysSorted);
    case 'union':
      return new Union(
        json.mode === 'dense' ? UnionMode.Dense : UnionMode.Sparse,
        [...json.typeIds],
        json.children.map(fieldFromJson),
      );
    case 'dictionary':
      return new Dictionary(
        typeFromJson(json.value),
        typeFromJson(json.index) as Dictionary['indices'],
        json.id,
        json.ordered,
      );
  }
}

const timeFromUnit = (unit: number) =>
  unit <= TimeUnit.MILLISECOND ? new Time(unit as TimeUnit.SECOND, 32) : new Time(unit as TimeUnit.NANOSECOND, 64);

export function fieldFromJson(json: FieldJson): Field {
  return new Field(json.name, typeFromJson(json.type), json.nullable, new Map(json.metadata ?? []));
}

/** The schema that {@link schemaToJson} wrote. Errors: `FORMAT_INVALID` for anything else. */
export function schemaFromJson(json: unknown): Schema {
  if (depthOf(json, 0) > 3 * TYPE_DEPTH_MAX) {
    throw new GranaryError('LIMIT_EXCEEDED', `A type is nested more than ${TYPE_DEPTH_MAX} levels deep.`, {
      limit: TYPE_DEPTH_MAX,
    });
  }
  const parsed = schemaSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new GranaryError(
      'FORMAT_INVALID',
      `The schema is malformed at ${issue?.path.join('.') ?? ''}: ${issue?.message}`,
    );
  }
  try {
    return new Schema(parsed.data.fields.map(fieldFromJson), new Map(parsed.data.metadata ?? []));
  } catch (error) {
    // Arrow refuses two different dictionaries of one id.
    throw new GranaryError('FORMAT_INVALID', `The schema is malformed: ${String(error)}`, {}, { cause: error });
  }
}

/** Nesting of plain JSON; stops counting once far past what a schema may have. */
function depthOf(json: unknown, depth: number): number {
  if (typeof json !== 'object' || json === null || depth > 4 * TYPE_DEPTH_MAX) return depth;
  let deepest = depth;
  for (const value of Object.values(json)) deepest = Math.max(deepest, depthOf(value, depth + 1));
  return deepest;
}

/** True for types made of other types, which are stored as Arrow IPC; dictionaries of text are not. */
export function isNested(type: DataType): boolean {
  if (DataType.isDictionary(type)) {
    const value = type.dictionary as DataType;
    return !(
      DataType.isUtf8(value) ||
      DataType.isLargeUtf8(value) ||
      DataType.isBinary(value) ||
      DataType.isLargeBinary(value)
    );
  }
  return [Type.List, Type.LargeList, Type.FixedSizeList, Type.Struct, Type.Map, Type.Union].includes(type.typeId);
}

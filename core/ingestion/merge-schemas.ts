import { DataType, Field, Float64, Schema, Utf8 } from 'apache-arrow';
import { schemaToJson, typeToJson } from '#core/columnar/index.ts';
import { GranaryError } from '#core/kernel/index.ts';

/** A file's name with the columns found in it. */
export interface NamedSchema {
  readonly name: string;
  readonly schema: Schema;
}

export const sameSchema = (left: Schema, right: Schema): boolean =>
  JSON.stringify(schemaToJson(left)) === JSON.stringify(schemaToJson(right));

/**
 * The columns that can hold the values of every file: the type they agree on; float64 for whole and fractional numbers;
 * text for anything else that was read from text. Errors: `SCHEMA_MISMATCH`, naming the file, when columns differ.
 */
export function mergeSchemas(files: readonly NamedSchema[]): Schema {
  const [first, ...others] = files as [NamedSchema, ...NamedSchema[]];
  for (const other of others) checkNames(first, other);
  const fields = first.schema.fields.map((field, column) =>
    others.reduce((merged, { schema }) => mergeField(merged, schema.fields[column]!), field),
  );
  return new Schema(fields, first.schema.metadata);
}

function checkNames(first: NamedSchema, other: NamedSchema): void {
  const [names, otherNames] = [first, other].map(({ schema }) => schema.fields.map(({ name }) => name)) as [
    string[],
    string[],
  ];
  const missing = names.find((name) => !otherNames.includes(name));
  const extra = otherNames.find((name) => !names.includes(name));
  const problem =
    missing !== undefined
      ? `has no column "${missing}"`
      : extra !== undefined
        ? `has another column "${extra}"`
        : names.some((name, i) => otherNames[i] !== name)
          ? 'has its columns in another order'
          : undefined;
  if (problem === undefined) return;
  throw new GranaryError(
    'SCHEMA_MISMATCH',
    `${other.name} ${problem}, unlike ${first.name}. Store it as another asset.`,
    {
      file: other.name,
    },
  );
}

const mergeField = (left: Field, right: Field): Field =>
  new Field(left.name, mergeType(left.type, right.type), left.nullable || right.nullable, left.metadata);

function mergeType(left: DataType, right: DataType): DataType {
  if (JSON.stringify(typeToJson(left)) === JSON.stringify(typeToJson(right))) return left;
  const isNumber = (type: DataType) => DataType.isInt(type) || DataType.isFloat(type);
  return isNumber(left) && isNumber(right) ? new Float64() : new Utf8();
}

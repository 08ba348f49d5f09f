import { DataType, Field, Schema } from 'apache-arrow';
import { typeToJson } from '#core/columnar/index.ts';
import { GranaryError } from '#core/kernel/index.ts';

/**
 * Compared as JSON, because Arrow has two classes for one type (`Int32`, `Int(true, 32)`) and calls them different. A
 * dictionary is a way to store its values: the column is of the values' type.
 */
const sameType = (left: DataType, right: DataType): boolean => typeText(left) === typeText(right);
const typeText = (type: DataType) => JSON.stringify(typeToJson(DataType.isDictionary(type) ? type.dictionary : type));

const mismatch = (column: string, message: string) =>
  new GranaryError(
    'SCHEMA_MISMATCH',
    `${message} Give the rows the columns of the asset, or store them in another asset.`,
    { column },
  );

/**
 * The schema of an asset after rows of `appended` came to it: the same columns in the same order and of the same types. A
 * column may hold nulls from now on; names and metadata stay those of `current`. Errors: `SCHEMA_MISMATCH`, naming the
 * first column that does not fit.
 */
export function evolveSchema(assetName: string, current: Schema, appended: Schema): Schema {
  const asset = JSON.stringify(assetName);
  const length = Math.max(current.fields.length, appended.fields.length);
  const fields: Field[] = [];
  for (let i = 0; i < length; i++) {
    const [own, other] = [current.fields[i], appended.fields[i]];
    if (!own) throw mismatch(other!.name, `The column "${other!.name}" is not one of the asset ${asset}.`);
    if (!other) throw mismatch(own.name, `The rows have no column "${own.name}", which the asset ${asset} has.`);
    if (own.name !== other.name) {
      throw mismatch(
        other.name,
        `Column ${i + 1} of the asset ${asset} is "${own.name}", of the rows "${other.name}".`,
      );
    }
    if (!sameType(own.type, other.type)) {
      throw mismatch(
        own.name,
        `The column "${own.name}" of the asset ${asset} is of type ${own.type}, of the rows ${other.type}.`,
      );
    }
    fields.push(own.nullable || !other.nullable ? own : new Field(own.name, own.type, true, own.metadata));
  }
  return new Schema(fields, current.metadata);
}

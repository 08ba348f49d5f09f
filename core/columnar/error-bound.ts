import { DataType, Field, Schema } from 'apache-arrow';
import { GranaryError } from '#core/kernel/index.ts';

/**
 * The field metadata that says how far a stored value may be from the one that came in: a number (`0.5`), or a part of
 * each value's own size (`1%`). It is part of the asset's contract and travels with its schema.
 */
export const MAX_ERROR_METADATA = 'granary.maxError';

export interface ErrorBound {
  readonly kind: 'absolute' | 'relative';
  /** Above 0; relative: below 1. */
  readonly value: number;
}

/** Reads `0.5` or `1%`. Errors: `INPUT_INVALID`. */
export function parseMaxError(text: string): ErrorBound {
  const match = /^(\d+(?:\.\d+)?(?:e[+-]?\d+)?)(%?)$/i.exec(text.trim());
  const relative = match?.[2] === '%';
  const value = match ? Number(match[1]) / (relative ? 100 : 1) : Number.NaN;
  if (!(value > 0 && value < (relative ? 1 : Number.POSITIVE_INFINITY))) {
    throw new GranaryError(
      'INPUT_INVALID',
      `${JSON.stringify(text)} is no error bound. Give a number above 0, or a part of the value from above 0% to below 100%.`,
      { maxError: text },
    );
  }
  return { kind: relative ? 'relative' : 'absolute', value };
}

/** The reverse of {@link parseMaxError}. */
export const maxErrorText = ({ kind, value }: ErrorBound): string =>
  kind === 'relative' ? `${value * 100}%` : String(value);

/** Whether values of a type may be approximated: floats of 32 and 64 bits and integers. */
export const canHaveBound = (type: DataType): boolean =>
  DataType.isInt(type) || (DataType.isFloat(type) && type.precision > 0);

/** The bound of a field; undefined without one. Errors: `INPUT_INVALID` for types that cannot have it. */
export function errorBoundOf(field: Field): ErrorBound | undefined {
  const text = field.metadata.get(MAX_ERROR_METADATA);
  if (text === undefined) return undefined;
  const bound = parseMaxError(text);
  const type = field.type as DataType;
  if (canHaveBound(type) && (bound.kind === 'absolute' || DataType.isFloat(type))) return bound;
  throw new GranaryError(
    'INPUT_INVALID',
    `Column "${field.name}" of type ${type} cannot have the error bound ${text}: floats of 32 and 64 bits can, and integers an absolute one.`,
    { column: field.name, maxError: text },
  );
}

/**
 * The schema with exactly these bounds, by name of the column. Errors: `INPUT_INVALID`, also for a column that is not
 * there.
 */
export function withErrorBounds(schema: Schema, bounds: Readonly<Record<string, string>>): Schema {
  for (const name of Object.keys(bounds)) {
    if (schema.fields.some((field) => field.name === name)) continue;
    throw new GranaryError('INPUT_INVALID', `There is no column "${name}" to set an error bound on.`, { column: name });
  }
  const fields = schema.fields.map((field) => {
    const bound = Object.hasOwn(bounds, field.name) ? bounds[field.name] : undefined;
    if (bound === field.metadata.get(MAX_ERROR_METADATA)) return field;
    const metadata = new Map(field.metadata);
    if (bound === undefined) metadata.delete(MAX_ERROR_METADATA);
    else metadata.set(MAX_ERROR_METADATA, bound);
    const changed = new Field(field.name, field.type, field.nullable, metadata);
    errorBoundOf(changed);
    return changed;
  });
  return new Schema(fields, schema.metadata);
}

/** The bounds of a schema, in the form {@link withErrorBounds} takes. */
export const errorBoundsOf = (schema: Schema): Record<string, string> =>
  Object.fromEntries(
    schema.fields.flatMap((field) => {
      const bound = field.metadata.get(MAX_ERROR_METADATA);
      return bound === undefined ? [] : [[field.name, bound]];
    }),
  );

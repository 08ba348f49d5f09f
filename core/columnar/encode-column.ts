import { DataType } from 'apache-arrow';
import { recordsOfWidth } from './byte-model.ts';
import { makeSection, type Mapping, type Section } from './chunk-format.ts';
import { boundValues, type BoundedValues, gridSection } from './bounded.ts';
import type { ColumnValues } from './column-values.ts';
import { type ErrorBound, maxErrorText } from './error-bound.ts';
import { findDecimals, shapeParameters } from './decimals.ts';
import { splitBytes } from './byte-split.ts';
import { encodeText } from './encode-text.ts';
import { headOf, type EncodedColumn, validitySections } from './encoded-column.ts';
import { carryIntegers, carrySections, smallest } from './carry-integers.ts';
import { integersOf, isInteger, isUnsigned } from './integer-values.ts';
import { orderedBits } from './ordered-bits.ts';
import { nestedToIpc } from './nested.ts';
import { bytesOf } from './words.ts';

/** Decimals that need more than this share of the raw bytes are compared with the bits themselves. */
const DECIMAL_SHARE_SURE = 1 / 2;

/**
 * Tries the mappings that fit the type and keeps the smallest on the real data. With a bound the values may be others,
 * that near.
 */
export function encodeColumn(type: DataType, column: ColumnValues, bound?: ErrorBound): EncodedColumn {
  const { values } = column;
  if (bound && values.kind === 'fixed') {
    const { bytes, width } = values;
    const bounded = boundValues(type, bytes, width, bound).map((answer) =>
      encodeBounded(column, values, bound, answer),
    );
    return smallest([...bounded, encodeFixed(type, column, values)]);
  }
  switch (values.kind) {
    case 'none':
      return plain('none', column, []);
    case 'nested':
      return plain('arrow', column, [makeSection('bytes', nestedToIpc(values.data))]);
    case 'text':
      return encodeText(column, values);
    case 'fixed':
      return encodeFixed(type, column, values);
  }
}

function plain(
  mapping: Mapping,
  column: ColumnValues,
  sections: readonly Section[],
  parameters: readonly number[] = [],
): EncodedColumn {
  const all = [...validitySections(column), ...sections];
  return { ...carrySections(headOf(mapping, column, parameters), all), mapping, stored: column };
}

type FixedValues = Extract<ColumnValues['values'], { kind: 'fixed' }>;

function encodeFixed(type: DataType, column: ColumnValues, values: FixedValues): EncodedColumn {
  const { bytes, width } = values;
  if (isInteger(type)) {
    const integers = integersOf(bytes, width, isUnsigned(type));
    if (integers) {
      const carried = carryIntegers(headOf('integer', column), validitySections(column), integers);
      return { ...carried, mapping: 'integer', stored: column };
    }
  }
  const decimal = DataType.isFloat(type) && width > 2 ? encodeDecimals(column, values) : undefined;
  if (decimal && decimal.unit.length < bytes.length * DECIMAL_SHARE_SURE) return decimal;
  const candidates = [encodeBytes(column, values, false), encodeBytes(column, values, true)];
  if (DataType.isFloat(type) && width > 2) candidates.unshift(encodeOrderedBits(column, values));
  return smallest(decimal ? [decimal, ...candidates] : candidates);
}

/** @param width of each of the values whose bytes these are */
const exceptionSections = (indices: Uint32Array, bytes: Uint8Array, width: number): Section[] =>
  indices.length === 0
    ? []
    : [
        makeSection('exceptionIndices', bytesOf(indices), { width: 4 }),
        makeSection('exceptionBytes', bytes, recordsOfWidth(width)),
      ];

function encodeBounded(
  column: ColumnValues,
  values: FixedValues,
  bound: ErrorBound,
  bounded: BoundedValues,
): EncodedColumn {
  const { grid, bits, integers, exceptionIndices, exceptionBytes, bytes } = bounded;
  const sections = [...validitySections(column), ...exceptionSections(exceptionIndices, exceptionBytes, values.width)];
  const mapping = grid ? 'decimal' : 'integer';
  const head = headOf(mapping, column, bits ? [bits.width, bits.divisor] : []);
  const carried = carryIntegers(head, grid ? [...sections, gridSection(grid)] : sections, integers);
  const stored = { ...column, values: { ...values, bytes } };
  const description = { ...carried.description, maxError: maxErrorText(bound), exceptions: exceptionIndices.length };
  return { ...carried, description, mapping, stored };
}

function encodeDecimals(column: ColumnValues, { bytes, width }: FixedValues): EncodedColumn | undefined {
  const decimals = findDecimals(bytes, width);
  if (!decimals) return undefined;
  const sections = [
    ...validitySections(column),
    ...exceptionSections(decimals.exceptionIndices, decimals.exceptionBytes, width),
  ];
  const carried = carryIntegers(headOf('decimal', column, shapeParameters(decimals)), sections, decimals.integers);
  const exceptions = decimals.exceptionIndices.length;
  const { digits, printed } = decimals;
  const description = {
    ...carried.description,
    digits,
    ...(printed ? { printed } : {}),
    ...(exceptions ? { exceptions } : {}),
  };
  return { ...carried, description, mapping: 'decimal', stored: column };
}

function encodeOrderedBits(column: ColumnValues, { bytes, width }: FixedValues): EncodedColumn {
  const { width: from, integers } = orderedBits(bytes, width);
  const carried = carryIntegers(headOf('integer', column, [from]), validitySections(column), integers);
  return { ...carried, description: { ...carried.description, bits: 8 * from }, mapping: 'integer', stored: column };
}

/** The bytes as they are, or (`split`) all first bytes, then all second bytes, …: Parquet's BYTE_STREAM_SPLIT. */
function encodeBytes(column: ColumnValues, { bytes, width }: FixedValues, split: boolean): EncodedColumn {
  const section = split
    ? makeSection('bytes', splitBytes(bytes, width))
    : makeSection('bytes', bytes, recordsOfWidth(width));
  const encoded = plain('bytes', column, [section], [width, split ? 1 : 0]);
  return split ? { ...encoded, description: { split } } : encoded;
}

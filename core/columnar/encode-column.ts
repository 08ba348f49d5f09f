import { DataType } from 'apache-arrow';
import { recordsOfWidth } from './byte-model.ts';
import { makeSection, type Mapping, type Section } from './chunk-format.ts';
import type { ColumnValues } from './column-values.ts';
import { findDecimals } from './decimals.ts';
import { splitBytes } from './byte-split.ts';
import { encodeText } from './encode-text.ts';
import { headOf, type EncodedColumn, validitySections } from './encoded-column.ts';
import { carryIntegers, carrySections, smallest } from './integer-stream.ts';
import { integersOf, isInteger, isUnsigned } from './integer-values.ts';
import { nestedToIpc } from './nested.ts';
import { bytesOf } from './words.ts';

/** Decimals that need more than this share of the raw bytes are compared with the bits themselves. */
const DECIMAL_SHARE_SURE = 1 / 2;

/** Tries the mappings that fit the type and keeps the smallest on the real data. */
export function encodeColumn(type: DataType, column: ColumnValues): EncodedColumn {
  const { values } = column;
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
  return smallest(decimal ? [decimal, ...candidates] : candidates);
}

function encodeDecimals(column: ColumnValues, { bytes, width }: FixedValues): EncodedColumn | undefined {
  const decimals = findDecimals(bytes, width);
  if (!decimals) return undefined;
  const sections = validitySections(column);
  if (decimals.exceptionIndices.length > 0) {
    sections.push(makeSection('exceptionIndices', bytesOf(decimals.exceptionIndices), { width: 4 }));
    sections.push(makeSection('exceptionBytes', decimals.exceptionBytes, { width }));
  }
  const carried = carryIntegers(headOf('decimal', column, [decimals.digits]), sections, decimals.integers);
  const exceptions = decimals.exceptionIndices.length;
  const description = { ...carried.description, digits: decimals.digits, ...(exceptions ? { exceptions } : {}) };
  return { ...carried, description, mapping: 'decimal', stored: column };
}

/** The bytes as they are, or (`split`) all first bytes, then all second bytes, …: Parquet's BYTE_STREAM_SPLIT. */
function encodeBytes(column: ColumnValues, { bytes, width }: FixedValues, split: boolean): EncodedColumn {
  const section = split
    ? makeSection('bytes', splitBytes(bytes, width))
    : makeSection('bytes', bytes, recordsOfWidth(width));
  const encoded = plain('bytes', column, [section], [width, split ? 1 : 0]);
  return split ? { ...encoded, description: { split } } : encoded;
}

import { Float64, Int32, Schema, Field, Table, Utf8, vectorFromArray } from 'apache-arrow';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ColumnSummary, ScanFilter } from '#core/catalog/index.ts';
import { planScan } from './plan-scan.ts';
import { readFilters } from './read-engine-plan.ts';
import { readLiteral } from './read-literal.ts';
import { compareDecimals, compareTexts } from './statistics-order.ts';

const schema = new Schema([new Field('n', new Int32()), new Field('t', new Utf8()), new Field('f', new Float64())]);

type Row = { n: number | null; t: string | null };

const compare = (left: number | string, right: number | string): number =>
  typeof left === 'string' ? Buffer.compare(Buffer.from(left), Buffer.from(String(right))) : left - Number(right);

function holds(filter: ScanFilter, row: Row): boolean {
  const value = row[filter.column as keyof Row];
  if (filter.op === 'is null') return value === null;
  if (value === null) return false;
  if (filter.op === 'is not null') return true;
  if (filter.op === 'in') return filter.values.some((other) => compare(value, other as string) === 0);
  if (!('value' in filter)) return false;
  const order = compare(value, filter.value as string);
  return { '=': order === 0, '<': order < 0, '<=': order <= 0, '>': order > 0, '>=': order >= 0 }[filter.op];
}

function summary(values: readonly (number | string | null)[]): ColumnSummary {
  const present = values.filter((value) => value !== null).sort(compare);
  return {
    nullCount: values.length - present.length,
    ...(present.length > 0 ? { min: present[0]!, max: present.at(-1)! } : {}),
  };
}

describe('pruning', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '\uffff', '🙂'), maxLength: 3 });
  const row = fc.record({ n: fc.option(fc.integer({ min: -9, max: 9 })), t: fc.option(text) });
  const op = fc.constantFrom('=' as const, '<' as const, '<=' as const, '>' as const, '>=' as const);
  const filter: fc.Arbitrary<ScanFilter> = fc.oneof(
    fc.record({ column: fc.constant('n'), op, value: fc.integer({ min: -10, max: 10 }) }),
    fc.record({ column: fc.constant('t'), op, value: text }),
    fc.record({
      column: fc.constant('n'),
      op: fc.constant('in' as const),
      values: fc.array(fc.integer({ min: -10, max: 10 })),
    }),
    fc.record({ column: fc.constant('t'), op: fc.constant('in' as const), values: fc.array(text) }),
    fc.record({ column: fc.constantFrom('n', 't'), op: fc.constantFrom('is null' as const, 'is not null' as const) }),
  );
  const places = fc.array(fc.record({ columns: fc.constant(['n']), filters: fc.array(filter, { maxLength: 3 }) }), {
    minLength: 1,
    maxLength: 3,
  });

  test('never skips a block that holds a row wanted anywhere', () => {
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 6 }), places, (rows, occurrences) => {
        const columns = [summary(rows.map(({ n }) => n)), summary(rows.map(({ t }) => t)), { nullCount: 0 }];
        const wanted = rows.some((one) => occurrences.some(({ filters }) => filters.every((each) => holds(each, one))));
        if (wanted) expect(planScan(schema, occurrences).needs({ rowCount: rows.length, columns })).toBe(true);
      }),
      { seed: 20_261_123, numRuns: 5000 },
    );
  });

  test('skips what the statistics exclude, and only that', () => {
    const block = { rowCount: 10, columns: [{ min: 5, max: 9, nullCount: 0 }, { nullCount: 10 }, { nullCount: 0 }] };
    const needs = (...filters: ScanFilter[]) => planScan(schema, [{ columns: [], filters }]).needs(block);
    expect(needs({ column: 'n', op: '=', value: 4 })).toBe(false);
    expect(needs({ column: 'n', op: '<', value: 5 })).toBe(false);
    expect(needs({ column: 'n', op: '<=', value: 5 })).toBe(true);
    expect(needs({ column: 'n', op: '>', value: 9 })).toBe(false);
    expect(needs({ column: 'n', op: '>=', value: 9 })).toBe(true);
    expect(needs({ column: 'n', op: 'in', values: [1, 10] })).toBe(false);
    expect(needs({ column: 'n', op: 'is null' })).toBe(false);
    expect(needs({ column: 't', op: 'is not null' })).toBe(false);
    expect(needs({ column: 't', op: '=', value: '' })).toBe(false);
    expect(needs({ column: 'f', op: '=', value: 1 })).toBe(true);
    expect(needs({ column: 'n', op: '=', value: '99999999999999999999' })).toBe(false);
  });

  test('joins the columns of all places and keeps the filters that all share', () => {
    const shared: ScanFilter = { column: 'n', op: '=', value: 1 };
    const plan = planScan(schema, [
      { columns: ['t'], filters: [shared, { column: 't', op: 'is null' }] },
      { columns: ['n', 't'], filters: [shared] },
    ]);
    expect(plan.columns).toEqual(['n', 't']);
    expect(plan.filters).toEqual([shared]);
    expect(planScan(schema, []).needs({ rowCount: 1, columns: [] })).toBe(false);
  });
});

test('texts are ordered as their bytes', () => {
  const text = fc.string({
    unit: fc.oneof(fc.constantFrom('a', '\ud7ff', '\ue000', '\uffff', '🙂', '\u{10ffff}')),
    maxLength: 4,
  });
  fc.assert(
    fc.property(text, text, (left, right) => {
      expect(Math.sign(compareTexts(left, right))).toBe(Buffer.compare(Buffer.from(left), Buffer.from(right)));
    }),
    { seed: 1, numRuns: 2000 },
  );
  expect(compareDecimals('-0.10', '-0.1')).toBe(0);
  expect(compareDecimals('123456789012345678901234567890.1', '123456789012345678901234567890.09')).toBe(1);
  expect(compareDecimals('1e5', '1')).toBeUndefined();
});

describe('filters of the engine', () => {
  const filters = (expression: string) =>
    readFilters(expression, (name) => /^g_\d$/.test(name)).map((filter) => JSON.stringify(filter));
  const number = (text: string) => ({ text, quoted: false, type: '' });

  test('are read where they are simple', () => {
    expect(filters('(g_1 > -5)')).toEqual([JSON.stringify({ column: 'g_1', op: '>', value: number('-5') })]);
    expect(
      filters("((g_1 BETWEEN 3.00 AND 5.50) AND (g_2 IS NOT NULL) AND ((g_3 = 'a') OR (g_3 = 'it''s AND g_1 > 3')))"),
    ).toEqual([
      JSON.stringify({ column: 'g_1', op: '>=', value: number('3.00') }),
      JSON.stringify({ column: 'g_1', op: '<=', value: number('5.50') }),
      JSON.stringify({ column: 'g_2', op: 'is not null' }),
      JSON.stringify({
        column: 'g_3',
        op: 'in',
        values: ['a', "it's AND g_1 > 3"].map((text) => ({ text, quoted: true, type: '' })),
      }),
    ]);
    expect(filters("(g_1 < '2020-01-01 00:00:00+00'::TIMESTAMP WITH TIME ZONE)")).toEqual([
      JSON.stringify({
        column: 'g_1',
        op: '<',
        value: { text: '2020-01-01 00:00:00+00', quoted: true, type: 'TIMESTAMP WITH TIME ZONE' },
      }),
    ]);
  });

  test.each([
    "(upper(g_1) = 'X')",
    "(CAST(g_1 AS VARCHAR) = 'X')",
    '(g_1 = g_2)',
    '(g_1 != 3)',
    '(NOT (g_1 = 3))',
    '((g_1 = 3) OR (g_2 = 3))',
    '((g_1 IS NULL) OR (g_1 = 3))',
    '((g_1 > 3) OR (g_1 = 3))',
    '(g_1 = (3 + 4))',
    "(g_1 = 'open)",
    'IN (...)',
    '(other > 3)',
    "('g_1' = 3)",
    '("g_1" = 3)',
    "((other = 'x' AND g_1) > 3)",
    '(5 < g_1)',
    '(g_1 COLLATE NOCASE = 3)',
    '',
  ])('are left alone where they are not: %s', (expression) => {
    expect(filters(expression)).toEqual([]);
  });

  test('give their literals in the terms of the statistics', () => {
    const table = new Table({ n: vectorFromArray([1], new Int32()) });
    const type = table.schema.fields[0]!.type;
    expect(readLiteral(type, number('5'), 'exact')).toBe(5);
    expect(readLiteral(type, number('5.5'), 'exact')).toBeUndefined();
    expect(readLiteral(type, { ...number('5'), quoted: true }, 'exact')).toBeUndefined();
    expect(readLiteral(new Utf8(), { text: '5', quoted: true, type: '' }, 'exact')).toBe('5');
    expect(readLiteral(new Utf8(), { text: '5', quoted: true, type: 'BLOB' }, 'exact')).toBeUndefined();
  });
});

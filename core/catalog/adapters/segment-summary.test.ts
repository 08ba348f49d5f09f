import { Bool, type DataType, Decimal, Float64, Int64, Utf8 } from 'apache-arrow';
import { describe, expect, test } from 'vitest';
import type { ScanFilter, StatisticsValue } from '../ports.ts';
import { mayMatch, mergeSummaries } from './segment-summary.ts';

const group = (min: StatisticsValue | undefined, max: StatisticsValue | undefined, nullCount = 0, rowCount = 10) => ({
  rowCount,
  nullCount,
  ...(min === undefined ? {} : { min }),
  ...(max === undefined ? {} : { max }),
});

describe('the summary of a column over several row groups', () => {
  test.each<[string, DataType, [StatisticsValue, StatisticsValue][], [StatisticsValue, StatisticsValue]]>([
    [
      'numbers',
      new Float64(),
      [
        [2, 9],
        [-1.5, 3],
      ],
      [-1.5, 9],
    ],
    [
      'integers of any length',
      new Int64(),
      [
        [-5, '9007199254740993'],
        ['-9007199254740993', 7],
      ],
      ['-9007199254740993', '9007199254740993'],
    ],
    [
      'decimals',
      new Decimal(2, 9, 128),
      [
        ['9.00', '10.50'],
        ['-0.01', '9.99'],
      ],
      ['-0.01', '10.50'],
    ],
    [
      'text by its bytes',
      new Utf8(),
      [
        ['\uffff', '\u{1f600}'],
        ['b', 'z'],
      ],
      ['b', '\u{1f600}'],
    ],
    [
      'booleans',
      new Bool(),
      [
        [true, true],
        [false, false],
      ],
      [false, true],
    ],
  ])('has the outermost bounds of %s', (_, type, bounds, [min, max]) => {
    const groups = bounds.map(([low, high], i) => group(low, high, i));
    expect(mergeSummaries(type, groups)).toEqual({ min, max, nullCount: 1 });
  });

  test('knows no bound that one of the groups does not know', () => {
    expect(mergeSummaries(new Int64(), [group(1, 2), group(undefined, 5)])).toEqual({ max: 5, nullCount: 0 });
  });

  test('takes its bounds from the groups that have values', () => {
    const groups = [group(undefined, undefined, 10), group(1, 2, 3)];
    expect(mergeSummaries(new Int64(), groups)).toEqual({ min: 1, max: 2, nullCount: 13 });
    expect(mergeSummaries(new Int64(), [])).toEqual({ nullCount: 0 });
  });
});

describe('a row group', () => {
  const may = (filter: Omit<ScanFilter, 'column'>, type: DataType = new Int64(), rows = group(10, 20, 1)) =>
    mayMatch({ column: 'x', ...filter } as ScanFilter, type, rows);

  test('is left out when no row of it can hold', () => {
    expect(may({ op: '=', value: 9 } as never)).toBe(false);
    expect(may({ op: '=', value: '21' } as never)).toBe(false);
    expect(may({ op: '<', value: 9 } as never)).toBe(false);
    expect(may({ op: '>=', value: '20.5' } as never)).toBe(false);
    expect(may({ op: 'in', values: [1, 30] } as never)).toBe(false);
    expect(may({ op: 'is null' }, new Int64(), group(10, 20))).toBe(false);
    expect(may({ op: 'is not null' }, new Int64(), group(undefined, undefined, 10))).toBe(false);
  });

  test('is read when a row may hold or nothing is known', () => {
    expect(may({ op: '=', value: 10 } as never)).toBe(true);
    expect(may({ op: '>', value: 20 } as never)).toBe(true);
    expect(may({ op: 'in', values: [1, 15] } as never)).toBe(true);
    expect(may({ op: 'is null' })).toBe(true);
    expect(may({ op: '=', value: 5 } as never, new Float64(), group(undefined, undefined))).toBe(true);
    expect(may({ op: '=', value: 'no number' } as never)).toBe(true);
    expect(may({ op: '=', value: null } as never)).toBe(true);
  });
});

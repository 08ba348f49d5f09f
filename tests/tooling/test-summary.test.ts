import { expect, test } from 'vitest';
import { summarise } from '../../scripts/test-summary.ts';

const file = (name: string, status: string, ...tests: string[]) => ({
  name,
  status,
  assertionResults: tests.map((result, i) => ({ fullName: `${name} ${i}`, status: result })),
});

test('counts passed, failed and skipped tests', () => {
  const report = { testResults: [file('a', 'failed', 'passed', 'failed', 'pending'), file('b', 'passed', 'passed')] };
  expect(summarise(report, 1)).toEqual({ passed: 2, failed: 1, skipped: ['a 2'], notes: [] });
});

test('counts a file that could not be loaded', () => {
  expect(summarise({ testResults: [file('a', 'failed'), file('b', 'passed', 'passed')] }, 1)).toEqual({
    passed: 1,
    failed: 1,
    skipped: [],
    notes: ['failed to load: a'],
  });
});

test('counts a file whose tests passed but which failed after them', () => {
  expect(summarise({ testResults: [file('a', 'failed', 'passed')] }, 1)).toMatchObject({ passed: 1, failed: 1 });
});

test('an exit code without a failed test counts, and so does a missing report', () => {
  expect(summarise({ testResults: [file('a', 'passed', 'passed')] }, 1)).toMatchObject({ passed: 1, failed: 1 });
  expect(summarise(undefined, 0)).toMatchObject({ passed: 0, failed: 1 });
});

import { expect, test } from 'vitest';
import { isGranaryError } from '#core/kernel/index.ts';
import { schemaFromJson } from './arrow-json.ts';

const int = { name: 'int', bits: 32 };
const field = (type: unknown) => ({ name: 'c', type, nullable: true });
const dictionary = (id: number, value: unknown, index: unknown = int) => ({
  name: 'dictionary',
  id,
  ordered: false,
  index,
  value,
});

test.each([
  ['two dictionaries of one id', [field(dictionary(1, { name: 'utf8' })), field(dictionary(1, { name: 'binary' }))]],
  ['a dictionary with texts for indices', [field(dictionary(1, { name: 'utf8' }, { name: 'utf8' }))]],
  ['a map of numbers', [field({ name: 'map', keysSorted: false, child: field(int) })]],
  [
    'a union with a type id too many',
    [field({ name: 'union', mode: 'dense', typeIds: [0, 1], children: [field(int)] })],
  ],
  [
    'a union with one type id twice',
    [field({ name: 'union', mode: 'dense', typeIds: [0, 0], children: [field(int), field(int)] })],
  ],
])('a schema with %s is malformed', (_, fields) => {
  let thrown: unknown;
  try {
    schemaFromJson({ fields });
  } catch (error) {
    thrown = error;
  }
  expect(isGranaryError(thrown, 'FORMAT_INVALID')).toBe(true);
});

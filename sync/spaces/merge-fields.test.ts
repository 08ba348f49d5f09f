import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergeFields, mergeText } from './merge-fields.ts';

const fields = {
  name: 'sales',
  description: null,
  assetType: 'STRUCTURED',
  storageFormat: 'WEBM_COLUMNAR',
  tags: ['a', 'b'],
  maxErrors: { x: '1' },
} as const;
const known = { ...fields, contract: null, custom: {} };

describe('mergeFields', () => {
  it('says nothing when nothing was changed here, whatever others changed', () => {
    expect(mergeFields(fields, fields, { ...known, name: 'other', tags: [] })).toBeUndefined();
  });

  it('says all of what was never told', () => {
    expect(mergeFields(undefined, fields, undefined)).toEqual({ ...fields, description: '' });
  });

  it('keeps the tags and bounds that others added, and lets go of those that they removed', () => {
    const mine = { ...fields, tags: ['b', 'mine'], maxErrors: { x: '2', y: '3' } };
    const theirs = { ...known, tags: ['a', 'theirs'], maxErrors: { x: '1', z: '4' } };
    expect(mergeFields(fields, mine, theirs)).toEqual({
      tags: ['theirs', 'mine'],
      maxErrors: { x: '2', y: '3', z: '4' },
    });
  });
});

describe('mergeText', () => {
  it('has both changes where they lie apart, and the own one where they do not', () => {
    expect(mergeText('one two three', 'ONE two three', 'one two THREE')).toBe('ONE two THREE');
    expect(mergeText('one two three', 'one two 3', '1 two three')).toBe('1 two 3');
    expect(mergeText('one', 'two', 'three')).toBe('two');
  });

  it('is the changed text when only one side changed it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (before, after) => {
        expect(mergeText(before, after, before)).toBe(after);
        expect(mergeText(before, before, after)).toBe(after);
        expect(mergeText(before, after, after)).toBe(after);
      }),
    );
  });
});

import { expect, it } from 'vitest';
import type { Uuid } from '#core/kernel/index.ts';
import type { AssetProjection } from '#sync/documents/index.ts';
import { createFreshProjections } from './fresh-projections.ts';

const SPACE = '01890a5d-ac96-774b-bcce-b302099a8057' as Uuid;
const ASSET = '01890a5d-ac96-774b-bcce-b302099a8058' as Uuid;
const projection = {} as AssetProjection;

it('gives a projection once, and only for the mark that it was kept under', () => {
  const fresh = createFreshProjections();
  const [first, second] = [fresh.newMark(), fresh.newMark()];
  fresh.keep(SPACE, ASSET, { mark: second, projection, byteCount: 1 });
  expect(fresh.take(SPACE, ASSET, second)).toBe(projection);
  expect(fresh.take(SPACE, ASSET, second)).toBeUndefined();
  for (const other of [first, new Uint8Array(0)]) {
    fresh.keep(SPACE, ASSET, { mark: second, projection, byteCount: 1 });
    expect(fresh.take(SPACE, ASSET, other)).toBeUndefined();
  }
});

it('keeps no more than so many bytes, and has room again for what was taken', () => {
  const fresh = createFreshProjections();
  const mark = fresh.newMark();
  const keep = (asset: string, byteCount: number) => fresh.keep(SPACE, asset as Uuid, { mark, projection, byteCount });
  const taken = (asset: string) => fresh.take(SPACE, asset as Uuid, mark);
  keep('first', 10 * 2 ** 20);
  keep('second', 10 * 2 ** 20);
  expect(taken('second')).toBeUndefined();
  // What takes the place of another is counted once.
  keep('first', 12 * 2 ** 20);
  keep('third', 4 * 2 ** 20);
  expect(taken('first')).toBe(projection);
  keep('second', 10 * 2 ** 20);
  expect([taken('second'), taken('third')]).toEqual([projection, projection]);
});

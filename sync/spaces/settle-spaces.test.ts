import { expect, test } from 'vitest';
import { emptyHome, openMemoryNode } from './testing/memory-node.ts';

test('closing ends a settling at its next step, and the next start goes on with it', async () => {
  const home = emptyHome('anna');
  const names = ['Harvest', 'Hills', 'Market', 'Mill'];
  const founding = await openMemoryNode(home);
  for (const name of names) await founding.spaces.createSpace(name);

  let breathCount = 0;
  const breathe = async () => {
    breathCount += 1;
    void stopping.spaces.close();
  };
  const stopping = await openMemoryNode(home, { deps: { breathe } });
  const settling = stopping.spaces.settle();
  await expect(settling).rejects.toMatchObject({ code: 'CANCELLED' });
  expect(breathCount).toBe(1);
  await stopping.spaces.close();
  await expect(stopping.spaces.settle()).rejects.toMatchObject({ code: 'CANCELLED' });
  expect(stopping.spaces.reports().size).toBe(0);

  const again = await openMemoryNode(home);
  await again.spaces.settle();
  expect(again.spaces.reports().size).toBe(names.length);
});

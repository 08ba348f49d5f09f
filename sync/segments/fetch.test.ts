import { describe, expect, test } from 'vitest';
import { openSealedFile, verifySealed } from './sealed-file.ts';
import { LEAF_PLAIN_BYTES } from './sealed-layout.ts';
import { createTestRequester, settle } from './testing/federation.ts';
import { sealed, expectSame } from './testing/fetch-world.ts';
import { fileBytes, plainBytes, tree } from './testing/fixtures.ts';
import { createMemorySealedFolder } from './testing/memory-sealed-folder.ts';

describe('one peer', () => {
  test('that did not have a segment is asked again', async () => {
    const { folder, record, name } = await sealed(3);
    const [mine, theirs] = [createMemorySealedFolder(), createMemorySealedFolder()];
    const { fetcher, connect } = createTestRequester(mine);
    connect('a', theirs);
    const fetching = fetcher.fetch(name, { byteCount: record.byteCount });
    await settle();
    expect(fetcher.status()).toMatchObject([{ waitsFor: 'peer' }]);
    const draft = await theirs.createDraft();
    const bytes = await fileBytes(folder, name);
    await draft.write(0, bytes);
    await draft.publish(name, bytes.length);
    fetcher.askAgain();
    await fetching;
    await expectSame(mine, folder, name);
  });

  test.each([1, 2, 31, 513, 1100])('%i leaves arrive, each sent once', async (leafCount) => {
    const { folder, record, name } = await sealed(leafCount);
    const mine = createMemorySealedFolder();
    const { fetcher, connect, serveCounts, fetchCounts } = createTestRequester(mine);
    connect('a', folder);
    await fetcher.fetch(name, { byteCount: record.byteCount });
    await expectSame(mine, folder, name);
    expect(serveCounts).toEqual({ 'a leaf-sent': leafCount });
    expect(fetchCounts).toEqual({ 'a leaf-stored': leafCount });
    await fetcher.fetch(name);
    expect(serveCounts).toEqual({ 'a leaf-sent': leafCount });
    await fetcher.close();
  });

  test('a peer may come later, and a peer that may not serve is one that has nothing', async () => {
    const { folder, name } = await sealed(3);
    const mine = createMemorySealedFolder();
    const { fetcher, connect, fetchCounts } = createTestRequester(mine);
    const done = fetcher.fetch(name);
    await settle();
    expect(fetcher.status()).toEqual([
      { name, urgency: 'background', haveBytes: 0, byteCount: undefined, waitsFor: 'peer' },
    ]);
    connect('empty', createMemorySealedFolder());
    connect('closed', folder, { mayServe: () => false });
    await settle();
    expect(fetcher.status()[0]?.waitsFor).toBe('peer');
    expect(fetchCounts).toEqual({ 'empty unavailable': 1, 'closed unavailable': 1 });
    connect('closed', folder);
    await done;
    expect(fetcher.status()).toEqual([]);
    await fetcher.close();
  });

  test('permission that is withdrawn ends the serving at the next request', async () => {
    const { folder, name, leafCount } = await sealed(200);
    const mine = createMemorySealedFolder();
    const { fetcher, connect, fetchCounts } = createTestRequester(mine);
    let asked = 0;
    connect('a', folder, { mayServe: () => asked++ < 6 });
    void fetcher.fetch(name).catch(() => undefined);
    await settle(300);
    expect(fetchCounts['a leaf-stored']).toBeLessThan(leafCount);
    expect(fetcher.status()[0]?.waitsFor).toBe('peer');
    await fetcher.close();
  });

  test('whoever comes after the end is told so', async () => {
    const { folder, name } = await sealed(1);
    const { fetcher, connect } = createTestRequester(createMemorySealedFolder());
    const started = fetcher.fetch(name);
    const cancelled = expect.objectContaining({ code: 'CANCELLED' });
    const [first] = await Promise.allSettled([started, fetcher.close()]);
    expect(first).toEqual({ status: 'rejected', reason: cancelled });
    await expect(fetcher.fetch(name)).rejects.toEqual(cancelled);
    await expect(connect('late', folder).send(new Uint8Array(5))).rejects.toThrow('closed');
  });

  test('a record that names another size is refused before a leaf is asked for', async () => {
    const { folder, name, record } = await sealed(3);
    const { fetcher, connect, serveCounts } = createTestRequester(createMemorySealedFolder());
    connect('a', folder);
    const wrong = fetcher.fetch(name, { byteCount: record.byteCount + 1 });
    await expect(wrong).rejects.toEqual(expect.objectContaining({ code: 'SEGMENT_CORRUPT' }));
    expect(serveCounts).toEqual({});
    await fetcher.close();
  });
});

test('a relay without a key verifies, holds nothing readable, and serves what it has', async () => {
  const source = await sealed(50);
  const relay = createMemorySealedFolder();
  const up = createTestRequester(relay);
  up.connect('author', source.folder);
  await up.fetcher.fetch(source.name);
  await up.fetcher.close();
  await verifySealed(tree, (await relay.open(source.name))!, source.name);
  const disk = Buffer.concat(relay.fileNames().map((fileName) => relay.bytesOf(fileName)));
  const plain = Buffer.from(plainBytes(50 * LEAF_PLAIN_BYTES));
  expect(plain.includes('line 0000')).toBe(true);
  for (let offset = 0; offset < plain.length - 8; offset += 1000) {
    expect(disk.indexOf(plain.subarray(offset, offset + 8))).toBe(-1);
  }
  const mine = createMemorySealedFolder();
  const down = createTestRequester(mine);
  down.connect('relay', relay);
  await down.fetcher.fetch(source.name);
  await expectSame(mine, source.folder, source.name);
  await openSealedFile((await mine.open(source.name))!, source.name);
  await down.fetcher.close();
});

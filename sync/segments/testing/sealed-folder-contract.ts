import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { toUtf8 } from '#core/kernel/index.ts';
import type { SealedFolder } from '../ports.ts';
import type { SealedName } from '../sealed-segment.ts';

export interface SealedFolderUnderTest {
  readonly folder: SealedFolder;
  fileNames(): Promise<string[]>;
  close(): Promise<void>;
}

const name = 'a1'.repeat(32) as SealedName;
const failed = expect.objectContaining({ code: 'IO_FAILED' });

/** What every sealed folder keeps. */
export function describeSealedFolder(title: string, open: () => Promise<SealedFolderUnderTest>): void {
  describe(`${title}`, () => {
    let opened: SealedFolderUnderTest;
    let folder: SealedFolder;
    beforeEach(async () => {
      opened = await open();
      folder = opened.folder;
    });
    afterEach(() => opened.close());

    test('a file is there once it is published, and not before', async () => {
      const draft = await folder.createDraft();
      await draft.write(3, toUtf8('lo world, and more'));
      await draft.write(0, toUtf8('hel'));
      expect(await folder.open(name)).toBeUndefined();
      await draft.publish(name, 11);
      const source = (await folder.open(name))!;
      expect(source.byteCount).toBe(11);
      expect(await source.read(0, 11)).toEqual(toUtf8('hello world'));
      await expect(source.read(11, 1)).rejects.toEqual(failed);
      await source.close();
      expect(await opened.fileNames()).toEqual([`${name}.sealed`]);
    });

    test('a partial file is found again as it was left', async () => {
      const first = await folder.openPartial(name);
      expect(first.byteCount).toBe(0);
      await first.resize(1000);
      await first.write(500, toUtf8('here'));
      await first.close();
      expect(await folder.listPartials()).toEqual([{ name, byteCount: 1000 }]);
      const second = await folder.openPartial(name);
      expect(second.byteCount).toBe(1000);
      expect(await second.read(498, 8)).toEqual(Uint8Array.of(0, 0, ...toUtf8('here'), 0, 0));
      await expect(second.read(999, 2)).rejects.toEqual(failed);
      await second.resize(502);
      await second.resize(504);
      expect(await second.read(500, 4)).toEqual(Uint8Array.of(...toUtf8('he'), 0, 0));
      await second.publish(name, 502);
      expect(await folder.listPartials()).toEqual([]);
      expect(await opened.fileNames()).toEqual([`${name}.sealed`]);
    });

    test('a draft that is discarded leaves nothing, and so does a name that is removed', async () => {
      await (await folder.createDraft()).discard();
      await (await folder.openPartial(name)).close();
      const draft = await folder.createDraft();
      await draft.publish(name, 0);
      expect(await opened.fileNames()).toEqual([`${name}.partial`, `${name}.sealed`]);
      await folder.remove(name);
      await folder.remove(name);
      expect(await opened.fileNames()).toEqual([]);
    });

    test('a tree lies beside its file and stays when the leaves go', async () => {
      expect(await folder.openTree(name)).toBeUndefined();
      const draft = await folder.createDraft();
      await draft.write(0, toUtf8('tree and more'));
      await draft.publish(name, 4, 'tree');
      expect(await folder.open(name)).toBeUndefined();
      await (await folder.createDraft()).publish(name, 0);
      await (await folder.openPartial(name)).close();
      await folder.removeLeaves(name);
      await folder.removeLeaves(name);
      const tree = (await folder.openTree(name))!;
      expect(tree.byteCount).toBe(4);
      expect(await tree.read(0, 4)).toEqual(toUtf8('tree'));
      await tree.close();
      expect(await opened.fileNames()).toEqual([`${name}.tree`]);
      await folder.remove(name);
      expect(await opened.fileNames()).toEqual([]);
    });
  });
}

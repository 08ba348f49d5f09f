import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { toUtf8 } from '#core/kernel/index.ts';
import type { FileSystem } from '../ports.ts';

export interface FileSystemUnderTest {
  readonly files: FileSystem;
  /** An empty folder. */
  readonly folder: string;
  close(): Promise<void>;
}

/** What every file system keeps. */
export function describeFileSystem(name: string, open: () => Promise<FileSystemUnderTest>): void {
  describe(`${name}`, () => {
    let opened: FileSystemUnderTest;
    let files: FileSystem;
    let path: (...names: string[]) => string;

    beforeEach(async () => {
      opened = await open();
      files = opened.files;
      path = (...names) => join(opened.folder, ...names);
    });
    afterEach(() => opened.close());

    test('a file that was written is read back, whole and in parts', async () => {
      await files.writeFileAtomic(path('a'), toUtf8('hello world'));
      expect(await files.readFile(path('a'))).toEqual(toUtf8('hello world'));
      expect(await files.fileSize(path('a'))).toBe(11);
      const source = await files.open(path('a'));
      expect(source.byteCount).toBe(11);
      expect(await source.read(6, 5)).toEqual(toUtf8('world'));
      expect(await source.read(11, 0)).toEqual(new Uint8Array());
      await source.close();
    });

    test('a second write replaces the file and leaves nothing beside it', async () => {
      await files.writeFileAtomic(path('a'), toUtf8('a long first text'));
      await files.writeFileAtomic(path('a'), toUtf8('second'));
      expect(await files.readFile(path('a'))).toEqual(toUtf8('second'));
      expect(await files.list(opened.folder)).toEqual([{ name: 'a', kind: 'file' }]);
    });

    test('an empty file is a file', async () => {
      await files.writeFileAtomic(path('empty'), new Uint8Array());
      expect(await files.fileSize(path('empty'))).toBe(0);
      expect(await files.readFile(path('empty'))).toEqual(new Uint8Array());
    });

    test('reading past the end is IO_FAILED', async () => {
      await files.writeFileAtomic(path('a'), toUtf8('abc'));
      const source = await files.open(path('a'));
      await expect(source.read(1, 3)).rejects.toMatchObject({ code: 'IO_FAILED' });
      await source.close();
    });

    test('what is not there is FILE_NOT_FOUND and the message names it', async () => {
      const calls = [
        () => files.readFile(path('missing')),
        () => files.open(path('missing')),
        () => files.list(path('missing')),
        () => files.writeFileAtomic(path('missing', 'a'), toUtf8('x')),
      ];
      for (const call of calls) {
        await expect(call()).rejects.toMatchObject({
          code: 'FILE_NOT_FOUND',
          message: expect.stringContaining('missing'),
        });
      }
      expect(await files.fileSize(path('missing'))).toBeUndefined();
      await files.remove(path('missing'));
    });

    test('a folder is no file', async () => {
      await files.makeDirectory(path('d'));
      await expect(files.readFile(path('d'))).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
      await expect(files.open(path('d'))).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
      await expect(files.writeFileAtomic(path('d'), toUtf8('x'))).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
      expect(await files.fileSize(path('d'))).toBeUndefined();
      expect(await files.list(opened.folder)).toEqual([{ name: 'd', kind: 'directory' }]);
    });

    test('folders are made with their parents, listed in order and removed with what they hold', async () => {
      await files.makeDirectory(path('b', 'c', 'd'));
      await files.makeDirectory(path('b', 'c', 'd'));
      await files.writeFileAtomic(path('b', 'c', 'file "ü"\n'), toUtf8('x'));
      await files.writeFileAtomic(path('a'), toUtf8('x'));
      expect((await files.list(opened.folder)).map(({ name: found }) => found)).toEqual(['a', 'b']);
      expect(await files.list(path('b', 'c'))).toEqual([
        { name: 'd', kind: 'directory' },
        { name: 'file "ü"\n', kind: 'file' },
      ]);
      await files.remove(path('b'));
      expect((await files.list(opened.folder)).map(({ name: found }) => found)).toEqual(['a']);
    });

    test('many writes of one file at once leave one of them whole', async () => {
      const texts = Array.from({ length: 20 }, (_, i) => String(i).repeat(1000));
      await Promise.all(texts.map((text) => files.writeFileAtomic(path('a'), toUtf8(text))));
      expect(texts.map(toUtf8)).toContainEqual(await files.readFile(path('a')));
      expect(await files.list(opened.folder)).toHaveLength(1);
    });
  });
}

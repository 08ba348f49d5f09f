import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CallOptions } from '#core/api/index.ts';
import { GranaryError, toUtf8 } from '#core/kernel/index.ts';
import type { ExportBundleOutput, ImportBundleOutput, ShowBundleOutput } from '#sync/bundles/index.ts';
import { runCommand } from './testing/run-command.ts';

const SPACE = '0190a0c0-0000-7000-8000-000000000001';
const HOSTILE = 'x\u001B[2J\u009B31m\u202Etxt';
const office = { device: 'ab'.repeat(32), fingerprint: 'b177-ec1b-f26d-fb3b-7010-d473-e6d4-4713', name: 'Office' };

const exported: ExportBundleOutput = {
  space: SPACE,
  name: 'Harvest',
  recipients: [],
  operationCount: 12,
  segmentCount: 1,
  byteCount: 2_000_000,
  missingSegmentCount: 0,
};
const imported: ImportBundleOutput = {
  space: SPACE,
  name: 'Harvest',
  joined: false,
  sender: office,
  operationCount: 10,
  knownOperationCount: 2,
  segmentCount: 1,
  missingOperations: {},
  missingSegments: {},
  waiting: {},
};
const shown: ShowBundleOutput = {
  space: SPACE,
  name: 'Harvest',
  canJoin: false,
  sender: office,
  createdAt: new Date(2026, 10, 23, 9, 0).toISOString(),
  root: 'ef'.repeat(32),
  since: null,
  recipientCount: 0,
  operationCount: 12,
  segmentCount: 1,
  byteCount: 2_000_000,
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'granary-bundle-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** The names and the bytes of the files that came with a call. */
async function readFiles({ files }: CallOptions): Promise<[string, string][]> {
  const read: [string, string][] = [];
  for await (const file of files!) {
    let text = '';
    for await (const chunk of file.read()) text += new TextDecoder().decode(chunk);
    read.push([file.name, text]);
  }
  return read;
}

const writing =
  (text: string) =>
  async (_: unknown, { write }: CallOptions) => {
    await write!(toUtf8(text));
    return exported;
  };

describe('bundle export', () => {
  const run = (answer: unknown, ...more: string[]) =>
    runCommand(['bundle', 'export', '--space', 'Harvest', '--to', join(folder, 'b.bundle'), ...more], {
      answers: { exportBundle: answer },
    });

  test('writes the file and says what is in it', async () => {
    const { lines, calls } = await run(writing('bytes'), '--with-data', '--for', 'Office', '--for', 'Field');
    expect(calls).toEqual([['exportBundle', { space: 'Harvest', withData: true, recipients: ['Office', 'Field'] }]]);
    expect(await readFile(join(folder, 'b.bundle'), 'utf8')).toBe('bytes');
    expect(lines[0]).toBe(`${join(folder, 'b.bundle')}: 12 operations, 1 segment of Harvest, 2.0 MB`);
    expect(lines).toContain('On the other device, type:   granary bundle import b.bundle');
  });

  test('leaves nothing behind when it fails half-way, and what was there before', async () => {
    const failing = async (_: unknown, { write }: CallOptions) => {
      await write!(toUtf8('half'));
      throw new GranaryError('SEGMENT_MISSING', 'gone');
    };
    expect((await run(failing)).error).toMatchObject({ code: 'SEGMENT_MISSING' });
    expect(await readdir(folder)).toEqual([]);
    await writeFile(join(folder, 'b.bundle'), 'old');
    expect((await run(failing, '--force')).error).toMatchObject({ code: 'SEGMENT_MISSING' });
    expect(await readdir(folder)).toEqual(['b.bundle']);
    expect(await readFile(join(folder, 'b.bundle'), 'utf8')).toBe('old');
  });

  test('replaces a file only when told to', async () => {
    await writeFile(join(folder, 'b.bundle'), 'old');
    const { error, calls } = await run(writing('new'));
    expect(error).toMatchObject({ code: 'USAGE_INVALID', message: expect.stringContaining('--force') });
    expect(calls).toEqual([]);
    expect(await readFile(join(folder, 'b.bundle'), 'utf8')).toBe('old');
    await run(writing('new'), '--force');
    expect(await readFile(join(folder, 'b.bundle'), 'utf8')).toBe('new');
  });

  test('sends the bundle it goes on from along', async () => {
    await writeFile(join(folder, 'first.bundle'), 'the first');
    let files: [string, string][] = [];
    const answer = async (_: unknown, options: CallOptions) => {
      files = await readFiles(options);
      return exported;
    };
    await run(answer, '--since', join(folder, 'first.bundle'));
    expect(files).toEqual([['first.bundle', 'the first']]);
    const { error, calls } = await runCommand(
      ['bundle', 'export', '--space', 'x', '--to', join(folder, 'c'), '--since', join(folder, 'none')],
      { answers: {} },
    );
    expect(error).toMatchObject({ code: 'FILE_NOT_FOUND' });
    expect(calls).toEqual([]);
  });

  test('says whether it is sealed, and which rows are not in it', async () => {
    const open = await run({ ...exported, missingSegmentCount: 3 });
    expect(open.text).toContain('not sealed');
    expect(open.text).toContain('Not in it: 3 segments');
    const sealed = await run({ ...exported, recipients: [office] }, '--force');
    expect(sealed.text).toContain('It is sealed to Office (b177-ec1b).');
  });

  test('needs the space and the file', async () => {
    for (const words of [['--space', 'Harvest'], ['--to', 'x'], []]) {
      const { error } = await runCommand(['bundle', 'export', ...words]);
      expect(error).toMatchObject({ code: 'USAGE_INVALID' });
    }
  });
});

describe('bundle import and show', () => {
  const run = async (command: string, answers: Record<string, unknown>, now = 0) => {
    await writeFile(join(folder, 'b.bundle'), 'bytes');
    return runCommand(['bundle', command, join(folder, 'b.bundle')], { answers, now });
  };

  test('import sends the file, and says what came', async () => {
    let files: [string, string][] = [];
    const { lines, calls } = await run('import', {
      importBundle: async (_: unknown, options: CallOptions) => {
        files = await readFiles(options);
        return imported;
      },
    });
    expect(calls).toEqual([['importBundle', { join: false }]]);
    expect(files).toEqual([['b.bundle', 'bytes']]);
    expect(lines).toEqual([
      'Harvest: 10 operations, 1 segment new from Office (b177-ec1b); 2 operations known before',
      'Everything that the bundle speaks of is here.',
    ]);
  });

  test('import says what is still missing, and why', async () => {
    const { lines } = await run('import', {
      importBundle: { ...imported, missingOperations: { 'left-out': 7 }, missingSegments: { damaged: 1 } },
    });
    expect(lines.slice(1)).toEqual([
      'missing here: 7 operations (in the bundle that this one goes on from)',
      'missing here: 1 segment (damaged in the bundle)',
    ]);
  });

  test('show lists what a bundle holds', async () => {
    const now = Date.parse(shown.createdAt) + 2 * 3_600_000;
    const { lines } = await run('show', { showBundle: shown }, now);
    expect(lines).toEqual([
      'space         Harvest',
      'sender        Office (b177-ec1b)',
      'written       2026-11-23 09:00 (2 hours ago)',
      'sealed        no',
      'operations    12',
      'segments      1',
      'size          2.0 MB',
      `holds         ${shown.root}`,
      'goes on from  nothing: it stands alone',
    ]);
  });

  test('a file that is not there is found before the node is opened', async () => {
    for (const command of ['import', 'show']) {
      const { error, calls } = await runCommand(['bundle', command, join(folder, 'none')]);
      expect(error).toMatchObject({ code: 'FILE_NOT_FOUND' });
      expect(calls).toEqual([]);
    }
  });

  test('hostile names steer no terminal', async () => {
    const sender = { ...office, name: HOSTILE };
    const answers = {
      importBundle: { ...imported, name: HOSTILE, sender, missingOperations: { [HOSTILE]: 1 } },
      showBundle: { ...shown, name: HOSTILE, sender },
    };
    for (const command of ['import', 'show']) {
      const { text, error } = await run(command, answers);
      expect(error).toBeUndefined();
      expect(text).toContain('\\u{1b}');
      expect(text).not.toMatch(/[\u001B\u009B\u202E]/);
    }
  });
});

import { readdir } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { ClassicLevel } from 'classic-level';
import { asGranaryError, GranaryError, throwIfAborted } from '#core/kernel/index.ts';
import type { AbortOptions } from '#core/kernel/index.ts';
import { fileError } from './node-file-system.ts';
import type { KeyRange, KeyValueStore, Write } from './ports.ts';

/** Entries fetched from LevelDB at a time: enough to spare calls; LevelDB ends a fetch sooner when values are large. */
const ITERATOR_ENTRIES = 1000;

/** What one fetch of an iterator may hold before LevelDB ends it, one value over. Bounds the memory of a scan. */
const ITERATOR_BYTES = 256 * 1024;

/** LevelDB keeps up to two write buffers and a cache in memory; these suit a store of small entries. */
const WRITE_BUFFER_BYTES = 4 * 1024 * 1024;
const CACHE_BYTES = 8 * 1024 * 1024;

const MANUAL = 'Restore this folder from a backup; do not delete it, it holds the truth of the node.';

export interface OpenLevelStoreOptions {
  /** True when a store was there before: then a missing one is damage and not a first start. */
  readonly mustExist?: boolean;
}

type Database = ClassicLevel<string, Uint8Array>;

/**
 * Opens a LevelDB store and takes its lock, which the operating system holds until the store is closed or the process
 * ends. A folder that does not exist is created. Errors: `HOME_LOCKED` when another process (or this one) holds it,
 * `STORE_DAMAGED` when files of the store are missing or damaged, `HOME_UNUSABLE` when the folder cannot be used.
 */
export async function openLevelStore(directory: string, options: OpenLevelStoreOptions = {}): Promise<KeyValueStore> {
  await checkDirectory(directory, options.mustExist ?? false);
  const database: Database = new ClassicLevel(directory, { keyEncoding: 'utf8', valueEncoding: 'view' });
  try {
    await database.open({ writeBufferSize: WRITE_BUFFER_BYTES, cacheSize: CACHE_BYTES });
  } catch (error) {
    throw openError(error, directory);
  }
  return createStore(database, directory);
}

/** LevelDB would start an empty store where only part of one is left; that must not pass for a first start. */
async function checkDirectory(directory: string, mustExist: boolean): Promise<void> {
  let names: string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    const failure = fileError(error, 'list', directory);
    if (failure.code !== 'FILE_NOT_FOUND') throw unusable(directory, failure);
    names = [];
  }
  if (names.includes('CURRENT')) return;
  const data = names.find((name) => /^\d+\.(ldb|sst|log)$/.test(name));
  if (mustExist || data !== undefined) throw damaged(directory, 'its file CURRENT is missing');
}

function createStore(database: Database, directory: string): KeyValueStore {
  const attempt = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw callError(error, directory);
    }
  };
  return {
    get: (key) => attempt(async () => unseal(key, await database.get(key), directory)),
    getMany: (keys) =>
      attempt(async () => {
        const values = await database.getMany([...keys]);
        return values.map((value, i) => unseal(keys[i]!, value, directory));
      }),
    entries: (range, options) => entries(database, directory, range, options),
    write: (commit, { sync }) => attempt(() => database.batch(sealAll(commit.writes), { sync })),
    close: () => attempt(() => database.close()),
  };
}

async function* entries(
  database: Database,
  directory: string,
  range: KeyRange,
  { signal }: AbortOptions = {},
): AsyncGenerator<readonly [string, Uint8Array]> {
  throwIfAborted(signal);
  let iterator;
  try {
    iterator = database.iterator({
      gte: range.gte,
      lt: range.lt,
      reverse: range.reverse ?? false,
      limit: range.limit ?? -1,
      highWaterMarkBytes: ITERATOR_BYTES,
    });
    for (;;) {
      const found = await iterator.nextv(ITERATOR_ENTRIES);
      if (found.length === 0) return;
      for (const [key, value] of found) {
        throwIfAborted(signal);
        yield [key, unseal(key, value, directory)];
      }
    }
  } catch (error) {
    throw callError(error, directory);
  } finally {
    await iterator?.close();
  }
}

/** LevelDB reads without comparing its own checksums, and its driver offers no way to ask for it. */
const CHECKSUM_BYTES = 4;

/**
 * Values are stored with a CRC-32 of key and bytes behind them, little endian. Those of one commit stand in one piece of
 * memory: a piece for each costs the collector of garbage more than all else that is done with them.
 */
function sealAll(writes: readonly Write[]) {
  let byteCount = 0;
  for (const write of writes) if (write.kind === 'put') byteCount += write.value.length + CHECKSUM_BYTES;
  const sealed = new Uint8Array(byteCount);
  const view = new DataView(sealed.buffer);
  let offset = 0;
  return writes.map((write) => {
    const { key } = write;
    if (write.kind === 'delete') return { type: 'del' as const, key };
    const start = offset;
    const end = start + write.value.length;
    offset = end + CHECKSUM_BYTES;
    sealed.set(write.value, start);
    view.setUint32(end, crc32(write.value, crc32(key)), true);
    return { type: 'put' as const, key, value: sealed.subarray(start, offset) };
  });
}

/** Errors: `STORE_DAMAGED` when the bytes are not those that were stored under the key. */
function unseal(key: string, sealed: Uint8Array, directory: string): Uint8Array;
function unseal(key: string, sealed: Uint8Array | undefined, directory: string): Uint8Array | undefined;
function unseal(key: string, sealed: Uint8Array | undefined, directory: string): Uint8Array | undefined {
  if (!sealed) return undefined;
  const byteCount = sealed.length - CHECKSUM_BYTES;
  // A view of its own: LevelDB hands out Buffers, whose `slice` and `toJSON` differ from what a Uint8Array promises.
  const value = byteCount < 0 ? undefined : new Uint8Array(sealed.buffer, sealed.byteOffset, byteCount);
  const stored = value && new DataView(sealed.buffer, sealed.byteOffset).getUint32(byteCount, true);
  if (!value || stored !== crc32(value, crc32(key))) {
    throw damaged(directory, `the entry ${JSON.stringify(key)} does not match its checksum`);
  }
  return value;
}

const codeOf = (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : '');
const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

function openError(error: unknown, directory: string): GranaryError {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const message = messageOf(cause);
  if (codeOf(cause) === 'LEVEL_LOCKED') {
    return new GranaryError(
      'HOME_LOCKED',
      `The store ${JSON.stringify(directory)} is open elsewhere. Stop the node that holds it, or let it do the work.`,
      { path: directory },
      { cause },
    );
  }
  if (/No space left/.test(message)) return diskFull(directory, cause);
  if (/Permission denied|Read-only file system|Not a directory/.test(message)) return unusable(directory, cause);
  if (/^E[A-Z]+$/.test(codeOf(cause))) return unusable(directory, cause);
  return damaged(directory, message, cause);
}

function callError(error: unknown, directory: string): GranaryError {
  if (error instanceof GranaryError) return error;
  const code = codeOf(error);
  const message = messageOf(error);
  if (/No space left/.test(message)) return diskFull(directory, error);
  // A table that is shorter than its manifest says, or gone, is reported as a failed read.
  const isTableGone = /\.(ldb|sst): (Invalid argument|No such file)/.test(message);
  if (code === 'LEVEL_CORRUPTION' || isTableGone) return damaged(directory, message, error);
  if (code === 'LEVEL_IO_ERROR') {
    return new GranaryError(
      'IO_FAILED',
      `The store ${JSON.stringify(directory)} cannot be read or written: ${message}. Check the disk.`,
      { path: directory },
      { cause: error },
    );
  }
  return asGranaryError(error);
}

const damaged = (directory: string, what: string, cause?: unknown) =>
  new GranaryError(
    'STORE_DAMAGED',
    `The store ${JSON.stringify(directory)} is damaged: ${what}. ${MANUAL}`,
    { path: directory },
    { cause },
  );

const diskFull = (directory: string, cause: unknown) =>
  new GranaryError(
    'DISK_FULL',
    `The disk is full: the store ${JSON.stringify(directory)} cannot be written. Free some space and try again.`,
    { path: directory },
    { cause },
  );

const unusable = (directory: string, cause: unknown) =>
  new GranaryError(
    'HOME_UNUSABLE',
    `The folder ${JSON.stringify(directory)} cannot be used: ${messageOf(cause)}. Check the path and its permissions.`,
    { path: directory },
    { cause },
  );

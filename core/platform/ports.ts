/**
 * What the platform offers to the slices, as small interfaces. Slices import this file and nothing else of the
 * platform; the composition root hands them the implementations.
 */
import type { AbortOptions } from '#core/kernel/index.ts';

export type { Clock, Random } from '#core/kernel/index.ts';

/** One change to a key-value store. */
export type Write =
  | { readonly kind: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly kind: 'delete'; readonly key: string };

/**
 * The commit primitive: every slice adds its writes, then the whole is stored as one atomic batch. A slice that adds
 * nothing is not noticed; a commit that fails leaves nothing behind.
 */
export class Commit {
  readonly #writes: Write[] = [];

  put(key: string, value: Uint8Array): this {
    this.#writes.push({ kind: 'put', key, value });
    return this;
  }

  delete(key: string): this {
    this.#writes.push({ kind: 'delete', key });
    return this;
  }

  get writes(): readonly Write[] {
    return this.#writes;
  }
}

/** Keys in byte order of their UTF-8 text. `gte` is inclusive, `lt` exclusive. */
export interface KeyRange {
  readonly gte: string;
  readonly lt: string;
  readonly reverse?: boolean;
  readonly limit?: number;
}

/** The ordered store of the node's truth. */
export interface KeyValueStore {
  get(key: string): Promise<Uint8Array | undefined>;
  getMany(keys: readonly string[]): Promise<(Uint8Array | undefined)[]>;
  entries(range: KeyRange, options?: AbortOptions): AsyncIterable<readonly [key: string, value: Uint8Array]>;
  /** Stores the commit whole or not at all. With `sync`, it has reached the disk when the promise resolves. */
  write(commit: Commit, options: { readonly sync: boolean }): Promise<void>;
  close(): Promise<void>;
}

/** The range of every key that starts with `prefix`; the prefix must end in an ASCII character below `~`. */
export function prefixRange(prefix: string): KeyRange {
  const last = prefix.charCodeAt(prefix.length - 1);
  return { gte: prefix, lt: prefix.slice(0, -1) + String.fromCharCode(last + 1) };
}

export type SqlScalar = string | number | bigint | boolean | null | Uint8Array | Date;

/** A parameter of a statement; an array becomes a one-dimensional array of the engine, such as `text[]`. */
export type SqlValue = SqlScalar | readonly SqlScalar[];

/**
 * A conversation with the database. Errors: `QUERY_FAILED` for what the engine refuses (`details.sqlState` is its
 * five-character code), `DISK_FULL`, `CATALOG_UNREACHABLE` when the engine is gone, `CANCELLED`.
 */
export interface SqlConnection {
  /**
   * Runs one statement with `$1` parameters and returns its rows as objects by column name. All rows are held in memory:
   * for results that can be large take `copyOut`. Types are the same on both engines: smallint, integer, real and double
   * precision come as numbers, bigint as `bigint` (also `count(*)`), boolean as booleans, bytea as `Uint8Array`,
   * timestamptz as `Date` (microseconds are cut; text when a `Date` cannot hold it), json and jsonb parsed, arrays of
   * these as arrays, everything else (numeric, date, timestamp, uuid …) as PostgreSQL's text.
   *
   * A signal that fires rejects at once. PostgreSQL is told to cancel; PGlite cannot, so its statement runs to its end
   * unheard and later calls wait for it.
   */
  query<Row = Record<string, unknown>>(
    text: string,
    parameters?: readonly SqlValue[],
    options?: AbortOptions,
  ): Promise<Row[]>;
  /** Runs a script of several statements without parameters. */
  exec(script: string): Promise<void>;
  /**
   * Sends text in COPY's text format into a table, all rows or none; `columns` and `table` are SQL text, already quoted.
   * Chunks may end anywhere.
   */
  copyIn(
    table: string,
    columns: readonly string[],
    chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<void>;
  /**
   * Yields what `COPY (select) TO STDOUT (FORMAT format)` prints, in chunks of any size. Memory stays bounded however
   * large the result and however slow the reader, and a reader may call the database while it reads. To end early,
   * leave the loop.
   */
  copyOut(select: string, format: 'text' | 'binary', options?: AbortOptions): AsyncIterable<Uint8Array>;
}

/** PGlite in a worker thread, or a PostgreSQL server by URL: the same SQL, the same migrations. */
export interface SqlDatabase extends SqlConnection {
  readonly engine: 'pglite' | 'postgresql';
  /**
   * Runs `work` in one transaction: committed when it resolves, rolled back when it throws. Within `work` use the
   * connection only: a call on the database itself is refused with `INTERNAL`, as on PGlite it would wait for itself.
   */
  transaction<T>(work: (connection: SqlConnection) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Bytes that can be read at any place: a file, a blob, a range of a remote object. */
export interface ByteSource {
  readonly byteCount: number;
  /**
   * Reads exactly `byteCount` bytes at `offset`. Errors: `IO_FAILED`, also when the range goes past the end; `CANCELLED`
   * where a read can take long.
   */
  read(offset: number, byteCount: number, options?: AbortOptions): Promise<Uint8Array>;
  close(): Promise<void>;
}

export interface FileEntry {
  readonly name: string;
  readonly kind: 'file' | 'directory' | 'other';
}

/** The disk. Errors: `FILE_NOT_FOUND`, `FILE_UNREADABLE`, `DISK_FULL`, `IO_FAILED`, each naming the path. */
export interface FileSystem {
  readFile(path: string): Promise<Uint8Array>;
  open(path: string): Promise<ByteSource>;
  /** The size in bytes, or undefined when there is no such file. */
  fileSize(path: string): Promise<number | undefined>;
  list(directory: string): Promise<FileEntry[]>;
  makeDirectory(path: string): Promise<void>;
  /**
   * Writes a whole file so that after a crash at any moment either the old file or the new one is there: temporary file,
   * fsync, rename, fsync of the directory. The temporary name ends in `.tmp`. `mode` is the POSIX mode, such as 0o600.
   */
  writeFileAtomic(path: string, bytes: Uint8Array, options?: { readonly mode?: number }): Promise<void>;
  /** Removes a file or an empty or full directory; nothing happens when it is not there. */
  remove(path: string): Promise<void>;
}

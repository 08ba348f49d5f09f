import { createReadStream, type Stats } from 'node:fs';
import { access, constants, readdir, realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { glob, isDynamicPattern } from 'tinyglobby';
import { GranaryError, throwIfAborted, type AbortOptions, type InputFile } from '#core/kernel/index.ts';
import { FILES_MAX } from '../limits.ts';

/** Files a directory is searched for, by the end of their names. */
const KNOWN_NAMES =
  /\.(csv|tsv|tab|txt|json|ndjson|jsonl|parquet|pq|arrow|arrows|feather|ipc)(\.(gz|gzip|zst|zstd))?$/i;

/** Bytes of one read from a disk. */
const READ_BYTES = 256 * 2 ** 10;

export interface ExpandOptions extends AbortOptions {
  /** Where `-` reads from; the standard input of the process when absent. */
  readonly standardInput?: AsyncIterable<Uint8Array> | undefined;
  /** What relative globs start from; the working directory of the process when absent. */
  readonly workingDirectory?: string | undefined;
}

/**
 * The files that the patterns name, each once, in order: a file as it is; a directory with all files below it whose names
 * end as data files do, sorted, hidden ones left out, links that lead in circles followed once; a glob; `-` for the
 * standard input. A path that exists is never taken for a glob. Files are opened when they are read. Errors: `FILE_NOT_FOUND`,
 * `FILE_UNREADABLE`, `LIMIT_EXCEEDED` for more than {@link FILES_MAX} files, `USAGE_INVALID` for a second `-`.
 */
export async function expandPaths(patterns: readonly string[], options: ExpandOptions = {}): Promise<InputFile[]> {
  const files = new Map<string, InputFile>();
  for (const pattern of patterns) {
    throwIfAborted(options.signal);
    if (pattern === '-') {
      if (files.has('-')) throw new GranaryError('USAGE_INVALID', 'The standard input (-) can be read only once.');
      files.set('-', standardInput(options));
      continue;
    }
    const paths = await pathsOf(pattern, options);
    if (files.size + paths.length > FILES_MAX) {
      throw new GranaryError('LIMIT_EXCEEDED', `${pattern} names more than ${FILES_MAX} files. Ingest them in parts.`, {
        path: pattern,
        limit: FILES_MAX,
      });
    }
    for (const path of paths) if (!files.has(path)) files.set(path, await inputFile(path, options));
  }
  return [...files.values()];
}

async function pathsOf(pattern: string, options: ExpandOptions): Promise<string[]> {
  const { signal, workingDirectory } = options;
  const path = resolve(workingDirectory ?? '', pattern);
  const found = await statusOf(path);
  if (found?.isDirectory()) {
    const inside = await filesBelow(pattern, path, new Set(), signal);
    if (inside.length > 0) return inside;
    throw new GranaryError('FILE_NOT_FOUND', `The directory ${pattern} holds no data file.`, { path: pattern });
  }
  if (found) return [pattern];
  if (isDynamicPattern(pattern)) {
    const matches = await glob(pattern, {
      cwd: workingDirectory ?? process.cwd(),
      onlyFiles: true,
      expandDirectories: false,
      ...(signal === undefined ? {} : { signal }),
    });
    if (matches.length > 0) return withoutDoubles(matches, workingDirectory);
  }
  throw new GranaryError('FILE_NOT_FOUND', `No file matches ${pattern}.`, { path: pattern });
}

/** One path for each file, the shortest: links make a glob find files more than once. */
async function withoutDoubles(paths: readonly string[], workingDirectory: string | undefined): Promise<string[]> {
  const byFile = new Map<string, string>();
  for (const path of paths.toSorted((left, right) => left.length - right.length || byCodeUnit(left, right))) {
    const real = await realpath(resolve(workingDirectory ?? '', path));
    if (!byFile.has(real)) byFile.set(real, path);
  }
  return [...byFile.values()].toSorted(byCodeUnit);
}

const byCodeUnit = (left: string, right: string) => (left < right ? -1 : left > right ? 1 : 0);

/** Undefined when nothing is there. */
async function statusOf(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG' || code === 'ERR_INVALID_ARG_VALUE')
      return undefined;
    throw unreadable(path, error);
  }
}

/** Every data file below a directory, each named from `name`; `visited` holds the real paths that were searched. */
async function filesBelow(
  name: string,
  directory: string,
  visited: Set<string>,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  throwIfAborted(signal);
  const real = await realpath(directory);
  if (visited.has(real)) return [];
  visited.add(real);
  const entries = await readdir(directory).catch((error: unknown) => {
    throw unreadable(name, error);
  });
  const found: string[] = [];
  for (const entry of entries.toSorted(byCodeUnit)) {
    if (entry.startsWith('.')) continue;
    const path = join(directory, entry);
    // A link to nothing is passed over, as a shell would.
    const status = await statusOf(path);
    if (status?.isDirectory()) found.push(...(await filesBelow(join(name, entry), path, visited, signal)));
    else if (status?.isFile() && KNOWN_NAMES.test(entry)) found.push(join(name, entry));
  }
  return found;
}

async function inputFile(name: string, { workingDirectory }: ExpandOptions): Promise<InputFile> {
  const path = resolve(workingDirectory ?? '', name);
  const status = await stat(path).catch((error: unknown) => {
    throw unreadable(name, error);
  });
  await access(path, constants.R_OK).catch((error: unknown) => {
    throw unreadable(name, error);
  });
  const isRegular = status.isFile();
  return {
    name,
    byteCount: isRegular ? status.size : undefined,
    // A pipe or a device gives its bytes once.
    replayable: isRegular,
    read: () => readFile(name, path),
  };
}

async function* readFile(name: string, path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path, { highWaterMark: READ_BYTES }) as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw unreadable(name, error);
  }
}

const standardInput = ({ standardInput: source }: ExpandOptions): InputFile => ({
  name: '-',
  replayable: false,
  read: () => source ?? process.stdin,
});

function unreadable(path: string, error: unknown): GranaryError {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'ENOENT'
    ? new GranaryError('FILE_NOT_FOUND', `There is no file ${path}.`, { path }, { cause: error })
    : new GranaryError('FILE_UNREADABLE', `${path} cannot be read: ${code ?? message}.`, { path }, { cause: error });
}

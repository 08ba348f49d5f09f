import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';

/** A file with decoded columns of one row group. */
export interface RowGroupFile {
  readonly path: string;
  /** Indices in the schema. */
  readonly columns: ReadonlySet<number>;
  readonly byteCount: number;
}

/** A use of files: while it lasts they stay. */
export interface FileLease {
  /** A file with all of these columns, from now on in use; undefined when there is none. */
  find(rowGroup: string, columns: readonly number[]): RowGroupFile | undefined;
  /** A path for a new file. */
  newPath(): string;
  /** Takes a file that was written, from now on in use; false when all that is in use is more than the cache holds. */
  add(rowGroup: string, file: RowGroupFile): boolean;
  release(): void;
}

/** Decoded row groups as files: what later queries may find again, the longest unused dropped first. */
export interface RowGroupFiles {
  /** No file lies outside of it. */
  readonly folder: string;
  readonly byteCountMax: number;
  lease(): FileLease;
  /** Removes the files. */
  close(): void;
}

interface Entry extends RowGroupFile {
  readonly rowGroup: string;
  users: number;
}

/** Keeps at most `byteCountMax` bytes of files in a new folder within `parent`. */
export function createRowGroupFiles(parent: string, byteCountMax: number): RowGroupFiles {
  const folder = join(parent, `decoded-${randomBytes(8).toString('hex')}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  /** By row group. */
  const known = new Map<string, Set<Entry>>();
  /** The longest unused first. */
  const byUse = new Set<Entry>();
  let byteCount = 0;

  const drop = (entry: Entry): void => {
    byUse.delete(entry);
    byteCount -= entry.byteCount;
    const siblings = known.get(entry.rowGroup)!;
    siblings.delete(entry);
    if (siblings.size === 0) known.delete(entry.rowGroup);
    rmSync(entry.path, { force: true });
  };
  const makeRoom = (): void => {
    for (const entry of byUse) {
      if (byteCount <= byteCountMax) return;
      if (entry.users === 0) drop(entry);
    }
  };

  return {
    folder,
    byteCountMax,
    lease() {
      const used: Entry[] = [];
      const use = (entry: Entry): Entry => {
        entry.users += 1;
        used.push(entry);
        byUse.delete(entry);
        byUse.add(entry);
        return entry;
      };
      return {
        find(rowGroup, columns) {
          for (const entry of known.get(rowGroup) ?? [])
            if (columns.every((column) => entry.columns.has(column))) return use(entry);
          return undefined;
        },
        newPath: () => join(folder, `${randomBytes(8).toString('hex')}.parquet`),
        add(rowGroup, file) {
          const entry = use({ ...file, rowGroup, users: 0 });
          byteCount += entry.byteCount;
          known.set(rowGroup, (known.get(rowGroup) ?? new Set()).add(entry));
          makeRoom();
          return byteCount <= byteCountMax;
        },
        release() {
          for (const entry of used.splice(0)) entry.users -= 1;
          makeRoom();
        },
      };
    },
    close() {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

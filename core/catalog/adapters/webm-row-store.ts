import { join } from 'node:path';
import { encodeSegments, type RowGroupEncoder } from '#core/columnar/index.ts';
import { isSegmentHash, throwIfAborted } from '#core/kernel/index.ts';
import type { FileSystem } from '#core/platform/ports.ts';
import type { RowStore, SegmentRef } from '../ports.ts';
import { plainBatches, plainSchema } from './plain-batch.ts';
import { countingBatches } from './project-batch.ts';
import { scanSegmentFile, summariseSegment, verifySegmentFile } from './segment-file.ts';

export interface WebmRowStoreDeps {
  readonly files: FileSystem;
  /** Folder of the segment files; made when it is not there. */
  readonly folder: string;
  readonly encoder: RowGroupEncoder;
}

export interface WebmRowStore extends RowStore {
  /** Where the file of a segment lies, whether it is there or not. */
  path(segmentId: string): string;
}

/**
 * WEBM_COLUMNAR: immutable segment files named by the BLAKE3 hash of their bytes, `<first two digits>/<hash>.webm`. Equal
 * rows are one file, whichever assets they belong to.
 */
export function createWebmRowStore({ files, folder, encoder }: WebmRowStoreDeps): WebmRowStore {
  const path = (segmentId: string) => join(folder, segmentId.slice(0, 2), `${segmentId}.webm`);

  /** Equal bytes have an equal name. A file of another size was damaged by something else and is written anew. */
  async function put(hash: string, bytes: Uint8Array): Promise<void> {
    if ((await files.fileSize(path(hash))) === bytes.length) return;
    await files.makeDirectory(join(folder, hash.slice(0, 2)));
    await files.writeFileAtomic(path(hash), bytes);
  }

  return {
    format: 'WEBM_COLUMNAR',
    path,
    async *write({ assetName, schema }, batches, { signal, report } = {}) {
      let done = 0;
      const segments = encodeSegments(plainSchema(schema), plainBatches(batches), { encoder, signal, bounded: true });
      for await (const { bytes, hash, header } of segments) {
        throwIfAborted(signal);
        await put(hash, bytes);
        done += header.rowCount;
        report?.({ stage: 'writing', subject: assetName, done, unit: 'rows' });
        const segment: SegmentRef = {
          id: hash,
          rowCount: header.rowCount,
          byteCount: bytes.length,
          columns: summariseSegment(header),
        };
        yield segment;
      }
    },
    async *scan(target, segments, request, options = {}) {
      for (const segment of segments) {
        throwIfAborted(options.signal);
        if (request.columns.length === 0) yield* countingBatches(segment.rowCount);
        else yield* scanSegmentFile(files, { path: path(segment.id), target, segment }, request, options);
      }
    },
    async *verify(target, segments, { signal, report } = {}) {
      const total = segments.reduce((sum, { byteCount }) => sum + byteCount, 0);
      let done = 0;
      for (const segment of segments) {
        throwIfAborted(signal);
        yield* verifySegmentFile(files, { path: path(segment.id), target, segment }, { signal });
        done += segment.byteCount;
        report?.({ stage: 'verifying', subject: target.assetName, done, total, unit: 'bytes' });
      }
    },
    async removeUnreferenced(isReferenced) {
      let removed = 0;
      await files.makeDirectory(folder);
      for (const directory of await files.list(folder)) {
        if (directory.kind !== 'directory' || !/^[0-9a-f]{2}$/.test(directory.name)) continue;
        for (const { name } of await files.list(join(folder, directory.name))) {
          const id = name.endsWith('.webm') ? name.slice(0, -'.webm'.length) : '';
          const isUnknown = isSegmentHash(id) && !isReferenced(id);
          // A writer that was cut off leaves a temporary file; nothing else in the folder is the store's.
          if (isUnknown || name.endsWith('.tmp')) await files.remove(join(folder, directory.name, name));
          if (isUnknown) removed++;
        }
      }
      return removed;
    },
  };
}

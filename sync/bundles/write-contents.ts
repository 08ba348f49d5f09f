import { type AbortOptions, equalBytes, throwIfAborted } from '#core/kernel/index.ts';
import type { ByteSource } from '#core/platform/ports.ts';
import { type Blake3, peekOperation } from '#sync/log/index.ts';
import type { LogTip } from '#sync/reconcile/index.ts';
import {
  createHashTree,
  LEAF_BYTES,
  leafOffset,
  openSealedFile,
  PAGE_LEAVES,
  pageHashOf,
  pageLeaves,
  sealedCorrupt,
  type SealedFile,
  type SealedName,
} from '#sync/segments/index.ts';
import type { PlannedLog } from './plan-export.ts';
import type { BundleSource, SegmentSource } from './ports.ts';
import { encodePayload, encodeSection, type IndexEntries, type PayloadName, type SectionName } from './sections.ts';
import type { BodyWriter } from './write-body.ts';

/** Sections are written at this size; one operation more may make one larger. */
const SECTION_BYTES = 256 * 1024;
/** Leaves of a section: 256 KiB. */
const SECTION_LEAVES = 16;
/** Items of a section of the frontier or the index: some 200 KiB. */
const SECTION_ITEMS = 2048;

export interface ContentWriter {
  readonly body: BodyWriter;
  readonly blake3: Blake3;
  /** Called with the bytes of operations and segments that were written. */
  readonly onBytes: (byteCount: number) => void;
}

const writeSection = (body: BodyWriter, name: SectionName, payload: Uint8Array): Promise<void> =>
  body.write(encodeSection(name, payload));

/** Writes items in as many sections as they take. */
export async function writeItems<T>(
  body: BodyWriter,
  name: PayloadName,
  items: readonly T[],
  toPayload: (part: readonly T[]) => Parameters<typeof encodePayload>[1],
): Promise<void> {
  for (let i = 0; i < items.length; i += SECTION_ITEMS) {
    await writeSection(body, name, encodePayload(name, toPayload(items.slice(i, i + SECTION_ITEMS))));
  }
}

/** Collects byte strings until they fill a section. */
function collectInto(body: BodyWriter, name: 'operations' | 'proofs') {
  let items: Uint8Array[] = [];
  let byteCount = 0;
  const flush = async () => {
    if (items.length === 0) return;
    const payload =
      name === 'operations' ? encodePayload(name, { operations: items }) : encodePayload(name, { proofs: items });
    items = [];
    byteCount = 0;
    await writeSection(body, name, payload);
  };
  return {
    flush,
    async add(bytes: Uint8Array) {
      items.push(bytes);
      byteCount += bytes.length;
      if (byteCount >= SECTION_BYTES) await flush();
    },
  };
}

/** Writes the operations of the logs, log after log in the order of seq; returns what the index says of them. */
export async function writeOperations(
  { body, blake3, onBytes }: ContentWriter,
  store: BundleSource['store'],
  logs: readonly PlannedLog[],
  { signal }: AbortOptions,
): Promise<IndexEntries['logs']> {
  const section = collectInto(body, 'operations');
  const written: IndexEntries['logs'][number][] = [];
  for (const { log, tip, seqStart, baseId } of logs) {
    let first = seqStart;
    let operationCount = 0;
    let byteCount = 0;
    for await (const bytes of store.operationsFrom(tip.author, tip.logId, seqStart)) {
      throwIfAborted(signal);
      // The base has this one, unless the log goes two ways: then the operation is one half of the proof.
      if (
        operationCount === 0 &&
        first === seqStart &&
        baseId &&
        equalBytes(peekOperation({ blake3 }, bytes).id, baseId)
      ) {
        first += 1;
        if (seqStart === tip.seq) break;
        continue;
      }
      await section.add(bytes);
      operationCount += 1;
      byteCount += bytes.length;
      onBytes(bytes.length);
      if (first + operationCount > tip.seq) break;
    }
    if (operationCount > 0) written.push({ log, seqStart: first, operationCount, byteCount });
  }
  await section.flush();
  return written;
}

/** Writes the proofs of forks; returns how many there are. */
export async function writeForkProofs(
  { body }: ContentWriter,
  store: BundleSource['store'],
  frontier: readonly LogTip[],
  { signal }: AbortOptions,
): Promise<number> {
  const section = collectInto(body, 'proofs');
  let proofCount = 0;
  for (const { author, logId, forkSeq } of frontier) {
    throwIfAborted(signal);
    const proof = forkSeq === undefined ? undefined : await store.forkProof(author, logId);
    if (!proof) continue;
    await section.add(proof);
    proofCount += 1;
  }
  await section.flush();
  return proofCount;
}

/**
 * Writes one sealed segment with its tree, each leaf checked; returns its bytes of ciphertext, undefined when it is not
 * here. Errors: `SEGMENT_CORRUPT`.
 */
export async function writeSegment(
  writer: ContentWriter,
  open: SegmentSource['open'],
  name: SealedName,
  options: AbortOptions,
): Promise<number | undefined> {
  const source = await open(name);
  if (!source) return undefined;
  try {
    const file = await openSealedFile(source, name);
    await writeSealedFile(writer, source, file, name, options);
    return file.layout.byteCount;
  } finally {
    await source.close();
  }
}

async function writeSealedFile(
  { body, blake3, onBytes }: ContentWriter,
  source: ByteSource,
  { layout, readRoot, readPage }: SealedFile,
  name: SealedName,
  { signal }: AbortOptions,
): Promise<void> {
  const tree = createHashTree(blake3);
  const root = await readRoot();
  if (tree.nameOf(root) !== name) throw sealedCorrupt(name, 'its root is another one');
  await writeSection(body, 'segment', root);
  for (let page = 0; page < layout.pageCount; page++) {
    const hashes = await readPage(page);
    if (!equalBytes(tree.pageHash(hashes), pageHashOf(root, page))) throw sealedCorrupt(name, `page ${page} is wrong`);
    await writeSection(body, 'page', hashes);
    const count = pageLeaves(layout, page);
    for (let first = 0; first < count; first += SECTION_LEAVES) {
      throwIfAborted(signal);
      const leaf = page * PAGE_LEAVES + first;
      const byteCount = Math.min(SECTION_LEAVES * LEAF_BYTES, layout.byteCount - leaf * LEAF_BYTES);
      const leaves = await source.read(leafOffset(layout, leaf), byteCount);
      for (let offset = 0; offset < byteCount; offset += LEAF_BYTES) {
        const index = first + offset / LEAF_BYTES;
        if (tree.isLeaf(leaves.subarray(offset, offset + LEAF_BYTES), hashes, index)) continue;
        throw sealedCorrupt(name, `leaf ${page * PAGE_LEAVES + index} is wrong`);
      }
      onBytes(byteCount);
      await writeSection(body, 'leaves', leaves);
    }
  }
}

/** Writes the index and where it begins. */
export async function writeIndex(body: BodyWriter, { proofCount, logs, segments }: IndexEntries): Promise<void> {
  const start = new Uint8Array(8);
  new DataView(start.buffer).setBigUint64(0, BigInt(body.offset));
  await writeSection(body, 'index', encodePayload('index', { proofCount, logs: [], segments: [] }));
  await writeItems(body, 'index', logs, (part) => ({ proofCount: 0, logs: part, segments: [] }));
  await writeItems(body, 'index', segments, (part) => ({ proofCount: 0, logs: [], segments: part }));
  await body.write(start);
}

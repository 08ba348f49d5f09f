import { type AbortOptions, GranaryError, throwIfAborted } from '#core/kernel/index.ts';
import type { ByteSource } from '#core/platform/ports.ts';
import type { Ed25519 } from '#sync/log/index.ts';
import type { LogTip } from '#sync/reconcile/index.ts';
import { bundleDamaged } from './bundle-fault.ts';
import { checkFrontier } from './frontier.ts';
import { BUNDLE_SEGMENTS_MAX } from './limits.ts';
import { type BundleBody, openBody, type ReadDeps } from './read-body.ts';
import {
  type BundleHeader,
  decodePayload,
  decodeSectionHead,
  type IndexEntries,
  SECTION_HEAD_BYTES,
  type SectionName,
  toLogTip,
} from './sections.ts';

/** The last bytes of a body: where its index begins. */
const INDEX_OFFSET_BYTES = 8;

export interface OpenDeps extends ReadDeps {
  readonly ed25519: Ed25519;
}

export interface Section {
  readonly name: SectionName;
  readonly payload: Uint8Array;
}

/** What a bundle says of itself, and a way to its contents. */
export interface OpenBundle {
  readonly body: BundleBody;
  readonly header: BundleHeader;
  /** All tips that the sender has, by author and log. Checked against its signature. */
  readonly frontier: readonly LogTip[];
  readonly index: IndexEntries;
  /** The sections between frontier and index, in order. Errors: `BUNDLE_DAMAGED`, `IO_FAILED`, `CANCELLED`. */
  contents(options?: AbortOptions): AsyncGenerator<Section>;
}

/**
 * Reads the start and the index of a bundle and checks the frontier, so that most damage is found before anything is
 * taken in. The caller keeps and closes `source`.
 * Errors: `BUNDLE_DAMAGED`, `BUNDLE_VERSION`, `BUNDLE_SEALED`, `IO_FAILED`, `CANCELLED`.
 */
export async function openBundle(
  deps: OpenDeps,
  source: ByteSource,
  { signal }: AbortOptions = {},
): Promise<OpenBundle> {
  const body = await openBody(deps, source);
  const end = body.byteCount - INDEX_OFFSET_BYTES;
  if (end < SECTION_HEAD_BYTES) throw bundleDamaged('truncated', 'it ends early');

  const first = await readSection(body, 0, end);
  if (first.name !== 'header') throw unexpected(first);
  const header = decodePayload('header', first.payload);
  const frontier: LogTip[] = [];
  let contentStart = first.next;
  while (frontier.length < header.logCount) {
    throwIfAborted(signal);
    const section = await readSection(body, contentStart, end);
    if (section.name !== 'tips') throw unexpected(section);
    for (const end of decodePayload('tips', section.payload).tips) frontier.push(toLogTip(end));
    contentStart = section.next;
  }
  checkFrontier(deps, header, frontier);

  const offset = new DataView((await body.read(end, INDEX_OFFSET_BYTES)).slice().buffer).getBigUint64(0);
  if (offset < BigInt(contentStart) || offset >= BigInt(end))
    throw bundleDamaged('truncated', 'its index is not there');
  const indexStart = Number(offset);
  const index = await readIndex(body, indexStart, end, header.logCount, signal);
  return {
    body,
    header,
    frontier,
    index,
    async *contents(options = {}) {
      for (let at = contentStart; at < indexStart;) {
        throwIfAborted(options.signal);
        const section = await readSection(body, at, indexStart);
        at = section.next;
        yield section;
      }
    },
  };
}

/** A file that is opened, worked with and closed. */
export async function withBundle<T>(
  deps: OpenDeps & { readonly files: { open(path: string): Promise<ByteSource> } },
  path: string,
  options: AbortOptions,
  work: (bundle: OpenBundle) => Promise<T>,
): Promise<T> {
  const source = await deps.files.open(path);
  try {
    return await work(await openBundle(deps, source, options));
  } finally {
    await source.close();
  }
}

async function readIndex(
  body: BundleBody,
  start: number,
  end: number,
  logCount: number,
  signal: AbortSignal | undefined,
): Promise<IndexEntries> {
  const logs: IndexEntries['logs'][number][] = [];
  const segments: IndexEntries['segments'][number][] = [];
  let proofCount = 0;
  for (let at = start; at < end;) {
    throwIfAborted(signal);
    const section = await readSection(body, at, end);
    if (section.name !== 'index') throw unexpected(section);
    const part = decodePayload('index', section.payload);
    proofCount += part.proofCount;
    for (const log of part.logs) logs.push(log);
    for (const segment of part.segments) segments.push(segment);
    if (logs.length > logCount || segments.length > BUNDLE_SEGMENTS_MAX || proofCount > Number.MAX_SAFE_INTEGER) {
      throw bundleDamaged('section-invalid', 'its index lists too much');
    }
    at = section.next;
  }
  const known = new Set<number>();
  for (const { log } of logs) {
    if (log >= logCount || known.has(log)) throw bundleDamaged('section-invalid', 'its index names a log wrongly');
    known.add(log);
  }
  return { proofCount, logs, segments };
}

async function readSection(body: BundleBody, at: number, end: number): Promise<Section & { readonly next: number }> {
  const start = at + SECTION_HEAD_BYTES;
  if (start > end) throw bundleDamaged('truncated', 'a section reaches beyond its end');
  const { name, byteCount } = decodeSectionHead(await body.read(at, SECTION_HEAD_BYTES));
  if (start + byteCount > end) throw bundleDamaged('truncated', 'a section reaches beyond its end');
  return { name, payload: await body.read(start, byteCount), next: start + byteCount };
}

export const unexpected = ({ name }: Section): GranaryError =>
  bundleDamaged('section-unexpected', `a section ${name} stands in the wrong place`);

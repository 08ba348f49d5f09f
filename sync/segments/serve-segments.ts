import { type AbortOptions, createMutex, isGranaryError, throwIfAborted } from '#core/kernel/index.ts';
import type { ByteSource } from '#core/platform/ports.ts';
import { type AnswerFrame, decodeRequest, encodeSegmentFrame, type FrameFault, type RequestFrame } from './frames.ts';
import type { FrameChannel, SealedFolder } from './ports.ts';
import { openSealedFile, type SealedFile } from './sealed-file.ts';
import { REQUEST_COST_BYTES, type ServeGate } from './serve-gate.ts';
import { pageLeaves } from './sealed-layout.ts';
import type { SealedName } from './sealed-segment.ts';

/** Requests of one peer that may wait: twice what a requester of ours ever has outstanding; more is a flood. */
export const REQUESTS_WAITING_MAX = 64;
/** Files that one peer keeps open: requests go from one segment to the next, seldom back. */
export const SERVED_FILES_MAX = 4;

/**
 * What a server counts of one peer. Frames that cannot be, `flood` (too many requests) and `busy` (too many streams) end the
 * session. `forbidden` (by access), `missing` and `outside` (of the segment) look alike to the peer; `damaged` and `failed` are
 * faults of this node; `delayed` is an answer that waited for the peer's allowance.
 */
export type ServeEvent =
  | FrameFault['reason']
  | 'flood'
  | 'busy'
  | 'forbidden'
  | 'missing'
  | 'outside'
  | 'damaged'
  | 'failed'
  | 'delayed'
  | 'leaf-sent';

export interface ServeDeps {
  /** A sealed folder, or `createServedSegments`. */
  readonly folder: Pick<SealedFolder, 'open'>;
  /** Asked at every request, so that what is taken from a peer stops at once. The same answer as for a missing file. */
  readonly mayServe: (peerId: string, name: SealedName) => boolean | Promise<boolean>;
  /** One for all peers of the node. */
  readonly gate: ServeGate;
  readonly count: (event: ServeEvent, peerId: string) => void;
}

interface Waiting {
  cancelled: boolean;
}

/**
 * Answers the requests of one peer, in order, until the channel ends or the peer breaks the rules. Needs no key of any
 * segment. At most one leaf is in memory: the next one is read once the channel has taken the last.
 */
export async function serveSegments(
  deps: ServeDeps,
  peerId: string,
  channel: FrameChannel,
  { signal }: AbortOptions = {},
): Promise<void> {
  const { folder, mayServe, gate } = deps;
  const count = (event: ServeEvent) => deps.count(event, peerId);
  const pass = gate.enter(peerId);
  if (!pass) {
    count('busy');
    channel.close();
    return;
  }
  const inOrder = createMutex();
  const waiting = new Map<number, Waiting>();
  const files = openFiles(folder);
  const ended = new AbortController();

  async function send(frame: AnswerFrame): Promise<void> {
    const bytes = encodeSegmentFrame(frame);
    if (await pass!.spend(bytes.length, ended)) count('delayed');
    await channel.send(bytes);
  }

  async function find(request: NamedRequest): Promise<SealedFile | 'forbidden' | 'missing' | 'outside'> {
    if (!(await mayServe(peerId, request.name))) return 'forbidden';
    const file = await files.open(request.name);
    if (!file) return 'missing';
    return isWithin(request, file) ? file : 'outside';
  }

  async function answer(request: NamedRequest, state: Waiting): Promise<void> {
    const number = request.request;
    await pass!.spend(REQUEST_COST_BYTES, ended);
    const file = await find(request);
    if (typeof file === 'string') {
      count(file);
      return send({ kind: 'refused', request: number, reason: 'unavailable' });
    }
    if (request.kind === 'get-root') return send({ kind: 'root', request: number, rootRecord: await file.readRoot() });
    if (request.kind === 'get-page') {
      return send({ kind: 'page', request: number, leafHashes: await file.readPage(request.page) });
    }
    for (let leaf = request.first; leaf < request.first + request.count && !state.cancelled; leaf++) {
      throwIfAborted(ended.signal);
      await send({ kind: 'leaf', request: number, leaf, bytes: await file.readLeaf(leaf) });
      count('leaf-sent');
    }
    return send({ kind: 'end', request: number });
  }

  const close = () => {
    for (const state of waiting.values()) state.cancelled = true;
    ended.abort();
    channel.close();
  };
  signal?.addEventListener('abort', close, { once: true });
  try {
    throwIfAborted(signal);
    for await (const bytes of channel.frames) {
      const frame = decodeRequest(bytes);
      const breach = frame.kind === 'fault' ? frame.reason : waiting.size >= REQUESTS_WAITING_MAX ? 'flood' : undefined;
      if (frame.kind === 'cancel') {
        const state = waiting.get(frame.request);
        if (state) state.cancelled = true;
        continue;
      }
      if (breach || frame.kind === 'fault' || waiting.has(frame.request)) {
        count(breach ?? 'frame-value');
        break;
      }
      const state = { cancelled: false };
      waiting.set(frame.request, state);
      void inOrder(() => answer(frame, state))
        .catch((error: unknown) => {
          if (ended.signal.aborted) return undefined;
          count(isGranaryError(error, 'SEGMENT_CORRUPT') ? 'damaged' : 'failed');
          return send({ kind: 'refused', request: frame.request, reason: 'failed' });
        })
        // The channel is gone: its frames end as well.
        .catch(() => undefined)
        .finally(() => waiting.delete(frame.request));
    }
  } finally {
    signal?.removeEventListener('abort', close);
    close();
    pass.leave();
    await inOrder(() => files.close());
  }
}

type NamedRequest = Exclude<RequestFrame, { readonly kind: 'cancel' }>;

function isWithin(request: RequestFrame, { layout }: SealedFile): boolean {
  if (request.kind === 'get-page') return request.page < layout.pageCount && pageLeaves(layout, request.page) > 0;
  return request.kind !== 'get-leaves' || request.first + request.count <= layout.leafCount;
}

/** The files that one peer asked for last. */
function openFiles(folder: ServeDeps['folder']) {
  const opened = new Map<SealedName, { readonly source: ByteSource; readonly file: SealedFile }>();
  return {
    async open(name: SealedName): Promise<SealedFile | undefined> {
      const known = opened.get(name);
      if (known) {
        opened.delete(name);
        opened.set(name, known);
        return known.file;
      }
      const source = await folder.open(name);
      if (!source) return undefined;
      let file: SealedFile;
      try {
        file = await openSealedFile(source, name);
      } catch (error) {
        await source.close();
        throw error;
      }
      opened.set(name, { source, file });
      for (const [oldest, { source }] of opened) {
        if (opened.size <= SERVED_FILES_MAX) break;
        opened.delete(oldest);
        await source.close();
      }
      return file;
    },
    async close(): Promise<void> {
      for (const { source } of opened.values()) await source.close();
      opened.clear();
    },
  };
}

/**
 * What two nodes say to each other about a sealed segment. A frame is its kind (u8), the number of the request it belongs
 * to (u32), and the fields of its kind; numbers are big endian. The transport keeps frames apart.
 *
 * | kind | name       | from      | fields                                            | answered by                         |
 * | ---- | ---------- | --------- | ------------------------------------------------- | ----------------------------------- |
 * | 1    | get-root   | requester | name (32)                                         | root, or refused                    |
 * | 2    | get-page   | requester | name (32), page (u32)                             | page, or refused                    |
 * | 3    | get-leaves | requester | name (32), first (u32), count (u32)               | leaf … in order, end; or refused    |
 * | 4    | cancel     | requester |                                                   | nothing: its request ends early     |
 * | 17   | root       | server    | root record (8 + 32 a page)                       |                                     |
 * | 18   | page       | server    | leaf hashes (32 a leaf)                           |                                     |
 * | 19   | leaf       | server    | leaf (u32), its ciphertext                        |                                     |
 * | 20   | end        | server    |                                                   |                                     |
 * | 21   | refused    | server    | reason (u8): 1 unavailable, 2 failed              |                                     |
 *
 * A request is the credit for its answer: a server sends nothing that was not asked for, and stops where the channel does.
 */
import { concatBytes, toHex } from '#core/kernel/index.ts';
import { HASH_BYTES, LEAF_BYTES, LEAF_TAG_BYTES, PAGE_LEAVES, SEALED_BYTES_MAX } from './sealed-layout.ts';
import { nameToBytes, type SealedName } from './sealed-segment.ts';

/** A frame is held in memory whole: the largest is the root record of the largest segment, a quarter of this. */
export const SEGMENT_FRAME_BYTES_MAX = 2 ** 20;

/** Leaves in one request: half a mebibyte, so that a request can still be taken from a slow peer. */
export const REQUEST_LEAVES_MAX = 32;

export type RefusalReason = 'unavailable' | 'failed';

interface Numbered {
  /** Chosen by the requester, each once a channel. */
  readonly request: number;
}

export type RequestFrame = Numbered &
  (
    | { readonly kind: 'get-root'; readonly name: SealedName }
    | { readonly kind: 'get-page'; readonly name: SealedName; readonly page: number }
    | { readonly kind: 'get-leaves'; readonly name: SealedName; readonly first: number; readonly count: number }
    | { readonly kind: 'cancel' }
  );

export type AnswerFrame = Numbered &
  (
    | { readonly kind: 'root'; readonly rootRecord: Uint8Array }
    | { readonly kind: 'page'; readonly leafHashes: Uint8Array }
    | { readonly kind: 'leaf'; readonly leaf: number; readonly bytes: Uint8Array }
    | { readonly kind: 'end' }
    | { readonly kind: 'refused'; readonly reason: RefusalReason }
  );

/** Why bytes are no frame of the expected side. */
export interface FrameFault {
  readonly kind: 'fault';
  readonly reason: 'frame-kind' | 'frame-length' | 'frame-value';
}

interface FrameShape {
  readonly code: number;
  readonly from: 'requester' | 'server';
  /** Bytes behind kind and request number. */
  readonly bytesMin: number;
  readonly bytesMax: number;
}

const NAME_BYTES = 32;
const HEAD_BYTES = 5;
const LEAVES_MAX = SEALED_BYTES_MAX / LEAF_BYTES;
const PAGES_MAX = LEAVES_MAX / PAGE_LEAVES;

const exactly = (bytes: number) => ({ bytesMin: bytes, bytesMax: bytes });

/** Every frame there is. */
export const SEGMENT_FRAMES = {
  'get-root': { code: 1, from: 'requester', ...exactly(NAME_BYTES) },
  'get-page': { code: 2, from: 'requester', ...exactly(NAME_BYTES + 4) },
  'get-leaves': { code: 3, from: 'requester', ...exactly(NAME_BYTES + 8) },
  cancel: { code: 4, from: 'requester', ...exactly(0) },
  root: { code: 17, from: 'server', bytesMin: 8 + HASH_BYTES, bytesMax: 8 + HASH_BYTES * PAGES_MAX },
  page: { code: 18, from: 'server', bytesMin: HASH_BYTES, bytesMax: HASH_BYTES * PAGE_LEAVES },
  leaf: { code: 19, from: 'server', bytesMin: 4 + LEAF_TAG_BYTES, bytesMax: 4 + LEAF_BYTES },
  end: { code: 20, from: 'server', ...exactly(0) },
  refused: { code: 21, from: 'server', ...exactly(1) },
} as const satisfies Record<(RequestFrame | AnswerFrame)['kind'], FrameShape>;

type FrameKind = keyof typeof SEGMENT_FRAMES;

const KINDS = new Map(Object.entries(SEGMENT_FRAMES).map(([kind, { code }]) => [code as number, kind as FrameKind]));
const REASONS: readonly RefusalReason[] = ['unavailable', 'failed'];

function u32(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of values.entries()) view.setUint32(4 * i, value);
  return bytes;
}

function fieldsOf(frame: RequestFrame | AnswerFrame): Uint8Array[] {
  switch (frame.kind) {
    case 'get-root':
      return [nameToBytes(frame.name)];
    case 'get-page':
      return [nameToBytes(frame.name), u32(frame.page)];
    case 'get-leaves':
      return [nameToBytes(frame.name), u32(frame.first, frame.count)];
    case 'root':
      return [frame.rootRecord];
    case 'page':
      return [frame.leafHashes];
    case 'leaf':
      return [u32(frame.leaf), frame.bytes];
    case 'refused':
      return [Uint8Array.of(REASONS.indexOf(frame.reason) + 1)];
    case 'cancel':
    case 'end':
      return [];
  }
}

export const encodeSegmentFrame = (frame: RequestFrame | AnswerFrame): Uint8Array =>
  concatBytes([Uint8Array.of(SEGMENT_FRAMES[frame.kind].code), u32(frame.request), ...fieldsOf(frame)]);

const fault = (reason: FrameFault['reason']): FrameFault => ({ kind: 'fault', reason });

/** The frame that a requester sent, or what is wrong with it. What is returned encodes to the same bytes. */
export const decodeRequest = (bytes: Uint8Array): RequestFrame | FrameFault =>
  decode(bytes, 'requester') as RequestFrame | FrameFault;

/** The frame that a server sent, or what is wrong with it. Its parts share memory with `bytes`. */
export const decodeAnswer = (bytes: Uint8Array): AnswerFrame | FrameFault =>
  decode(bytes, 'server') as AnswerFrame | FrameFault;

function decode(bytes: Uint8Array, from: FrameShape['from']): RequestFrame | AnswerFrame | FrameFault {
  const kind = KINDS.get(bytes[0] ?? 0);
  if (!kind || SEGMENT_FRAMES[kind].from !== from) return fault('frame-kind');
  const { bytesMin, bytesMax } = SEGMENT_FRAMES[kind];
  const body = bytes.subarray(HEAD_BYTES);
  if (bytes.length < HEAD_BYTES || body.length < bytesMin || body.length > bytesMax) return fault('frame-length');
  const request = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
  const view = new DataView(body.buffer, body.byteOffset);
  const name = () => toHex(body.subarray(0, NAME_BYTES)) as SealedName;
  switch (kind) {
    case 'get-root':
      return { kind, request, name: name() };
    case 'get-page': {
      const page = view.getUint32(NAME_BYTES);
      return page < PAGES_MAX ? { kind, request, name: name(), page } : fault('frame-value');
    }
    case 'get-leaves': {
      const [first, count] = [view.getUint32(NAME_BYTES), view.getUint32(NAME_BYTES + 4)];
      const isSound = count > 0 && count <= REQUEST_LEAVES_MAX && first < LEAVES_MAX;
      return isSound ? { kind, request, name: name(), first, count } : fault('frame-value');
    }
    case 'root':
      return (body.length - 8) % HASH_BYTES === 0 ? { kind, request, rootRecord: body } : fault('frame-length');
    case 'page':
      return body.length % HASH_BYTES === 0 ? { kind, request, leafHashes: body } : fault('frame-length');
    case 'leaf':
      return { kind, request, leaf: view.getUint32(0), bytes: body.subarray(4) };
    case 'refused': {
      const reason = REASONS[body[0]! - 1];
      return reason ? { kind, request, reason } : fault('frame-value');
    }
    case 'cancel':
    case 'end':
      return { kind, request };
  }
}

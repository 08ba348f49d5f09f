import { type AnswerFrame, encodeSegmentFrame, REQUEST_LEAVES_MAX, type RequestFrame } from './frames.ts';
import type { FrameChannel } from './ports.ts';
import type { SealedName } from './sealed-segment.ts';
import type { TransferTask } from './transfer.ts';
import type { Wanted } from './wanted.ts';

/** Leaves, roots and pages that a peer may owe: a mebibyte, which keeps a fast link busy. */
const OWED_MAX = 64;
/** The first request of a peer that nothing is known of. */
const REQUEST_LEAVES_FIRST = 4;

/** Something that a peer was asked for and has not ended. */
export interface OpenRequest {
  readonly wanted: Wanted;
  readonly task: TransferTask;
  /** The leaf that must come next. */
  next: number;
  readonly askedAt: number;
  /** Bytes of the allowance that are set aside for what has not come yet. */
  reserved: number;
  /** What is left of it goes to another peer once this one has said where it stopped. */
  isCancelled: boolean;
  /** What is left of it went to another peer already. */
  isGivenBack: boolean;
}

/** A peer that is asked for segments, and what it owes. */
export interface FetchPeer {
  readonly id: string;
  readonly channel: FrameChannel;
  readonly requests: Map<number, OpenRequest>;
  /** Leaves that one request asks for: doubled when the peer keeps up, halved when it is too slow. */
  requestLeaves: number;
  lastHeard: number;
  /** It owes something and says nothing; it is asked for nothing more until it does. */
  isSilent: boolean;
  /** It has answered something over this line. */
  hasAnswered: boolean;
  nextRequest: number;
}

export const createFetchPeer = (id: string, channel: FrameChannel, now: number): FetchPeer => ({
  id,
  channel,
  requests: new Map(),
  requestLeaves: REQUEST_LEAVES_FIRST,
  lastHeard: now,
  isSilent: false,
  hasAnswered: false,
  nextRequest: 0,
});

/** What is left of a request, as a task for somebody else. */
export const restOf = ({ task, next }: OpenRequest): TransferTask =>
  task.kind === 'leaves' ? { ...task, first: next } : task;

export const leavesLeft = ({ task, next }: OpenRequest): number => (task.kind === 'leaves' ? task.end - next : 0);

/**
 * Who is asked first: whoever has nothing to do, then the fastest. Otherwise what was taken from a slow peer for an idle one
 * would go back to the slow one, without end.
 */
export const byUse = (left: FetchPeer, right: FetchPeer): number =>
  Number(left.requests.size > 0) - Number(right.requests.size > 0) || right.requestLeaves - left.requestLeaves;

/** True while the peer may be asked for more. */
export function hasRoom(peer: FetchPeer): boolean {
  let owed = 0;
  for (const request of peer.requests.values()) owed += request.task.kind === 'leaves' ? leavesLeft(request) : 1;
  return !peer.isSilent && owed <= Math.min(OWED_MAX, 4 * peer.requestLeaves) - peer.requestLeaves;
}

export function frameFor(request: number, name: SealedName, task: TransferTask): RequestFrame {
  if (task.kind === 'root') return { kind: 'get-root', request, name };
  if (task.kind === 'page') return { kind: 'get-page', request, name, page: task.page };
  return { kind: 'get-leaves', request, name, first: task.first, count: task.end - task.first };
}

export const encodeCancel = (request: number): Uint8Array => encodeSegmentFrame({ kind: 'cancel', request });

/** True when the frame may follow in the answer to this request. */
export function isAnswerTo({ task, next }: OpenRequest, frame: AnswerFrame): boolean {
  if (frame.kind === 'refused') return true;
  if (task.kind !== 'leaves') return frame.kind === task.kind;
  return frame.kind === 'end' || (frame.kind === 'leaf' && frame.leaf === next && next < task.end);
}

export const growRequests = (peer: FetchPeer): void => {
  peer.requestLeaves = Math.min(REQUEST_LEAVES_MAX, peer.requestLeaves * 2);
};

export const shrinkRequests = (peer: FetchPeer): void => {
  peer.requestLeaves = Math.max(1, peer.requestLeaves >> 1);
};

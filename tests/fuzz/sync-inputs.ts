/** Everything that other devices send, piece by piece, and what may become of it when it is damaged. */
import { readFileSync } from 'node:fs';
import { type ErrorCode, fromHex, isGranaryError, type SegmentHash, toHex } from '#core/kernel/index.ts';
import { nodeOneTimeCipher } from '#sync/access/adapters/node-one-time-cipher.ts';
import {
  decodeGrantRecord,
  decodeRecoverRecord,
  decodeRecoveryStatement,
  decodeRekeyRecord,
  decodeRevokeRecord,
  decodeShareKeyRecord,
  decodeSpaceRecord,
  decodeTicket,
  openBody,
  readSealedBody,
} from '#sync/access/index.ts';
import { goldenFiles } from '#sync/access/testing/golden-space.ts';
import {
  type AssetOperation,
  decodeAssetReplica,
  decodeAssetState,
  encodeAssetReplica,
  encodeAssetState,
  foldAsset,
  projectAsset,
} from '#sync/documents/index.ts';
import { deps as documentDeps } from '#sync/documents/testing/authors.ts';
import { goldenOperations } from '#sync/documents/testing/golden-story.ts';
import { decodeAcknowledgeRecord, decodeSnapshotRecord, joinPieces } from '#sync/compaction/index.ts';
import { checkForkProof, decodeEnvelope, registeredLog, splitOperation } from '#sync/log/index.ts';
import { blake3, ed25519 } from '#sync/log/testing/fixtures.ts';
import { goldenEncodings, goldenForkProof } from '#sync/log/testing/golden-logs.ts';
import { bytesOf, signChain } from '#sync/log/testing/signed-logs.ts';
import { decodeAddresses } from '#sync/peers/address-frames.ts';
import { decodeJoinRequest, decodeJoinVerdict } from '#sync/peers/join-frames.ts';
import { decodeFrame } from '#sync/reconcile/frames.ts';
import { FRAME_NAMES, randomFrame } from '#sync/reconcile/testing/random-frames.ts';
import {
  SEAL_KEY_BYTES,
  encodeSealedSegment,
  decodeSealedSegment,
  type SealedName,
} from '#sync/segments/sealed-segment.ts';
import { decodeAnnouncement } from '#sync/segments/announcement.ts';
import { decodeAnswer, decodeRequest } from '#sync/segments/frames.ts';
import { decodeAsk, decodePledgeAnswer } from '#sync/segments/pledge-frames.ts';
import { decodePledge } from '#sync/segments/pledges.ts';
import { FrameDecoder, FrameError, encodeFrame } from '#sync/transport/frame-codec.ts';
import { createDice } from './dice.ts';

/** One kind of input. */
export interface SyncInput {
  readonly name: string;
  /** Inputs that are right, to be damaged. */
  readonly golden: readonly Uint8Array[];
  /** What becomes of an input: `accepted`, or why not. Throws for what must not happen. */
  readonly read: (bytes: Uint8Array) => string;
}

const fileOf = (path: string): string => readFileSync(new URL(`../golden/${path}`, import.meta.url), 'utf8');
const bytesOfFile = (path: string): Uint8Array =>
  Uint8Array.from(readFileSync(new URL(`../golden/${path}`, import.meta.url)));
const framesOf = (path: string): Uint8Array[] => (JSON.parse(fileOf(path)) as string[]).map(fromHex);

/** Reads by a function that throws typed errors of these codes alone. */
const refusing =
  (read: (bytes: Uint8Array) => unknown, ...codes: readonly ErrorCode[]) =>
  (bytes: Uint8Array): string => {
    try {
      read(bytes);
      return 'accepted';
    } catch (error) {
      const code = isGranaryError(error) && codes.find((one) => one === error.code);
      if (code) return code;
      throw error;
    }
  };

/** Reads by a function that returns what is wrong. */
const returning =
  (read: (bytes: Uint8Array) => { readonly kind: string } | undefined) =>
  (bytes: Uint8Array): string => {
    const is = read(bytes);
    if (!is) return 'undefined';
    return is.kind === 'fault' ? String((is as { readonly reason?: string }).reason) : 'accepted';
  };

const peers = JSON.parse(fileOf('peers-v1/frames.json')) as {
  readonly requests: readonly string[];
  readonly verdicts: Readonly<Record<string, string>>;
  readonly addresses: readonly string[];
};
const announcement = JSON.parse(fileOf('sealed-v1/announcement.json')) as { readonly record: string };

/** Cuts bytes of a line into frames, in pieces of seven bytes. */
function cutFrames(bytes: Uint8Array): string {
  const decoder = new FrameDecoder(1000);
  try {
    for (let from = 0; from < bytes.length; from += 7) {
      for (const frame of decoder.push(bytes.subarray(from, from + 7))) {
        if (frame.length > 1000) throw new Error('a frame is longer than allowed');
      }
    }
    return 'accepted';
  } catch (error) {
    if (error instanceof FrameError) return error.fault;
    throw error;
  }
}

const space = goldenFiles();
const records = Object.entries(space).flatMap(([name, bytes]) => (name.endsWith('.cbor') ? [bytes] : []));
const bodies = Object.entries(space).flatMap(([name, bytes]) => (name.startsWith('body') ? [bytes] : []));
const operations = bytesOf(signChain(6));
const envelopes = Object.entries(goldenEncodings()).flatMap(([name, bytes]) =>
  name.startsWith('envelope') ? [bytes] : [],
);
const story = goldenOperations();
const told = (kind: 'record' | 'yjs-update') => story.filter(({ content }) => content.kind === kind);
const segments = [1, 2].map((fill) =>
  encodeSealedSegment({
    name: String(fill).repeat(64) as SealedName,
    key: new Uint8Array(SEAL_KEY_BYTES).fill(fill),
    hash: String(fill).repeat(64) as SegmentHash,
    byteCount: fill * 1000,
  }),
);
const place = { author: new Uint8Array(32).fill(1), logId: new Uint8Array(32).fill(2), seq: 0, backlink: undefined };

/** Folds an operation whose content is the input in place of one of the story, and looks at what comes out. */
function foldInstead(kind: 'record' | 'yjs-update') {
  return (bytes: Uint8Array): string => {
    const [first] = told(kind);
    const at = story.indexOf(first!);
    const changed: AssetOperation[] = story
      .slice(0, at + 1)
      .map((operation, i) => (i === at ? { ...operation, content: { kind, bytes } } : operation));
    const { state, refused } = foldAsset(documentDeps, undefined, changed);
    projectAsset(documentDeps, state);
    decodeAssetReplica({ blake3 }, encodeAssetReplica({ blake3 }, state));
    return refused.find(({ id }) => id === first!.id)?.reason ?? 'accepted';
  };
}

export const SYNC_INPUTS: readonly SyncInput[] = [
  {
    name: 'frames of sync sessions',
    golden: FRAME_NAMES.flatMap((name) => [1, 2, 3].map((seed) => randomFrame(createDice(seed), name).bytes)),
    read: refusing(decodeFrame, 'SYNC_REFUSED'),
  },
  {
    name: 'bytes of a line',
    golden: [[5, 0, 127], [128, 1000], [999]].map((sizes) =>
      Buffer.concat(sizes.map((size) => encodeFrame(new Uint8Array(size).fill(0xff)))),
    ),
    read: cutFrames,
  },
  {
    name: 'requests to join',
    golden: peers.requests.map(fromHex),
    read: refusing(decodeJoinRequest, 'OPERATION_INVALID'),
  },
  {
    name: 'verdicts on joining',
    golden: Object.values(peers.verdicts).map(fromHex),
    read: refusing(decodeJoinVerdict, 'OPERATION_INVALID'),
  },
  {
    name: 'lists of addresses',
    golden: peers.addresses.map(fromHex),
    read: refusing(decodeAddresses, 'OPERATION_INVALID'),
  },
  {
    name: 'announcements of segments',
    golden: [fromHex(announcement.record)],
    read: refusing(decodeAnnouncement, 'OPERATION_INVALID'),
  },
  { name: 'requests for segments', golden: framesOf('sealed-v1/frames.json'), read: returning(decodeRequest) },
  { name: 'answers of segments', golden: framesOf('sealed-v1/frames.json'), read: returning(decodeAnswer) },
  { name: 'requests for pledges', golden: framesOf('pledge-v1/frames.json'), read: returning(decodeAsk) },
  { name: 'answers of pledges', golden: framesOf('pledge-v1/frames.json'), read: returning(decodePledgeAnswer) },
  {
    name: 'pledges',
    golden: (JSON.parse(fileOf('pledge-v1/pledges.json')) as { readonly pledge: string }[]).map(({ pledge }) =>
      fromHex(pledge),
    ),
    read: (bytes) => (decodePledge(bytes) ? 'accepted' : 'undefined'),
  },
  { name: 'sealed segments of manifests', golden: segments, read: refusing(decodeSealedSegment, 'FORMAT_INVALID') },
  {
    name: 'control records',
    golden: records,
    read(bytes) {
      const decoders = [
        decodeSpaceRecord,
        decodeGrantRecord,
        decodeRevokeRecord,
        decodeRekeyRecord,
        decodeShareKeyRecord,
        decodeRecoverRecord,
        decodeRecoveryStatement,
      ];
      const verdicts = decoders.map((decode) => refusing(decode, 'OPERATION_INVALID')(bytes));
      return verdicts.find((verdict) => verdict === 'accepted') ?? verdicts[0]!;
    },
  },
  {
    name: 'sealed bodies',
    golden: bodies,
    read: refusing((bytes) => {
      const key = new Uint8Array(32).fill(3);
      if (openBody({ blake3, cipher: nodeOneTimeCipher }, key, place, readSealedBody(bytes))) throw new Error('opened');
    }, 'OPERATION_INVALID'),
  },
  {
    name: 'tickets',
    golden: [Buffer.from(space['ticket.txt']!)],
    read: refusing((bytes) => decodeTicket(blake3, Buffer.from(bytes).toString('latin1')), 'TICKET_INVALID'),
  },
  {
    name: 'operations',
    golden: operations,
    read: refusing(
      (bytes) => {
        const operation = splitOperation({ blake3 }, bytes);
        registeredLog(blake3, '01890a5d-ac96-774b-bcce-b302099a8057' as never, operation);
      },
      'OPERATION_INVALID',
      'LIMIT_EXCEEDED',
    ),
  },
  { name: 'envelopes', golden: envelopes, read: refusing(decodeEnvelope, 'OPERATION_INVALID') },
  {
    name: 'proofs of forks',
    golden: [goldenForkProof],
    read: refusing((bytes) => checkForkProof({ blake3, ed25519 }, bytes), 'OPERATION_INVALID', 'LIMIT_EXCEEDED'),
  },
  {
    name: 'updates of documents',
    golden: told('yjs-update').map(({ content }) => content.bytes),
    read: foldInstead('yjs-update'),
  },
  {
    name: 'records of versions, lineage and removals',
    golden: told('record').map(({ content }) => content.bytes),
    read: foldInstead('record'),
  },
  {
    name: 'states of assets',
    golden: [encodeAssetState(documentDeps, foldAsset(documentDeps, undefined, story).state)],
    read: refusing((bytes) => {
      const state = decodeAssetState(documentDeps, bytes);
      projectAsset(documentDeps, state);
      decodeAssetReplica({ blake3 }, encodeAssetReplica({ blake3 }, state));
      foldAsset(documentDeps, state, story);
    }, 'OPERATION_INVALID'),
  },
  {
    name: 'snapshots and acknowledgements',
    golden: ['snapshot', 'story', 'piece', 'acknowledge'].map((name) => bytesOfFile(`compaction-v1/${name}.cbor`)),
    read(bytes) {
      const one = { ...decodeSnapshotRecord(bytesOfFile('compaction-v1/snapshot.cbor')), byteCount: 11 };
      const decoders = [
        decodeSnapshotRecord,
        decodeAcknowledgeRecord,
        (piece: Uint8Array) => joinPieces({ blake3 }, one, [piece]),
      ];
      const verdicts = decoders.map((decode) => refusing(decode, 'OPERATION_INVALID')(bytes));
      return verdicts.find((verdict) => verdict === 'accepted') ?? verdicts[0]!;
    },
  },
];

export const nameOfInput = (bytes: Uint8Array): string => toHex(bytes.subarray(0, 64));

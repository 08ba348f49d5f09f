/**
 * What one batch of operations makes of the assets of a space: bodies are opened, judged, and folded into replicas. Nothing
 * but what is handed in decides what comes out, so that it can be done on any thread, and done again.
 */
import type { Uuid } from '#core/kernel/index.ts';
import type { AccessState, ControlOperation } from '#sync/access/index.ts';
import {
  type AssetOperation,
  type AssetProjection,
  decodeAssetReplica,
  type DocumentDeps,
  encodeAssetReplica,
  foldAsset,
  projectAsset,
} from '#sync/documents/index.ts';
import type { LogName, OperationPlace } from '#sync/log/index.ts';
import type { KnownAnnouncement } from './announced-segments.ts';
import type { Keyring } from './keyring.ts';
import { createOperationReader, type WaitReason } from './read-operation.ts';
import type { SpaceRecord } from './space-record.ts';

/** Assets whose replicas are held opened at one time, and are folded before others may run. */
const ASSETS_AT_ONCE = 64;
/** Operations that are opened before others may run: some milliseconds of work. */
const BREATH_OPERATIONS = 128;

/** By what the operations of a space are opened and judged, as it was at one moment. */
export interface Judge {
  readonly record: Pick<SpaceRecord, 'space'>;
  readonly genesisId: Uint8Array;
  /** Which `access` follows from. */
  readonly control: readonly ControlOperation[];
  readonly access: AccessState;
  readonly keyring: Keyring;
  open(place: OperationPlace, body: Uint8Array): Uint8Array | { readonly locked: string } | undefined;
}

/** Operations of a data log, one after another, whose signatures hold. */
export interface LogPiece extends LogName {
  /** The seq of the first one. */
  readonly from: number;
  /** The control operations that the author had said before it to have seen, in hexadecimal digits. */
  readonly heads: readonly string[];
  readonly operations: readonly Uint8Array[];
}

/** How far a piece was applied. */
export interface FoldedPiece {
  /** The seq of the first one that waits, or follows. */
  readonly next: number;
  /** What the author had said until then. */
  readonly heads: readonly string[];
  /** From this seq on a revocation makes them void; `next` when none does. */
  readonly voidFrom: number;
  readonly waitsFor: Exclude<WaitReason, 'signature'> | undefined;
}

export interface FoldedAsset {
  readonly asset: Uuid;
  /** Its replica, encoded. */
  readonly replica: Uint8Array;
  /** What it says. */
  readonly projection: AssetProjection;
  readonly mustRebuild: boolean;
}

export interface Folded {
  readonly pieces: readonly FoldedPiece[];
  /** Operations without effect, by reason. */
  readonly refused: ReadonlyMap<string, number>;
  readonly announced: readonly KnownAnnouncement[];
}

/** Where replicas come from and go to, some at a time. */
export interface ReplicaExchange {
  /** Encoded, in the order of `assets`; undefined before the first operation. */
  read(assets: readonly Uuid[]): Promise<readonly (Uint8Array | undefined)[]>;
  take(folded: readonly FoldedAsset[]): void;
}

/** Folds batches of a space. Errors: `STORE_DAMAGED`, those of `exchange`. */
export type FoldOperations = (judge: Judge, pieces: readonly LogPiece[], exchange: ReplicaExchange) => Promise<Folded>;

export interface FoldDeps extends DocumentDeps {
  /** Lets others run between two pieces of work. */
  readonly breathe: () => Promise<void>;
}

/** Folds on this thread. */
export const foldHere =
  (deps: FoldDeps): FoldOperations =>
  async (judge, pieces, exchange) => {
    const { byAsset, refused, ...read } = await readPieces(deps, judge, pieces);
    const assets = [...byAsset.keys()];
    const readNext = (from: number) => {
      const replicas = exchange.read(assets.slice(from, from + ASSETS_AT_ONCE));
      // What is wrong is met where it is awaited, unless something else has gone wrong before.
      replicas.catch(() => undefined);
      return replicas;
    };
    for (let from = 0, coming = readNext(0); from < assets.length;) {
      const replicas = await coming;
      const end = from + replicas.length;
      if (end < assets.length) coming = readNext(end);
      const folded = replicas.map((bytes, i): FoldedAsset => {
        const asset = assets[from + i]!;
        const known = bytes && decodeAssetReplica(deps, bytes);
        const result = foldAsset(deps, known, byAsset.get(asset)!);
        // What was refused for want of room may come again.
        for (const { reason } of result.refused) if (reason !== 'waiting-full') addTo(refused, reason, 1);
        const { state, mustRebuild } = result;
        return { asset, replica: encodeAssetReplica(deps, state), projection: projectAsset(deps, state), mustRebuild };
      });
      exchange.take(folded);
      from = end;
      await deps.breathe();
    }
    return { ...read, refused };
  };

/** Opens and judges operations, up to the first of each piece that waits. */
async function readPieces({ blake3, breathe }: FoldDeps, judge: Judge, pieces: readonly LogPiece[]) {
  const byAsset = new Map<Uuid, AssetOperation[]>();
  const refused = new Map<string, number>();
  const announced: KnownAnnouncement[] = [];
  const folded: FoldedPiece[] = [];
  for (const { author, logId, from, heads, operations } of pieces) {
    const reader = createOperationReader(judge, judge.access, blake3, { author, logId }, heads);
    let next = from;
    let voidFrom = from;
    let waitsFor: FoldedPiece['waitsFor'];
    for (const bytes of operations) {
      const read = reader.read(bytes);
      if (read.kind === 'waits') {
        waitsFor = read.for;
        break;
      }
      if (voidFrom === next && !reader.isVoid) voidFrom += 1;
      next += 1;
      if (read.kind === 'refused') addTo(refused, read.reason, 1);
      if (read.kind === 'announced') announced.push(...read.segments);
      if (read.kind === 'asset') {
        if (read.isForbidden) addTo(refused, 'forbidden', 1);
        const others = byAsset.get(read.asset);
        if (others) others.push(read.operation);
        else byAsset.set(read.asset, [read.operation]);
      }
      if (next % BREATH_OPERATIONS === 0) await breathe();
    }
    folded.push({ next, heads: reader.heads, voidFrom, waitsFor });
  }
  return { byAsset, refused, announced, pieces: folded };
}

function addTo<K>(counts: Map<K, number>, key: K, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
}

import type { MessagePort } from 'node:worker_threads';
import { asGranaryError } from '#core/kernel/index.ts';
import { type OpenBodyDeps, resolveAccess } from '#sync/access/index.ts';
import type { DocumentDeps } from '#sync/documents/index.ts';
import type { Ed25519 } from '#sync/log/index.ts';
import { type Folded, foldHere, type Judge, type ReplicaExchange } from '../fold-operations.ts';
import { openWith } from '../keyring.ts';
import {
  type FromFoldThread,
  type JudgeMessage,
  packBytes,
  type PieceMessage,
  type ToFoldThread,
  unpackBytes,
} from './fold-messages.ts';

export interface AnswerFoldsDeps extends DocumentDeps, OpenBodyDeps {
  readonly ed25519: Ed25519;
}

/**
 * What the thread of a `FoldThread` does: takes one batch at a time, asks for the replicas that it needs and hands back
 * what becomes of them.
 */
export function answerFolds(port: MessagePort, deps: AnswerFoldsDeps): void {
  // Nobody else runs here.
  const fold = foldHere({ ...deps, breathe: async () => undefined });
  /** Of the batch before. */
  let judge: Judge | undefined;
  /** Who waits for replicas, in the order in which they asked. */
  const waiting: ((replicas: (Uint8Array | undefined)[]) => void)[] = [];

  const send = (message: FromFoldThread, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer);

  const exchange: ReplicaExchange = {
    read: (assets) =>
      new Promise((resolve) => {
        waiting.push(resolve);
        send({ kind: 'wanted', assets });
      }),
    take(folded) {
      const replicas = packBytes(folded.map(({ replica }) => replica));
      const assets = folded.map(({ replica: _, ...rest }) => rest);
      send({ kind: 'folded', assets, replicas }, [replicas.bytes.buffer]);
    },
  };

  const judgeOf = ({ space, genesisId, control, keyring }: JudgeMessage): Judge => ({
    record: { space },
    genesisId,
    control,
    access: resolveAccess(deps, genesisId, control),
    keyring,
    open: (place, body) => openWith(deps, keyring, place, body),
  });

  async function foldBatch(message: JudgeMessage | undefined, pieces: readonly PieceMessage[]): Promise<Folded> {
    if (message) judge = judgeOf(message);
    const unpacked = pieces.map((piece) => ({ ...piece, operations: unpackBytes(piece.operations) as Uint8Array[] }));
    return fold(judge!, unpacked, exchange);
  }

  port.on('message', (message: ToFoldThread) => {
    if (message.kind === 'replicas') return waiting.shift()!(unpackBytes(message.replicas));
    foldBatch(message.judge, message.pieces).then(
      (folded) => send({ kind: 'done', folded }),
      (error: unknown) => {
        const { code, message: text, details } = asGranaryError(error);
        send({ kind: 'failed', code, message: text, details });
      },
    );
  });
}

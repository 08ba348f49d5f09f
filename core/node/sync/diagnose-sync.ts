import { type AbortOptions, throwIfAborted } from '#core/kernel/index.ts';
import type { KeyValueStore } from '#core/platform/ports.ts';
import {
  type Ed25519,
  type Blake3,
  type IncarnationMarker,
  isPruned,
  isSigned,
  type LogStore,
  splitStored,
} from '#sync/log/index.ts';
import type { PeerOutput } from '#sync/peers/index.ts';
import type { OpenSpace, Spaces } from '#sync/spaces/index.ts';
import { broken, type Check, check, ok } from '../diagnose.ts';

export interface DiagnoseSyncDeps {
  readonly store: KeyValueStore;
  readonly logs: LogStore;
  readonly spaces: Spaces;
  readonly marker: IncarnationMarker;
  readonly blake3: Blake3;
  readonly ed25519: Ed25519;
  readonly listPeers: () => Promise<readonly PeerOutput[]>;
}

/** Looks at the spaces of a node, their logs and its peers; nothing on a node that is in no space. */
export async function diagnoseSync(deps: DiagnoseSyncDeps, options: AbortOptions): Promise<Check[]> {
  const opened = await deps.spaces.opened();
  if (opened.size === 0) return [];
  await deps.spaces.settle();
  const checks = [await check('incarnation marker', () => describeMarker(deps))];
  for (const space of opened.values()) {
    const subject = `space ${space.record.name}`;
    checks.push(await check(subject, () => describeLogs(deps, space, subject, options)));
    checks.push(await check(subject, async () => describeWaiting(deps, space, subject)));
  }
  checks.push(await check('peers', () => describePeers(deps)));
  return checks;
}

async function describeMarker({ marker }: DiagnoseSyncDeps): Promise<Check> {
  const subject = 'incarnation marker';
  if (await marker.read()) return ok(subject, 'is there: a restored copy of the home would be noticed');
  return { subject, state: 'missing', text: 'not there; the next change in a space writes it' };
}

/** Reads every operation of a space again and checks its chain and its signature. */
async function describeLogs(
  { logs, blake3, ed25519 }: DiagnoseSyncDeps,
  { store }: OpenSpace,
  subject: string,
  { signal }: AbortOptions,
): Promise<Check> {
  let [operationCount, prunedCount, forkCount] = [0, 0, 0];
  for (const { author, logId } of store.logs()) {
    const head = await logs.tip(author, logId);
    if (head?.frozenFrom !== undefined) forkCount += 1;
    let seq = 0;
    for await (const bytes of logs.operationsFrom(author, logId, 0)) {
      throwIfAborted(signal);
      const operation = splitStored({ blake3 }, bytes);
      if (operation.header.seq !== seq || !isSigned({ ed25519 }, operation)) {
        return broken(
          subject,
          `operation ${seq} of a log is not the one that its author signed; restore the home from a backup`,
        );
      }
      seq += 1;
      operationCount += 1;
      if (isPruned(operation)) prunedCount += 1;
    }
  }
  const pruned = prunedCount === 0 ? '' : `, ${prunedCount} of them without the bodies that snapshots stand for`;
  const forks = forkCount === 0 ? '' : `; ${forkCount} logs have two continuations`;
  return ok(subject, `${operationCount} operations in ${store.logs().length} logs, signatures hold${pruned}${forks}`);
}

function describeWaiting({ spaces }: DiagnoseSyncDeps, { record }: OpenSpace, subject: string): Check {
  const report = spaces.reports().get(record.space);
  const waiting = [...(report?.projection.waiting ?? [])].map(
    ([reason, count]) => `${count} operations wait (${reason})`,
  );
  const refused = [...(report?.refusedAssets.values() ?? [])].map((reason) => `an asset is not taken in: ${reason}`);
  const faults = [
    ...waiting,
    ...refused,
    ...(report?.publishFault ? [`changes are not told: ${report.publishFault}`] : []),
  ];
  return faults.length === 0 ? ok(subject, 'nothing waits') : { subject, state: 'missing', text: faults.join('; ') };
}

async function describePeers({ listPeers }: DiagnoseSyncDeps): Promise<Check> {
  const peers = await listPeers();
  const connected = peers.filter(({ isConnected }) => isConnected).length;
  const met = peers.filter(({ lastContact }) => lastContact !== null).length;
  return ok('peers', `${peers.length} other devices, ${met} met so far, ${connected} connected`);
}

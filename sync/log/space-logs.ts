import { type Clock, equalBytes, GranaryError, type Random, toHex, type Uuid } from '#core/kernel/index.ts';
import { encodeEnvelope, type Envelope } from './envelope.ts';
import { type Incarnation, type IncarnationDeps, renewIncarnation } from './incarnation.ts';
import {
  controlLogOf,
  LOG_RANDOM_BYTES,
  type LogKind,
  type LogRegistration,
  type RegisteredLog,
  registeredLog,
  registrationEnvelope,
  spaceLogId,
} from './log-registration.ts';
import type { LogName } from './log-keys.ts';
import type { LogHead, LogState } from './log-state.ts';
import type { ExtendOptions, LogStore } from './log-store.ts';
import { joinOperation, signOperation, splitStored } from './operation.ts';
import type { Blake3, SigningKey } from './ports.ts';

export interface SpaceLogsDeps extends IncarnationDeps {
  readonly logs: LogStore;
  readonly key: SigningKey;
  readonly clock: Clock;
  readonly random: Random;
  readonly blake3: Blake3;
}

/** The place of an operation that is about to be signed. */
export interface OperationPlace extends LogName {
  readonly seq: number;
  /** Id of the operation before, 32 bytes; undefined for the first. */
  readonly backlink: Uint8Array | undefined;
}

export interface AppendOptions extends ExtendOptions {
  /** Makes the body of an envelope at its place: encrypts it. Without it the envelope itself is the body. */
  readonly seal?: ((envelope: Uint8Array, place: OperationPlace) => Uint8Array) | undefined;
  /** Called with the ids before the batch is written: what depends on them can still be added to `alsoWrite`. */
  readonly onSigned?: ((operationIds: readonly string[]) => void) | undefined;
}

/** The two logs that this device writes in one space. */
export interface SpaceLogs {
  readonly incarnation: number;
  readonly controlLogId: Uint8Array;
  readonly dataLogId: Uint8Array;
  /**
   * Signs what the envelopes say as the next operations of the log, and stores them in one synced batch; only then may
   * they be sent. `alsoWrite` goes into the same batch. Errors: `LOG_FORKED` when the log has ended because of a fork: open the space's logs again, which goes
   * on in new ones. `LIMIT_EXCEEDED`, `STORE_DAMAGED`, those of the store.
   */
  append(
    kind: LogKind,
    envelopes: readonly Omit<Envelope, 'space'>[],
    options?: AppendOptions,
  ): Promise<{ operationIds: string[] }>;
}

/**
 * Finds the logs of this device in `space`, or begins them: at first, in a new incarnation, and after a fork of one of
 * them, which starts a new incarnation. Errors: `LIMIT_EXCEEDED`, `STORE_DAMAGED`, those of the store and the marker.
 */
export async function openSpaceLogs(deps: SpaceLogsDeps, space: Uuid, opened: Incarnation): Promise<SpaceLogs> {
  const own = await findOwnLogs(deps, space);
  const isForked = own.some(({ incarnation, frozenFrom }) => incarnation === opened.number && frozenFrom !== undefined);
  const { number: incarnation } = isForked ? await renewIncarnation(deps) : opened;
  const find = (kind: LogKind) => own.find((log) => log.kind === kind && log.incarnation === incarnation);
  const newLog = (kind: LogKind): LogRegistration => ({
    kind,
    incarnation,
    random: deps.random.bytes(LOG_RANDOM_BYTES),
  });
  const found = { control: find('control'), data: find('data') };
  if (found.control && found.data) return createSpaceLogs(deps, space, incarnation, found.control, found.data);
  const [control, data] = [newLog('control'), newLog('data')];
  const controlLogId = spaceLogId(deps.blake3, space, control);
  const dataLogId = spaceLogId(deps.blake3, space, data);
  const begun = createSpaceLogs(deps, space, incarnation, { logId: controlLogId }, { logId: dataLogId });
  const stamp = { clock: { wall: deps.clock.now(), counter: 0 }, dependencies: [] };
  await begun.append(
    'control',
    [control, data].map((registration) => registrationEnvelope(space, registration, stamp)),
  );
  return begun;
}

interface OwnLog extends RegisteredLog {
  readonly frozenFrom: number | undefined;
}

/** What this device has registered in the space, in all its incarnations. */
async function findOwnLogs({ logs, key, blake3 }: SpaceLogsDeps, space: Uuid): Promise<OwnLog[]> {
  const heads: LogHead[] = [];
  for await (const head of logs.tips()) if (equalBytes(head.author, key.publicKey)) heads.push(head);
  const frozenFrom = (logId: Uint8Array) => heads.find((head) => equalBytes(head.logId, logId))?.frozenFrom;
  const own: OwnLog[] = [];
  for (const { author, logId } of heads) {
    for await (const bytes of logs.operationsFrom(author, logId, 0)) {
      const operation = splitStored({ blake3 }, bytes);
      if (operation.header.seq === 0 && !controlLogOf(blake3, space, operation)) break;
      const log = registeredLog(blake3, space, operation);
      if (log) own.push({ ...log, frozenFrom: frozenFrom(log.logId) });
    }
  }
  return own;
}

function createSpaceLogs(
  { logs, key, clock, blake3 }: SpaceLogsDeps,
  space: Uuid,
  incarnation: number,
  control: Pick<RegisteredLog, 'logId'>,
  data: Pick<RegisteredLog, 'logId'>,
): SpaceLogs {
  async function append(kind: LogKind, envelopes: readonly Omit<Envelope, 'space'>[], options: AppendOptions = {}) {
    const { logId } = kind === 'control' ? control : data;
    const author = key.publicKey;
    const plain = envelopes.map((envelope) => encodeEnvelope({ ...envelope, space }));
    const operationIds: string[] = [];
    const sign = (state: LogState): Uint8Array[] => {
      if (state.frozenFrom !== undefined) throw logForked(space);
      let { tip } = state;
      const operations = plain.map((envelope) => {
        const seq = tip ? tip.seq + 1 : 0;
        const backlink = tip?.operationId;
        const body = options.seal ? options.seal(envelope, { author, logId, seq, backlink }) : envelope;
        const extensions = { logId, timestampMicros: BigInt(clock.now()) * 1000n, pruneFlag: false };
        const operation = signOperation({ key, blake3 }, { seq, backlink, extensions, body });
        tip = { seq, operationId: operation.id };
        operationIds.push(toHex(operation.id));
        return joinOperation(operation);
      });
      options.onSigned?.(operationIds);
      return operations;
    };
    await logs.extend({ author, logId }, sign, options);
    return { operationIds };
  }
  return { incarnation, controlLogId: control.logId, dataLogId: data.logId, append };
}

const logForked = (space: Uuid) =>
  new GranaryError(
    'LOG_FORKED',
    `This device's log of the space ${space} was continued in two ways, as after a restored backup. ` +
      'Open the space again: it goes on in new logs.',
    { space },
  );

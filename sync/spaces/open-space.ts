/**
 * One space on this node: who may do what, the keys, the view that peers compare, and the two logs that this device signs.
 *
 * In a data log an operation of the schema `granary.heads.v1`, about the space, has an empty record: its dependencies are
 * the control operations that its author had seen when it wrote what follows. One of the schema `granary.segments.v1` is not
 * sealed, see `announced-segments.ts`; all others are.
 */
import {
  type Clock,
  equalBytes,
  fromHex,
  GranaryError,
  isGranaryError,
  type Random,
  toHex,
} from '#core/kernel/index.ts';
import { type HybridTime, nextHybridTime } from '#core/catalog/index.ts';
import type { Commit, KeyValueStore } from '#core/platform/ports.ts';
import {
  type AccessState,
  type AgreementKey,
  type ControlOperation,
  includesLevel,
  type OneTimeCipher,
  type KeyPlan,
  planKeys,
  resolveAccess,
  sealBody,
  type SpaceKey,
  writingKey,
  type X25519,
} from '#sync/access/index.ts';
import {
  type Blake3,
  type Ed25519,
  type Envelope,
  type Incarnation,
  type IncarnationMarker,
  type LogName,
  type LogStore,
  type AppendOptions,
  type LogKind,
  openSpaceLogs,
  type OperationPlace,
  renewIncarnation,
  type SigningKey,
  type SignedOperation,
  sortDependencies,
  type SpaceLogs,
} from '#sync/log/index.ts';
import { openSpaceView, type SpaceView } from '#sync/reconcile/index.ts';
import { type AnnouncedSegment, encodeAnnouncements, SEGMENTS_SCHEMA } from '#sync/segments/index.ts';
import { readAppliedLog } from './applied-log.ts';
import { logPathOf, toControlOperation } from './control-operation.ts';
import type { Judge } from './fold-operations.ts';
import { HEADS_SCHEMA } from './heads-schema.ts';
import { type Keyring, openKeyring, openWith } from './keyring.ts';
import type { SpaceRecord } from './space-record.ts';
import { keyRecord } from './sign-keys.ts';
import { openSpaceStore, type SpaceQuotas, type SpaceStore } from './space-store.ts';

export interface SpaceDeps {
  readonly store: KeyValueStore;
  readonly logs: LogStore;
  readonly key: SigningKey;
  readonly agreementKey: AgreementKey;
  readonly marker: IncarnationMarker;
  readonly incarnation: Incarnation;
  readonly clock: Clock;
  readonly random: Random;
  readonly blake3: Blake3;
  readonly ed25519: Ed25519;
  readonly x25519: X25519;
  readonly cipher: OneTimeCipher;
  /** What each space may take here; those of `space-store.ts` when absent. */
  readonly quotas?: SpaceQuotas | undefined;
}

/** A record that is to be signed into the control log. */
export interface ControlRecord {
  readonly schema: string;
  readonly content: Uint8Array;
}

export type DataEnvelope = Pick<Envelope, 'schema' | 'subject' | 'dependencies' | 'content'>;

export interface SignOptions {
  readonly alsoWrite?: Commit;
  readonly onSigned?: (operationIds: readonly string[]) => void;
  /**
   * The data log that the envelopes were made for: an update of a document goes into no other. When this device goes on in
   * another log meanwhile, nothing is signed. Errors: `LOG_FORKED`.
   */
  readonly logId?: Uint8Array;
}

export interface OpenSpace {
  /** Public key of this device, in hexadecimal digits. */
  readonly self: string;
  readonly record: SpaceRecord;
  readonly genesisId: Uint8Array;
  readonly store: SpaceStore;
  readonly view: SpaceView;
  /** As far as the control operations that are here tell. */
  readonly access: AccessState;
  /** The control logs whose end in a fork took away what `access` had had, and where, as text. */
  readonly endedControlLogs: string;
  readonly keyring: Keyring;
  /** What there is now to open and judge operations by; the same object until that changes. */
  judge(): Judge;
  /** Opens the sealed body of an operation at its place. */
  open(place: OperationPlace, body: Uint8Array): Uint8Array | { readonly locked: string } | undefined;
  /**
   * Signs what readers need to have the same key, when `isDue` says so of the plan: several devices can come to the same
   * plan. It is asked about no plan as well. Returns false when nothing was signed.
   */
  healKeys(isDue: (plan: KeyPlan | undefined) => boolean): Promise<boolean>;
  /** Signs records into the control log of this device; returns the ids of their operations. Errors: `FORBIDDEN`. */
  signControl(records: readonly ControlRecord[]): Promise<string[]>;
  /**
   * Signs operations about assets, sealed under a key that nobody but readers has; makes one where that is needed. Returns
   * their ids. Errors: `FORBIDDEN`, `KEY_MISSING` while no device has handed this one the key, `LOG_FORKED` when the log
   * has ended: what is said next goes into a new one, and what was made for the old one has to be made anew.
   */
  signData(envelopes: readonly DataEnvelope[], options?: SignOptions): Promise<string[]>;
  /** Tells devices without a key which sealed segments to keep for the others. Errors: `FORBIDDEN`, `LOG_FORKED`. */
  announce(segments: readonly AnnouncedSegment[]): Promise<void>;
  /** The data log of this device in the space; begun when there is none, or the one before ended in a fork. */
  ownDataLog(): Promise<LogName>;
  /** Goes on in new logs, as after a fork: what is in the present ones waits for what will never count. */
  renewLogs(): Promise<void>;
  /** Takes note of what changed in the logs other than by the view, such as by a late check of signatures. */
  refresh(): Promise<void>;
}

/**
 * Opens a space whose control operations are in the store. `onControlChange` is called when what is allowed may have
 * changed. Errors: `STORE_DAMAGED`, those of the store.
 */
export async function openSpace(deps: SpaceDeps, record: SpaceRecord, onControlChange: () => void): Promise<OpenSpace> {
  const { key, blake3 } = deps;
  const { space } = record;
  const genesisId = fromHex(record.genesisId);
  let control = new Map<string, ControlOperation>();
  let access: AccessState | undefined;
  let endedControlLogs = '';
  /** What could be opened, and of which state of the members. */
  let keyring: { readonly access: AccessState; readonly keys: Keyring } | undefined;
  let judged: Judge | undefined;
  let own: SpaceLogs | undefined;
  let declared: readonly string[] | undefined;
  /** The state of access after keys were signed without effect; until it changes, none are. */
  let futileAt: string | undefined;
  let time: HybridTime = { wall: 0, counter: 0 };

  const readAccess = (): AccessState => (access ??= resolveAccess(deps, genesisId, control.values()));
  const readKeyring = (): Keyring => {
    const now = readAccess();
    if (keyring?.access === now) return keyring.keys;
    const keys = openKeyring(deps, deps.agreementKey, key.publicKey, now, keyring?.keys);
    keyring = { access: now, keys };
    return keys;
  };

  function takeControl(operations: readonly SignedOperation[]): void {
    for (const operation of operations) {
      const statement = toControlOperation(space, operation);
      if (statement) control.set(toHex(operation.id), statement);
    }
    access = undefined;
  }

  const store: SpaceStore = await openSpaceStore(deps, space, {
    incarnation: deps.incarnation.id,
    ...(deps.quotas ? { quotas: deps.quotas } : {}),
    isAdmitted: (author) => toHex(author) === record.founder || readAccess().admitted.has(toHex(author)),
    isMember: (author) => toHex(author) === record.founder || readAccess().members.has(toHex(author)),
    rank: (author) => readAccess().admitted.get(toHex(author)) ?? UNKNOWN_RANK,
    onControl(operations) {
      takeControl(operations);
      onControlChange();
    },
    async onControlCut() {
      const operations = await Array.fromAsync(store.controlOperations());
      control = new Map();
      takeControl(operations);
      endedControlLogs = listEnded(store);
      onControlChange();
    },
  });
  endedControlLogs = listEnded(store);
  const view = await openSpaceView({ blake3 }, genesisId, store);

  const stamp = (): HybridTime => (time = nextHybridTime(time, deps.clock.now()));

  async function openOwn(): Promise<SpaceLogs> {
    if (own) return own;
    own = await openSpaceLogs(deps, space, deps.incarnation);
    await view.refresh();
    return own;
  }

  async function append(
    kind: LogKind,
    envelopes: readonly Omit<Envelope, 'space'>[],
    options?: AppendOptions,
  ): Promise<string[]> {
    const { operationIds } = await (await openOwn()).append(kind, envelopes, options);
    await view.refresh();
    return operationIds;
  }

  /** After a fork of a log of this device, what comes next goes into new logs. */
  async function leaveForked<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (isGranaryError(error, 'LOG_FORKED')) forgetOwn();
      throw error;
    }
  }

  const evenIfForked = <T>(work: () => Promise<T>): Promise<T> =>
    leaveForked(work).catch((error: unknown) => {
      if (isGranaryError(error, 'LOG_FORKED')) return work();
      throw error;
    });

  /** `seen` is what the records come after and nobody else may build on. */
  async function signControl(records: readonly ControlRecord[], seen: readonly Uint8Array[] = []): Promise<string[]> {
    const { controlLogId } = await openOwn();
    const head = await deps.logs.tip(key.publicKey, controlLogId);
    // What the log says last waits for what never counts, and so would all that follows.
    const isStuck = head?.tip && readAccess().waiting.has(toHex(head.tip.operationId));
    if (isStuck && store.logs('control').some((log) => log.head?.frozenFrom !== undefined)) await renewLogs();
    const dependencies = sortDependencies([...readAccess().heads, ...seen]);
    return append(
      'control',
      records.map(({ schema, content }, i) => ({
        schema,
        subject: space,
        clock: stamp(),
        // Those that follow build on the first by their place in the log.
        dependencies: i === 0 ? dependencies : [],
        content: { kind: 'record', bytes: content },
      })),
    );
  }

  async function ownDataLog(): Promise<LogName> {
    const name = { author: key.publicKey, logId: (await openOwn()).dataLogId };
    const head = await deps.logs.tip(name.author, name.logId);
    if (head?.frozenFrom === undefined) return name;
    forgetOwn();
    return { author: key.publicKey, logId: (await openOwn()).dataLogId };
  }

  /** New logs know nothing of what their author had seen. */
  function forgetOwn(): void {
    own = undefined;
    declared = [];
  }

  async function renewLogs(): Promise<void> {
    forgetOwn();
    own = await openSpaceLogs(deps, space, await renewIncarnation(deps));
    await view.refresh();
  }

  /** Carries out what readers need to have the same key; false when nothing is due, or not by this device. */
  async function healKeys(isDue: (plan: KeyPlan | undefined) => boolean): Promise<boolean> {
    const plan = planKeys(readAccess(), key.publicKey, readKeyring());
    const keys = isDue(plan) && plan ? keyRecord(deps, readAccess(), readKeyring(), plan) : undefined;
    if (!keys || toHex(readAccess().hash) === futileAt) return false;
    const [id] = await signControl([keys], plan!.seen);
    // What this device has seen of removals gives it no right that counts: signing again would change nothing.
    if (readAccess().refused.has(id!)) futileAt = toHex(readAccess().hash);
    return true;
  }

  async function requireWritingKey(): Promise<SpaceKey> {
    requireLevel('write');
    const find = () => {
      const epoch = writingKey(readAccess());
      const found = epoch && readKeyring().get(toHex(epoch.keyId));
      return found && { keyId: epoch.keyId, key: found };
    };
    const present = find() ?? ((await healKeys((plan) => plan?.kind === 'rekey')) ? find() : undefined);
    if (present) return present;
    throw new GranaryError(
      'KEY_MISSING',
      `The key of the space ${record.name} has not come to this device yet. Sync with a member who has it.`,
      { space },
    );
  }

  const goesOnElsewhere = () =>
    new GranaryError('LOG_FORKED', `This device goes on in another log of the space ${record.name}. Try again.`, {
      space,
    });

  function requireLevel(level: 'write' | 'manage'): void {
    if (includesLevel(readAccess().levelNow(key.publicKey), level)) return;
    throw new GranaryError('FORBIDDEN', `This device may not ${level} in the space ${record.name}.`, {
      space,
      level,
    });
  }

  async function signData(envelopes: readonly DataEnvelope[], { alsoWrite, onSigned, logId }: SignOptions = {}) {
    const spaceKey = await requireWritingKey();
    if (logId && !equalBytes(logId, (await openOwn()).dataLogId)) throw goesOnElsewhere();
    const heads = readAccess().heads.map(toHex).sort();
    declared ??= (await readAppliedLog(deps.store, space, logPathOf(await ownDataLog()))).heads;
    const isNew = heads.join() !== declared.join();
    const statement = { schema: HEADS_SCHEMA, subject: space, dependencies: heads.map(fromHex), content: NO_CONTENT };
    const operationIds = await append(
      'data',
      [...(isNew ? [statement] : []), ...envelopes].map((envelope) => ({ ...envelope, clock: stamp() })),
      {
        ...(alsoWrite ? { alsoWrite } : {}),
        onSigned: (ids) => onSigned?.(isNew ? ids.slice(1) : ids),
        seal: (envelope, place) => sealBody(deps, spaceKey, place, envelope),
      },
    );
    declared = heads;
    return isNew ? operationIds.slice(1) : operationIds;
  }

  async function announce(segments: readonly AnnouncedSegment[]): Promise<void> {
    requireLevel('write');
    const records = encodeAnnouncements(segments).map((bytes) => ({ kind: 'record', bytes }) as const);
    const about = { schema: SEGMENTS_SCHEMA, subject: space, dependencies: [] };
    await append(
      'data',
      records.map((content) => ({ ...about, content, clock: stamp() })),
    );
  }

  return {
    self: toHex(key.publicKey),
    record,
    genesisId,
    store,
    view,
    get access() {
      return readAccess();
    },
    get endedControlLogs() {
      return endedControlLogs;
    },
    get keyring() {
      return readKeyring();
    },
    judge() {
      const now = readAccess();
      if (judged?.access === now) return judged;
      const keys = readKeyring();
      const open: Judge['open'] = (place, body) => openWith(deps, keys, place, body);
      judged = { record, genesisId, control: [...control.values()], access: now, keyring: keys, open };
      return judged;
    },
    open: (place, body) => openWith(deps, readKeyring(), place, body),
    healKeys: (isDue) => evenIfForked(() => healKeys(isDue)),
    signControl: (records) => evenIfForked(() => signControl(records)),
    signData: (envelopes, options) => leaveForked(() => signData(envelopes, options)),
    announce: (segments) => leaveForked(() => announce(segments)),
    ownDataLog,
    renewLogs,
    refresh: () => view.refresh(),
  };
}

const listEnded = (store: SpaceStore): string =>
  store
    .logs('control')
    .flatMap((log) => (log.head?.frozenFrom === undefined ? [] : [`${logPathOf(log)}/${log.head.frozenFrom}`]))
    .sort()
    .join('\n');

/** Of an author whom nobody let in, and whose logs nobody has. */
const UNKNOWN_RANK = 2 ** 32 - 1;

const NO_CONTENT = { kind: 'record', bytes: new Uint8Array() } as const;

/**
 * Which logs belong to a space: its control logs, each of which registers itself, and the data logs that they register.
 * A registration counts as long as the operation that makes it does, so the index follows every change of the logs,
 * whoever made it; what it has found it keeps in the store, and no operation is read twice.
 *
 * | key                                                         | value                                            |
 * | ----------------------------------------------------------- | ------------------------------------------------ |
 * | `space-log/<space>/<author>/<control log>/<seq, 10 digits>` | the id of the log that this operation registers  |
 * | `space-fork/<space>/<author>/<log>`                         | empty; a log of which no operation counts        |
 * | `space-arrival/<space>`                                     | the last arrival that was looked at, as text     |
 *
 * Author and logs are hexadecimal.
 */
import { createMutex, equalBytes, fromHex, fromUtf8, toHex, toUtf8, type Uuid } from '#core/kernel/index.ts';
import { Commit, type KeyValueStore, prefixRange } from '#core/platform/ports.ts';
import {
  type Arrival,
  type Blake3,
  controlLogOf,
  type LogHead,
  type LogKind,
  type LogName,
  logPath,
  type LogStore,
  operationCount,
  registeredLog,
  type SignedOperation,
  splitOperation,
  splitStored,
} from '#sync/log/index.ts';

/** Arrivals that may be looked at again after a restart, instead of a write for each. */
const CURSOR_LAG_MAX = 1000;
const SEQ_DIGITS = 10;

export interface SpaceIndexDeps {
  readonly store: KeyValueStore;
  readonly logs: LogStore;
  readonly blake3: Blake3;
}

/** A log of the space. */
export interface SpaceLog extends LogName {
  readonly kind: LogKind;
  /** Undefined until something of it arrives. */
  readonly head: LogHead | undefined;
}

/** What the quotas of one device are counted by. */
export interface DeviceUse {
  readonly logCount: number;
  readonly byteCount: number;
  /** Of these, those of control logs. */
  readonly controlLogCount: number;
  readonly controlByteCount: number;
  readonly controlCount: number;
}

export const NO_USE: DeviceUse = {
  logCount: 0,
  byteCount: 0,
  controlLogCount: 0,
  controlByteCount: 0,
  controlCount: 0,
};

/** What one more log, or more operations of one, cost. */
export function useOf(kind: LogKind, logCount: number, byteCount: number, operationCount: number): DeviceUse {
  const isControl = Number(kind === 'control');
  const [controlLogCount, controlByteCount] = [isControl * logCount, isControl * byteCount];
  return { logCount, byteCount, controlLogCount, controlByteCount, controlCount: isControl * operationCount };
}

export const addUse = (left: DeviceUse, right: DeviceUse): DeviceUse => ({
  logCount: left.logCount + right.logCount,
  byteCount: left.byteCount + right.byteCount,
  controlLogCount: left.controlLogCount + right.controlLogCount,
  controlByteCount: left.controlByteCount + right.controlByteCount,
  controlCount: left.controlCount + right.controlCount,
});

/** What `follow` found. */
export interface IndexChanges {
  /** New operations of control logs. */
  readonly control: readonly SignedOperation[];
  /** Operations of control logs count no more. */
  readonly isControlCut: boolean;
}

export interface SpaceIndex {
  /** The last arrival that is in the index. */
  readonly arrival: number;
  readonly use: DeviceUse;
  get(author: Uint8Array, logId: Uint8Array): SpaceLog | undefined;
  all(): Iterable<SpaceLog>;
  /** Devices that have logs here. */
  authors(): Iterable<Uint8Array>;
  useOf(author: Uint8Array): DeviceUse;
  /** Takes in what arrived at the logs; `onChanges` is called before anybody else can follow. */
  follow(onChanges: (changes: IndexChanges) => Promise<void> | void): Promise<void>;
  /** Changes of the space's logs after this arrival. */
  arrivalsAfter(after: number): AsyncIterable<Pick<Arrival, 'author' | 'logId' | 'seq'>>;
  /** Bodies of a log were dropped: it takes less room, and nothing else of it changed. */
  reread(name: LogName): Promise<void>;
  /** Has the arrivals from now on tell of all logs of a device, as if they had come now. */
  markMoved(author: Uint8Array): void;
  /** Takes a log in of which nothing can count, because it forks at its first operation. */
  holdForked(name: LogName): Promise<void>;
}

interface HeldLog extends LogName {
  readonly kind: LogKind;
  head: LogHead | undefined;
  /** How many operations register it. */
  registrationCount: number;
  isForkedAtStart: boolean;
  /** What the operations of a control log register, by seq. */
  readonly registers: Map<number, Uint8Array>;
}

const countOf = (head: LogHead | undefined): number => (head ? operationCount(head) : 0);
/** With what lies behind a fork: who signs twice has no room for more by that. */
const bytesOf = (head: LogHead | undefined): number => (head ? head.byteCount + head.frozenBytes : 0);

/** Opens the index of one space and brings it up to date. Errors: `STORE_DAMAGED`, those of the store. */
export async function openSpaceIndex(deps: SpaceIndexDeps, space: Uuid): Promise<SpaceIndex> {
  const { store, logs, blake3 } = deps;
  const registrations = `space-log/${space}/`;
  const forks = `space-fork/${space}/`;
  const arrivalKey = `space-arrival/${space}`;
  const held = new Map<string, HeldLog>();
  const devices = new Map<string, { readonly author: Uint8Array; use: DeviceUse }>();
  let total = NO_USE;
  /** Logs that came or went with their registration or their author's admission, by the arrival that made it so: their own arrivals do not tell. */
  const moved = new Map<string, { readonly name: LogName; readonly arrival: number }>();
  const serially = createMutex();
  const arrivalBytes = await store.get(arrivalKey);
  let arrival = arrivalBytes ? Number(fromUtf8(arrivalBytes)) : 0;
  let arrivalStored = arrival;

  const registrationKey = ({ author, logId }: LogName, seq: number): string =>
    `${registrations}${logPath(author, logId)}/${String(seq).padStart(SEQ_DIGITS, '0')}`;

  function count({ author, kind }: HeldLog, logCount: number, byteCount: number, operations: number): void {
    const key = toHex(author);
    const more = useOf(kind, logCount, byteCount, operations);
    devices.set(key, { author, use: addUse(devices.get(key)?.use ?? NO_USE, more) });
    total = addUse(total, more);
  }

  function hold(name: LogName, kind: LogKind): HeldLog {
    const path = logPath(name.author, name.logId);
    const known = held.get(path);
    if (known) return known;
    const { author, logId } = name;
    const state = { head: undefined, registrationCount: 0, isForkedAtStart: false, registers: new Map() };
    const log: HeldLog = { author, logId, kind, ...state };
    held.set(path, log);
    count(log, 1, 0, 0);
    return log;
  }

  function setHead(log: HeldLog, head: LogHead | undefined): void {
    const operations = countOf(head) - countOf(log.head);
    count(log, 0, bytesOf(head) - bytesOf(log.head), operations);
    log.head = head;
  }

  function letGo(log: HeldLog): void {
    if (log.registrationCount > 0 || log.isForkedAtStart) return;
    setHead(log, undefined);
    count(log, -1, 0, 0);
    held.delete(logPath(log.author, log.logId));
  }

  /** `logId` is the log itself where a control log registers itself. */
  function register(control: HeldLog, seq: number, logId: Uint8Array): HeldLog {
    const isItself = equalBytes(logId, control.logId);
    const log = isItself ? control : hold({ author: control.author, logId }, 'data');
    if (!control.registers.has(seq)) {
      control.registers.set(seq, logId);
      log.registrationCount += 1;
    }
    return log;
  }

  async function load(): Promise<void> {
    for await (const [key, logId] of store.entries(prefixRange(registrations))) {
      const [author = '', control = '', seq = ''] = key.slice(registrations.length).split('/');
      register(hold({ author: fromHex(author), logId: fromHex(control) }, 'control'), Number(seq), logId);
    }
    for await (const [key] of store.entries(prefixRange(forks))) {
      const [author = '', logId = ''] = key.slice(forks.length).split('/');
      hold({ author: fromHex(author), logId: fromHex(logId) }, 'data').isForkedAtStart = true;
    }
    for await (const head of logs.tips()) {
      const log = held.get(logPath(head.author, head.logId));
      if (log) setHead(log, head);
    }
  }

  /** The control log that begins with this log's first operation, when it is one of this space. */
  async function findControlLog({ author, logId }: LogName): Promise<HeldLog | undefined> {
    for await (const bytes of logs.operationsFrom(author, logId, 0)) {
      return controlLogOf(blake3, space, splitStored({ blake3 }, bytes)) && hold({ author, logId }, 'control');
    }
    return undefined;
  }

  function forget(control: HeldLog, seqEnd: number, last: number, commit: Commit): void {
    for (const [seq, logId] of control.registers) {
      if (seq < seqEnd) continue;
      control.registers.delete(seq);
      commit.delete(registrationKey(control, seq));
      const log = held.get(logPath(control.author, logId));
      if (!log) continue;
      log.registrationCount -= 1;
      if (log === control) continue;
      letGo(log);
      moved.set(logPath(log.author, log.logId), { name: log, arrival: last });
    }
  }

  async function followControl(log: HeldLog, seqStart: number, last: number, commit: Commit) {
    const control: SignedOperation[] = [];
    forget(log, countOf(log.head), last, commit);
    for await (const bytes of logs.operationsFrom(log.author, log.logId, seqStart)) {
      const operation = splitOperation({ blake3 }, bytes);
      control.push(operation);
      const { seq } = operation.header;
      const registered = registeredLog(blake3, space, operation);
      if (!registered || (registered.kind === 'control' && seq > 0)) continue;
      const target = register(log, seq, registered.logId);
      commit.put(registrationKey(log, seq), registered.logId);
      if (target === log || target.head) continue;
      setHead(target, await logs.tip(target.author, target.logId));
      if (target.head) moved.set(logPath(target.author, target.logId), { name: target, arrival: last });
    }
    return control;
  }

  async function followNow(onChanges: (changes: IndexChanges) => Promise<void> | void): Promise<void> {
    const last = await logs.lastArrival();
    if (last === arrival) return;
    const changed = new Map<string, Arrival>();
    for await (const each of logs.arrivalsAfter(arrival)) {
      const path = logPath(each.author, each.logId);
      const before = changed.get(path);
      if (!before || each.seq < before.seq) changed.set(path, each);
    }
    const commit = new Commit();
    const control: SignedOperation[] = [];
    let isControlCut = false;
    // A log that forks at its first operation is held on; it must not be let go before that is seen.
    const isData = (path: string) => held.get(path)?.kind === 'data';
    const dataFirst = [...changed].sort(([left], [right]) => Number(isData(right)) - Number(isData(left)));
    for (const [path, { author, logId, seq }] of dataFirst) {
      const log = held.get(path) ?? (seq === 0 ? await findControlLog({ author, logId }) : undefined);
      if (!log) continue;
      const countBefore = countOf(log.head);
      setHead(log, await logs.tip(author, logId));
      if (log.head?.frozenFrom === 0 && !log.isForkedAtStart) {
        log.isForkedAtStart = true;
        commit.put(forks + path, new Uint8Array());
      }
      if (log.kind === 'data') continue;
      control.push(...(await followControl(log, seq, last, commit)));
      isControlCut ||= seq < countBefore;
      letGo(log);
    }
    if (commit.writes.length > 0 || last - arrivalStored >= CURSOR_LAG_MAX) {
      await store.write(commit.put(arrivalKey, toUtf8(String(last))), { sync: false });
      arrivalStored = last;
    }
    arrival = last;
    if (control.length > 0 || isControlCut) await onChanges({ control, isControlCut });
  }

  const follow: SpaceIndex['follow'] = (onChanges) => serially(() => followNow(onChanges));

  async function* arrivalsAfter(after: number): ReturnType<SpaceIndex['arrivalsAfter']> {
    for await (const each of logs.arrivalsAfter(after)) {
      if (each.arrival > arrival) break;
      if (held.has(logPath(each.author, each.logId))) yield each;
    }
    for (const { name, arrival: movedAt } of moved.values()) {
      if (movedAt > after) yield { author: name.author, logId: name.logId, seq: 0 };
    }
  }

  function markMoved(author: Uint8Array): void {
    for (const log of held.values()) {
      if (equalBytes(log.author, author)) moved.set(logPath(author, log.logId), { name: log, arrival });
    }
  }

  async function holdForked(name: LogName): Promise<void> {
    const path = logPath(name.author, name.logId);
    await store.write(new Commit().put(forks + path, new Uint8Array()), { sync: false });
    const log = hold(name, 'data');
    log.isForkedAtStart = true;
    setHead(log, await logs.tip(name.author, name.logId));
  }

  async function reread({ author, logId }: LogName): Promise<void> {
    const log = held.get(logPath(author, logId));
    if (log) setHead(log, await logs.tip(author, logId));
  }

  await load();
  await follow(() => undefined);
  return {
    get arrival() {
      return arrival;
    },
    get use() {
      return total;
    },
    get: (author, logId) => held.get(logPath(author, logId)),
    all: () => held.values(),
    *authors() {
      for (const { author } of devices.values()) yield author;
    },
    useOf: (author) => devices.get(toHex(author))?.use ?? NO_USE,
    follow,
    arrivalsAfter,
    reread,
    markMoved,
    holdForked,
  };
}

import { toHex, toUtf8, type Uuid } from '#core/kernel/index.ts';
import type { KeyValueStore } from '#core/platform/ports.ts';
import { openMemoryStore } from '#core/platform/testing/memory-store.ts';
import type { Level } from '#sync/access/index.ts';
import {
  encodeEnvelope,
  type Envelope,
  joinOperation,
  type LogRegistration,
  type LogStore,
  openLogStore,
  registrationEnvelope,
  type SignedOperation,
  type SigningKey,
  signOperation,
  spaceLogId,
} from '#sync/log/index.ts';
import { blake3, ed25519 } from '#sync/log/testing/fixtures.ts';
import { openSpaceStore, type SpaceQuotas, type SpaceStore, type SpaceStoreOptions } from '../space-store.ts';

export const SPACE = '01890a5d-ac96-774b-bcce-b302099a8057' as Uuid;
export const OTHER_SPACE = '01890a5d-ac96-774b-bcce-b302099a8059' as Uuid;
/** Names the device, in hexadecimal, that is known from now on. */
const GRANT_SCHEMA = 'granary.test-grant.v1';
const stamp = { clock: { wall: 1, counter: 0 }, dependencies: [] };

export const keyOf = (name: string): SigningKey => ed25519.keyFromSeed(blake3(toUtf8(name)));

export interface LogOf {
  readonly device: string;
  readonly logId: Uint8Array;
}

/** What names a log of a device; the same label names the same log. */
export function logOf(device: string, kind: LogRegistration['kind'], label = '', space = SPACE) {
  const registration: LogRegistration = { kind, incarnation: 0, random: blake3(toUtf8(`${device} ${kind} ${label}`)) };
  return { device, logId: spaceLogId(blake3, space, registration), registration, space };
}

const says = (schema: string, text: string, space = SPACE): Envelope => ({
  ...stamp,
  schema,
  space,
  subject: space,
  content: { kind: 'record', bytes: toUtf8(text) },
});

/** What an operation follows. */
export interface Previous {
  readonly id: Uint8Array;
  readonly header: { readonly seq: number };
}

/** Signs what follows `previous` in a log. */
function sign({ device, logId }: LogOf, previous: Previous | undefined, envelope: Envelope): SignedOperation {
  const extensions = { logId, timestampMicros: 1n, pruneFlag: false };
  const seq = previous ? previous.header.seq + 1 : 0;
  const content = { seq, backlink: previous?.id, extensions, body: encodeEnvelope(envelope) };
  return signOperation({ key: keyOf(device), blake3 }, content);
}

export type NamedLog = ReturnType<typeof logOf>;

export const signRegistration = (log: LogOf, previous: Previous | undefined, registered: NamedLog) =>
  sign(log, previous, registrationEnvelope(registered.space, registered.registration, stamp));
export const signText = (log: LogOf, previous: Previous | undefined, text: string) =>
  sign(log, previous, says('granary.test.v1', text));
export const signGrant = (log: LogOf, previous: Previous | undefined, device: string) =>
  sign(log, previous, says(GRANT_SCHEMA, toHex(keyOf(device).publicKey)));

/** The two logs of a device: a control log that registers both, and a data log of so many operations. */
export function signDevice(device: string, dataCount = 0) {
  const [control, data] = [logOf(device, 'control'), logOf(device, 'data')];
  const first = signRegistration(control, undefined, control);
  const registered = signRegistration(control, first, data);
  const operations: SignedOperation[] = [];
  for (let i = 0; i < dataCount; i++) operations.push(signText(data, operations.at(-1), `${device} ${i}`));
  return { control, data, controlOperations: [first, registered], dataOperations: operations };
}

export const bytesOf = (operations: readonly SignedOperation[]): Uint8Array[] => operations.map(joinOperation);

/** A node with one space whose founder, and whoever it grants something, are known. */
export interface SpaceNode {
  readonly store: KeyValueStore;
  readonly logs: LogStore;
  readonly space: SpaceStore;
  readonly known: Map<string, number>;
  /** Devices whose grant does not count. */
  readonly outsiders: Set<string>;
  /** What devices may do that do not manage. */
  readonly levels: Map<string, Level>;
  cuts: number;
}

export async function openSpaceNode(
  from: {
    readonly store?: KeyValueStore;
    readonly quotas?: SpaceQuotas;
    readonly founder?: string;
    readonly isCovered?: SpaceStoreOptions['isCovered'];
  } = {},
): Promise<SpaceNode> {
  const { store = openMemoryStore(), quotas, founder = 'founder', isCovered } = from;
  const logs = await openLogStore({ store, blake3, ed25519 });
  const known = new Map<string, number>([[toHex(keyOf(founder).publicKey), 0]]);
  const node = { store, logs, known, outsiders: new Set<string>(), levels: new Map<string, Level>(), cuts: 0 };
  const grants = (operations: readonly SignedOperation[]) => {
    for (const { body } of operations) {
      const text = body ? new TextDecoder().decode(body) : '';
      const device = text.includes(GRANT_SCHEMA) ? text.slice(-64) : undefined;
      if (device && !known.has(device)) known.set(device, known.size);
    }
  };
  const space = await openSpaceStore({ store, logs, blake3, ed25519 }, SPACE, {
    incarnation: new Uint8Array(16),
    isAdmitted: (author) => known.has(toHex(author)),
    isMember: (author) => known.has(toHex(author)) && !node.outsiders.has(toHex(author)),
    highestLevel: (author) => node.levels.get(toHex(author)) ?? 'manage',
    rank: (author) => known.get(toHex(author)) ?? known.size,
    onControl: grants,
    onControlCut: () => void (node.cuts += 1),
    ...(quotas ? { quotas } : {}),
    ...(isCovered ? { isCovered } : {}),
  });
  return Object.assign(node, { space });
}

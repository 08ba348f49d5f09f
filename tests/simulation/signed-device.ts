import { toHex } from '#core/kernel/index.ts';
import { Commit, type KeyValueStore } from '#core/platform/ports.ts';
import { type MemoryStore, openMemoryStore } from '#core/platform/testing/memory-store.ts';
import {
  joinOperation,
  type LogState,
  peekOperation,
  registeredLog,
  type SignedOperation,
  splitOperation,
} from '#sync/log/index.ts';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import { withBadSignature } from '#sync/log/testing/signed-logs.ts';
import { openSpaceView } from '#sync/reconcile/index.ts';
import { createMemoryAgreements } from '#sync/reconcile/testing/memory-stores.ts';
import { named, SPACE as SPACE_ID } from '#sync/reconcile/testing/sync-world.ts';
import {
  keyOf,
  logOf,
  type NamedLog,
  openSpaceNode,
  type Previous,
  signGrant,
  signRegistration,
  signText,
  SPACE,
  type SpaceNode,
} from '#sync/spaces/testing/space-world.ts';
import { type Contents, PowerLoss, type SimulatedDevice, type Written } from './simulated-device.ts';

const FOUNDER = 'key 0';
const GRANTED = Array.from({ length: 31 }, (_, i) => `key ${i + 1}`);
/** After so many operations a device spreads one that its author never signed. */
const FORGERY_INTERVAL = 7;

const everything = { gte: '', lt: '~' };

/** A device with signed logs in a key-value store, a control log and the data logs that it registers. */
export async function createSignedDevice(name: string, key: string): Promise<SimulatedDevice> {
  const author = keyOf(key).publicKey;
  let disk = openMemoryStore();
  let node = await openSpaceNode({ store: disk, founder: FOUNDER });
  let contents: { readonly arrival: number; readonly of: SpaceNode; readonly is: Contents } | undefined;
  /** The shared key's devices begin one log together; whoever begins another has it alone. */
  let control = '';
  let renewals = 0;
  const dataLabels = new Map<string, string>();
  let writes = 0;

  const nameOf = (logId: Uint8Array) => toHex(author) + toHex(logId);

  /** Signs and stores what follows in a log of this device. */
  async function extend(
    log: NamedLog,
    sign: (previous: Previous | undefined) => SignedOperation,
    registeredBy?: Written['registeredBy'],
  ): Promise<Written> {
    let written: Written | undefined;
    await node.logs.extend({ author, logId: log.logId }, ({ tip }: LogState) => {
      const operation = sign(tip && { id: tip.operationId, header: { seq: tip.seq } });
      const place = { log: nameOf(log.logId), seq: operation.header.seq };
      written = { id: toHex(operation.id), ...place, ...(registeredBy ? { registeredBy } : {}) };
      return [joinOperation(operation)];
    });
    return written!;
  }

  async function findRegistration(log: NamedLog, controlLog: NamedLog): Promise<number | undefined> {
    for await (const bytes of node.logs.operationsFrom(author, controlLog.logId, 0)) {
      const operation = splitOperation({ blake3 }, bytes);
      const registered = registeredLog(blake3, SPACE, operation);
      if (registered && toHex(registered.logId) === toHex(log.logId)) return operation.header.seq;
    }
    return undefined;
  }

  const hasEnded = async (log: NamedLog) => (await node.logs.tip(author, log.logId))?.frozenFrom !== undefined;

  /** The log that follows a label, and the next one where that has ended. */
  async function openDataLog(label: string): Promise<NamedLog> {
    const log = logOf(key, 'data', dataLabels.get(label) ?? label);
    if (!(await hasEnded(log))) return log;
    renewals += 1;
    dataLabels.set(label, `${label} of ${name}, ${renewals}`);
    return openDataLog(label);
  }

  async function write(number: number, text: string): Promise<readonly Written[]> {
    const written: Written[] = [];
    let controlLog = logOf(key, 'control', control);
    if (await hasEnded(controlLog)) {
      renewals += 1;
      control = `${name}/${renewals}`;
      controlLog = logOf(key, 'control', control);
    }
    const log = await openDataLog(`${control} ${number}`);
    if (!(await node.logs.tip(author, controlLog.logId))?.tip) {
      written.push(await extend(controlLog, (previous) => signRegistration(controlLog, previous, controlLog)));
    }
    let seq = await findRegistration(log, controlLog);
    if (seq === undefined) {
      const registration = await extend(controlLog, (previous) => signRegistration(controlLog, previous, log));
      written.push(registration);
      ({ seq } = registration);
    }
    const registeredBy = { log: nameOf(controlLog.logId), seq };
    written.push(await extend(log, (previous) => signText(log, previous, text), registeredBy));
    writes += 1;
    if (writes % FORGERY_INTERVAL === 0) {
      const tip = (await node.logs.tip(author, log.logId))!.tip!;
      const next = signText(log, { id: tip.operationId, header: { seq: tip.seq } }, 'never said');
      await node.logs.ingest([joinOperation(withBadSignature(next))]);
    }
    return written;
  }

  const device: SimulatedDevice = {
    name,
    id: named(name),
    view: await openSpaceView({ blake3 }, SPACE_ID, node.space),
    agreements: createMemoryAgreements(),
    powerLeft: Infinity,
    async boot({ forgetsAgreements }) {
      device.powerLeft = Infinity;
      disk.crash();
      node = await openSpaceNode({ store: powered(device, disk), founder: FOUNDER });
      const agreements = forgetsAgreements ? createMemoryAgreements() : device.agreements;
      Object.assign(device, { agreements, view: await openSpaceView({ blake3 }, SPACE_ID, node.space) });
    },
    write: (number, text) => write(number, text),
    async settle() {
      while (await node.logs.verifyNext());
    },
    async contents() {
      const arrival = await node.logs.lastArrival();
      if (contents?.arrival === arrival && contents.of === node) return contents.is;
      const ids = new Set<string>();
      const forks = new Map<string, number>();
      for await (const tip of node.space.tips()) {
        if (tip.forkSeq !== undefined) forks.set(toHex(tip.author) + toHex(tip.logId), tip.forkSeq);
        for await (const bytes of node.space.operationsFrom(tip.author, tip.logId, 0)) {
          ids.add(toHex(peekOperation({ blake3 }, bytes).id));
        }
      }
      contents = { arrival, of: node, is: { ids, forks } };
      return contents.is;
    },
    backUp() {
      const copy = Array.fromAsync(disk.entries(everything));
      return async () => {
        const commit = new Commit();
        for (const [storeKey, value] of await copy) commit.put(storeKey, value);
        disk = openMemoryStore();
        await disk.write(commit, { sync: true });
        await device.boot({ forgetsAgreements: false });
      };
    },
  };
  await device.boot({ forgetsAgreements: true });
  if (key === FOUNDER) {
    const log = logOf(key, 'control', control);
    await extend(log, (previous) => signRegistration(log, previous, log));
    for (const granted of GRANTED) await extend(log, (previous) => signGrant(log, previous, granted));
    await device.view.refresh();
  }
  return device;
}

/** The disk as long as there is power. Once it is gone, nothing of this boot works any more. */
function powered(device: SimulatedDevice, disk: MemoryStore): KeyValueStore {
  let off = false;
  const requirePower = () => {
    if (off) throw new PowerLoss();
  };
  return {
    get: async (key) => {
      requirePower();
      return disk.get(key);
    },
    getMany: async (keys) => {
      requirePower();
      return disk.getMany(keys);
    },
    async *entries(range, options) {
      requirePower();
      yield* disk.entries(range, options);
    },
    async write(commit, options) {
      requirePower();
      off = device.powerLeft <= 0;
      // The power may go before a batch is on the disk, or after and before anybody knows.
      if (off && commit.writes.length % 2 === 0) throw new PowerLoss();
      await disk.write(commit, options);
      requirePower();
      device.powerLeft -= 1;
    },
    close: () => disk.close(),
  };
}

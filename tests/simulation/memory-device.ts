import { toHex } from '#core/kernel/index.ts';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import { type OperationStore, openSpaceView } from '#sync/reconcile/index.ts';
import { createMemoryAgreements, openMemoryOperationStore } from '#sync/reconcile/testing/memory-stores.ts';
import { makeOperation, named, SPACE } from '#sync/reconcile/testing/sync-world.ts';
import { PowerLoss, type SimulatedDevice, type Written } from './simulated-device.ts';

/** A device whose store keeps operations in memory and looks at no signature: many federations in little time. */
export async function createMemoryDevice(name: string, key: string): Promise<SimulatedDevice> {
  let disk = openMemoryOperationStore(blake3, named(`store of ${name}`));
  let restores = 0;
  /** Of logs that ended: the device goes on in another one. */
  const renewed = new Map<number, number>();

  const device: SimulatedDevice = {
    name,
    id: named(name),
    view: await openSpaceView({ blake3 }, SPACE, disk),
    agreements: createMemoryAgreements(),
    powerLeft: Infinity,
    async boot({ forgetsAgreements }) {
      device.powerLeft = Infinity;
      const agreements = forgetsAgreements ? createMemoryAgreements() : device.agreements;
      Object.assign(device, { agreements, view: await openSpaceView({ blake3 }, SPACE, powered(device, disk)) });
    },
    async write(number, text) {
      const nameOf = () => `log ${number}${renewed.has(number) ? ` of ${name}, ${renewed.get(number)}` : ''}`;
      let tip = await disk.tip(named(key), named(nameOf()));
      if (tip?.forkSeq !== undefined) {
        renewed.set(number, (renewed.get(number) ?? 0) + 1);
        tip = await disk.tip(named(key), named(nameOf()));
      }
      const place = { author: key, log: nameOf(), seq: tip ? tip.seq + 1 : 0, backlink: tip?.operationId };
      const [result] = await device.view.append([makeOperation(place, text)]);
      if (result?.outcome !== 'stored') throw new Error(`${name} could not write: ${JSON.stringify(result)}`);
      const log = toHex(named(key)) + toHex(named(nameOf()));
      return [{ id: toHex(result.tip.operationId), log, seq: place.seq }] satisfies Written[];
    },
    settle: async () => undefined,
    contents: async () => ({
      ids: new Set(disk.operationIds()),
      forks: new Map(disk.forks().map((fork) => [fork.split(' ')[0]!, Number(fork.split(' ')[1])])),
    }),
    backUp() {
      const backup = disk.restored(named('backup'));
      return async () => {
        restores += 1;
        disk = backup.restored(named(`store of ${name}, ${restores}`));
        await device.boot({ forgetsAgreements: false });
      };
    },
  };
  await device.boot({ forgetsAgreements: true });
  return device;
}

/** The disk as long as there is power. Once it is gone, nothing of this boot works any more. */
function powered(device: SimulatedDevice, disk: OperationStore): OperationStore {
  let off = false;
  const requirePower = () => {
    if (off) throw new PowerLoss();
  };
  return {
    ...disk,
    async append(operations) {
      requirePower();
      off = device.powerLeft <= 0;
      // The power may go before a batch is on the disk, or after and before anybody knows.
      if (off && operations[0]!.at(-1)! % 2 === 0) throw new PowerLoss();
      const outcomes = await disk.append(operations);
      requirePower();
      device.powerLeft -= 1;
      return outcomes;
    },
    async *operationsFrom(author, logId, seqStart) {
      requirePower();
      yield* disk.operationsFrom(author, logId, seqStart);
    },
  };
}

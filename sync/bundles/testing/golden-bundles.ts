import { nodeOneTimeCipher } from '#sync/access/adapters/node-one-time-cipher.ts';
import { nodeX25519 } from '#sync/access/adapters/node-x25519.ts';
import { blake3, countingRandom } from '#sync/log/testing/fixtures.ts';
import { bytesOf, keyOf, logIdOf, signChain } from '#sync/log/testing/signed-logs.ts';
import { LEAF_PLAIN_BYTES } from '#sync/segments/index.ts';
import { plainBytes, sealBytes } from '#sync/segments/testing/fixtures.ts';
import { openOnDevice, sealToDevice } from '../device-sealing.ts';
import type { OpenKey } from '../ports.ts';
import { type BundleNode, openBundleNode } from './bundle-world.ts';
import { createMemoryFiles } from './memory-files.ts';
import { createTestDevice, sealingOf } from './x25519-sealing.ts';

/** The device that the sealed golden bundle opens for. */
const goldenDevice = createTestDevice(logIdOf(1));

/** The device that the golden bundle which is sealed as the product does it opens for. */
const goldenRecipient = {
  agreementKey: nodeX25519.keyFromSecret(logIdOf(3)),
  keyDeps: { blake3, cipher: nodeOneTimeCipher },
};

/** Opens both sealed golden bundles. */
export const goldenOpening: OpenKey = {
  async openKey(sealed) {
    const own = openOnDevice(goldenRecipient.keyDeps, goldenRecipient.agreementKey);
    return (await goldenDevice.openKey(sealed)) ?? own.openKey(sealed);
  },
};

/** A node with control logs, data logs, a fork and two segments, and the bundles of it. */
async function writeGolden(): Promise<{ node: BundleNode; files: ReadonlyMap<string, Uint8Array> }> {
  const files = createMemoryFiles();
  const node = await openBundleNode(1, files, { sealing: goldenOpening });
  await node.write(1, 200, 2);
  await node.write(1, 1, 3);
  await node.write(2, 1, 1);
  await node.logs.ingest(bytesOf(signChain(3, { key: keyOf(7), logId: logIdOf(7) })));
  const [fork] = signChain(
    1,
    { key: keyOf(7), logId: logIdOf(7), body: 'fork' },
    signChain(2, { key: keyOf(7), logId: logIdOf(7) })[1],
  );
  await node.logs.ingest(bytesOf([fork!]));
  const segments = [
    await sealBytes(node.folder, plainBytes(LEAF_PLAIN_BYTES + 1)),
    await sealBytes(node.folder, plainBytes(5), 9),
  ];
  const open = node.folder.open.bind(node.folder);
  await node.export('plain', { segments: { segments, open } });
  const since = await node.list('plain');
  await node.write(1, 1, 2, 'later');
  const more = await sealBytes(node.folder, plainBytes(0), 17);
  await node.export('since', { since, segments: { segments: [...segments, more], open } });
  const recipients = {
    sealing: sealingOf(countingRandom(50)),
    keys: [createTestDevice(logIdOf(2)).encryptionKey, goldenDevice.encryptionKey],
  };
  await node.export('sealed', { recipients, segments: { segments, open } });
  const { agreementKey, keyDeps } = goldenRecipient;
  const toDevice = sealToDevice({ ...keyDeps, x25519: nodeX25519, random: countingRandom(60) });
  await node.export('sealed-to-device', { recipients: { sealing: toDevice, keys: [agreementKey.publicKey] } });
  return { node, files: files.files };
}

export const goldenBundles = writeGolden;

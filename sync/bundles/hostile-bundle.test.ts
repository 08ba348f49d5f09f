import { describe, expect, test } from 'vitest';
import { fromHex, isGranaryError, toUtf8 } from '#core/kernel/index.ts';
import { blake3, countingRandom } from '#sync/log/testing/fixtures.ts';
import { bytesOf, keyOf, logIdOf, signChain, withBadSignature } from '#sync/log/testing/signed-logs.ts';
import type { LogTip } from '#sync/reconcile/index.ts';
import { plainBytes, sealBytes } from '#sync/segments/testing/fixtures.ts';
import { bundleSpaceTag, signFrontier } from './frontier.ts';
import { encodePayload, type SectionName, toLogEnd } from './sections.ts';
import { type BundleNode, openBundleNode, SPACE_ID } from './testing/bundle-world.ts';
import { craftBundle, type CraftedBundle } from './testing/craft-bundle.ts';
import { createMemoryFiles } from './testing/memory-files.ts';
import { createTestDevice, sealingOf } from './testing/x25519-sealing.ts';

const device = createTestDevice(logIdOf(1));

/** A small bundle with everything in it, and a way to take in any bytes afresh. */
async function smallBundle(isSealed: boolean) {
  const files = createMemoryFiles();
  const anna = await openBundleNode(1, files);
  await anna.write(1, 1, 2);
  await anna.logs.ingest(bytesOf(signChain(2, { key: keyOf(7), logId: logIdOf(7) })));
  await anna.logs.ingest(bytesOf(signChain(2, { key: keyOf(7), logId: logIdOf(7), body: 'fork' })));
  const segment = await sealBytes(anna.folder, plainBytes(100));
  const recipients = { sealing: sealingOf(countingRandom(100)), keys: [device.encryptionKey] };
  await anna.export('stick', {
    segments: { segments: [segment], open: anna.folder.open.bind(anna.folder) },
    ...(isSealed ? { recipients } : {}),
  });
  return { anna, bytes: files.files.get('stick')! };
}

async function importBytes(bytes: Uint8Array) {
  const files = createMemoryFiles();
  files.files.set('stick', bytes);
  const node = await openBundleNode(2, files, { sealing: device });
  return { node, files, report: node.import('stick') };
}

const CODES = ['BUNDLE_DAMAGED', 'BUNDLE_VERSION', 'BUNDLE_SEALED', 'BUNDLE_FOREIGN'];
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'taken in',
    (error: unknown) => (isGranaryError(error) ? error.code : String(error)),
  );
const faultOf = (work: Promise<unknown>) =>
  work.then(
    () => 'taken in',
    (error: unknown) => (isGranaryError(error, 'BUNDLE_DAMAGED') ? error.details['fault'] : String(error)),
  );

/** What was taken in of a damaged bundle does not stand in the way of the whole one. */
async function expectRepairable(node: BundleNode, files: ReturnType<typeof createMemoryFiles>, bytes: Uint8Array) {
  files.files.set('stick', bytes);
  expect(await node.import('stick')).toMatchObject({ missingOperations: [], missingSegments: [] });
}

describe.each([false, true])('a damaged bundle (sealed: %s)', (isSealed) => {
  test('is noticed at every byte, and the whole one can be taken in afterwards', async () => {
    const { anna, bytes } = await smallBundle(isSealed);
    const root = await anna.root();
    const codes: Record<string, number> = {};
    for (let at = 0; at < bytes.length; at++) {
      const damaged = bytes.slice();
      damaged[at]! ^= 1 << (at % 8);
      const { node, files, report } = await importBytes(damaged);
      const code = await codeOf(report);
      expect(CODES, `byte ${at}: ${code}`).toContain(code);
      codes[code] = (codes[code] ?? 0) + 1;
      await expectRepairable(node, files, bytes);
      // What came in with a damaged header stands until its signature is looked at.
      while (await node.logs.verifyNext());
      expect(await node.root(), `byte ${at}`).toEqual(root);
    }
    expect(codes['BUNDLE_DAMAGED']).toBeGreaterThan(bytes.length / 2);
  });

  test('is noticed wherever it was cut, and before anything is taken in', async () => {
    const { bytes } = await smallBundle(isSealed);
    for (let length = 0; length < bytes.length; length++) {
      const { node, report } = await importBytes(bytes.slice(0, length));
      expect(CODES, `${length} bytes`).toContain(await codeOf(report));
      expect(await Array.fromAsync(node.space.store.tips()), `${length} bytes`).toEqual([]);
    }
  });

  test('is noticed when something follows it', async () => {
    const { bytes } = await smallBundle(isSealed);
    const { report } = await importBytes(Uint8Array.of(...bytes, 0));
    expect(await codeOf(report)).toBe('BUNDLE_DAMAGED');
  });
});

test('a file that is no bundle, or one of a later version, is told apart', async () => {
  expect(await faultOf((await importBytes(new Uint8Array())).report)).toBe('not-a-bundle');
  expect(await faultOf((await importBytes(plainBytes(5000))).report)).toBe('not-a-bundle');
  const later = (await importBytes(toUtf8(`granary bundle 2${'?'.repeat(100)}`))).report;
  await expect(later).rejects.toMatchObject({ code: 'BUNDLE_VERSION', details: { version: 2 } });
});

const chain = signChain(4, { key: keyOf(1), logId: logIdOf(1) });
const raw = bytesOf(chain);
const tipOf = (seq: number, log = 1): LogTip => ({
  author: keyOf(1).publicKey,
  logId: logIdOf(log),
  seq,
  operationId: chain[seq]!.id,
  forkSeq: undefined,
});
const operations = (...items: Uint8Array[]): [SectionName, Uint8Array] => [
  'operations',
  encodePayload('operations', { operations: items }),
];
const logs = (operationCount: number) => ({ logs: [{ log: 0, seqStart: 0, operationCount, byteCount: 1000 }] });
const twoTips = [tipOf(3, 1), tipOf(3, 2)].toSorted((left, right) => Buffer.compare(left.logId, right.logId));

describe('a bundle that a malicious sender made', () => {
  const take = async (crafted: CraftedBundle) => (await importBytes(await craftBundle(crafted))).report;

  test('with operations out of order, twice or forged gives what can be used', async () => {
    const tips = [tipOf(3)];
    const reordered = await take({ tips, sections: [operations(raw[1]!, raw[0]!, raw[3]!)], index: logs(3) });
    expect(reordered).toMatchObject({ storedCount: 1, missingOperations: [{ seqStart: 1, seqEnd: 3, reason: 'gap' }] });
    expect(reordered.refused).toEqual(new Map([['gap', 2]]));
    const repeated = await take({ tips, sections: [operations(...raw, ...raw), operations(...raw)], index: logs(12) });
    expect(repeated).toMatchObject({ storedCount: 4, knownCount: 8, missingOperations: [] });
    const forged = await take({
      tips,
      sections: [operations(raw[0]!, Uint8Array.of(1, 2), ...bytesOf([withBadSignature(chain[1]!)]), raw[1]!, raw[2]!)],
      index: logs(5),
    });
    expect(forged).toMatchObject({ storedCount: 4 });
    expect(forged.refused).toEqual(new Map([['invalid', 1]]));
    expect(forged.missingOperations).toMatchObject([{ seqStart: 3, seqEnd: 3, reason: 'left-out' }]);
  });

  test.each<[string, string, CraftedBundle]>([
    ['a frontier that is not signed', 'frontier-unsigned', { header: { createdAt: 2 } }],
    ['a frontier of another sender', 'frontier-unsigned', { header: { sender: keyOf(2).publicKey } }],
    ['a sender of small order', 'frontier-unsigned', { header: { sender: fromHex(`01${'00'.repeat(31)}`) } }],
    ['a frontier with another root', 'frontier-invalid', { tips: [tipOf(3)], header: { root: new Uint8Array(32) } }],
    ['fewer tips than its header says', 'section-unexpected', { header: { logCount: 1 } }],
    ['more tips than its header says', 'frontier-invalid', { tips: twoTips, header: { logCount: 1 } }],
    ['an index that lies elsewhere', 'truncated', { indexOffset: 2n ** 60n }],
    ['an index that lies in its header', 'truncated', { indexOffset: 0n }],
    ['an index of more operations', 'index-mismatch', { tips: [tipOf(3)], index: logs(1) }],
    ['an index of more proofs', 'index-mismatch', { index: { proofCount: 1 } }],
    [
      'an index of a segment that is not there',
      'index-mismatch',
      { index: { segments: [{ name: SPACE_ID, byteCount: 16 }] } },
    ],
    ['an index of a log that is not there', 'section-invalid', { index: logs(1) }],
    ['a segment that its index does not name', 'section-unexpected', { sections: [['segment', new Uint8Array(40)]] }],
    ['leaves without a segment', 'section-unexpected', { sections: [['leaves', new Uint8Array(40)]] }],
    ['a page without a segment', 'section-unexpected', { sections: [['page', new Uint8Array(32)]] }],
    ['a second header', 'section-unexpected', { sections: [['header', new Uint8Array(300)]] }],
    [
      'tips behind its operations',
      'section-unexpected',
      { tips: [tipOf(3)], sections: [operations(...raw), ['tips', new Uint8Array(9)]] },
    ],
    ['an index between its operations', 'section-unexpected', { sections: [['index', Uint8Array.of(0, 0, 0)]] }],
    [
      'proofs before its operations',
      'section-unexpected',
      { tips: [tipOf(3)], sections: [['proofs', Uint8Array.of(1, 1, 1)], operations(...raw)] },
    ],
    ['an empty section', 'section-invalid', { sections: [['operations', new Uint8Array()]] }],
    ['a list that does not fit', 'section-invalid', { sections: [['operations', Uint8Array.of(0xff, 0xff, 0x3f, 1)]] }],
    ['an operation that is too large', 'section-invalid', { sections: [operations(new Uint8Array(263_169))] }],
  ])('with %s is refused: %s', async (_, fault, crafted) => {
    expect(await faultOf(take(crafted))).toBe(fault);
  });

  test('with a frontier out of order, or with a log twice, is refused', async () => {
    for (const tips of [twoTips.toReversed(), [tipOf(3), tipOf(3)]]) {
      // One section keeps its order by itself; two do not.
      const sections = tips.map((tip): [SectionName, Uint8Array] => [
        'tips',
        encodePayload('tips', { tips: [toLogEnd(tip)] }),
      ]);
      const header = signFrontier(keyOf(1), {
        spaceTag: bundleSpaceTag(blake3, SPACE_ID),
        createdAt: 1,
        base: [],
        logCount: 2,
        root: new Uint8Array(32),
      });
      expect(await faultOf(take({ sections, header }))).toBe('frontier-invalid');
    }
  });

  test('with a segment of wrong leaves keeps those that are right', async () => {
    const { anna } = await smallBundle(false);
    const segment = await sealBytes(anna.folder, plainBytes(3 * 16_368), 50);
    const file = anna.folder.bytesOf(`${segment.name}.sealed`).slice();
    const [root, page, leaves] = [file.slice(16, 56), file.slice(56, 152), file.slice(152)];
    const damaged = leaves.slice();
    damaged[20_000]! ^= 1;
    const index = { segments: [{ name: fromHex(segment.name), byteCount: leaves.length }] };
    const bundle = (...sections: [SectionName, Uint8Array][]) =>
      craftBundle({ sections: [['segment', root], ...sections], index });

    const { node, files, report } = await importBytes(await bundle(['page', page], ['leaves', damaged]));
    expect(await report).toMatchObject({
      segments: [{ outcome: 'damaged', leavesStored: 2, leavesRefused: 1 }],
      missingSegments: [{ name: segment.name, reason: 'damaged' }],
    });
    files.files.set(
      'stick',
      await bundle(['page', page], ['leaves', leaves.slice(0, 16_384)], ['leaves', leaves.slice(16_384)]),
    );
    expect(await node.import('stick')).toMatchObject({
      segments: [{ outcome: 'stored', leavesStored: 1, leavesKnown: 2, leavesRefused: 0 }],
    });

    const wrongPage = (await importBytes(await bundle(['page', page.slice().fill(7)], ['leaves', leaves]))).report;
    expect(await wrongPage).toMatchObject({ segments: [{ outcome: 'damaged', leavesStored: 0, leavesRefused: 3 }] });
    for (const sections of [
      [],
      [['page', page]],
      [
        ['page', page],
        ['page', page],
      ],
      [['leaves', leaves]],
      [
        ['page', page.slice(32)],
        ['leaves', leaves],
      ],
      [
        ['page', page],
        ['leaves', leaves.slice(0, -1)],
      ],
      [
        ['page', page],
        ['leaves', leaves],
        ['leaves', leaves],
      ],
    ] as [SectionName, Uint8Array][][]) {
      const fault = await faultOf((await importBytes(await bundle(...sections))).report);
      expect(['truncated', 'section-unexpected']).toContain(fault);
    }
    const otherRoot = await craftBundle({
      sections: [['segment', root]],
      index: { segments: [{ name: SPACE_ID, byteCount: leaves.length }] },
    });
    expect(await faultOf((await importBytes(otherRoot)).report)).toBe('index-mismatch');
  });
});

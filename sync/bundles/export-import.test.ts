import { describe, expect, test } from 'vitest';
import { type Progress, toHex } from '#core/kernel/index.ts';
import type { ByteSource } from '#core/platform/ports.ts';
import { countingRandom } from '#sync/log/testing/fixtures.ts';
import { bytesOf, keyOf, logIdOf, signChain } from '#sync/log/testing/signed-logs.ts';
import { LEAF_PLAIN_BYTES, type SealedName, type SealedSegment, verifySealed } from '#sync/segments/index.ts';
import { plainBytes, sealBytes, tree } from '#sync/segments/testing/fixtures.ts';
import { BUNDLE_SECTION_BYTES_MAX } from './limits.ts';
import { type BundleNode, CONTROL_LOG, openBundleNode, SPACE_ID } from './testing/bundle-world.ts';
import { createMemoryFiles, type MemoryFiles } from './testing/memory-files.ts';
import { createTestDevice, sealingOf } from './testing/x25519-sealing.ts';

async function twoNodes() {
  const files = createMemoryFiles();
  return { files, anna: await openBundleNode(1, files), ben: await openBundleNode(2, files) };
}

const segmentsOf = (node: BundleNode, ...segments: SealedSegment[]) => ({
  segments: { segments, open: node.folder.open.bind(node.folder) },
});

describe('a bundle', () => {
  test('carries operations to a node that has nothing, control logs first', async () => {
    const { files, anna, ben } = await twoNodes();
    await anna.write(1, 1, 50);
    await anna.write(1, 200, 3);
    await anna.write(3, 1, 20);
    const exported = await anna.export('stick');
    expect(exported).toMatchObject({ operationCount: 73, segmentCount: 0 });
    expect(exported.byteCount).toBe(files.files.get('stick')!.length);

    const report = await ben.import('stick');
    expect(report).toMatchObject({ storedCount: 73, knownCount: 0, missingOperations: [], missingSegments: [] });
    expect(report.refused.size).toBe(0);
    expect(await ben.root()).toEqual(await anna.root());
    expect(report.bundle.root).toEqual(await anna.root());
    expect(toHex(report.bundle.logs[0]!.logId)).toBe(toHex(CONTROL_LOG));
    expect(await ben.import('stick')).toMatchObject({ storedCount: 0, knownCount: 73, missingOperations: [] });
  });

  test('carries headers without bodies to who knows that they may be missing, and to nobody else', async () => {
    const files = createMemoryFiles();
    const [anna, ben] = [await openBundleNode(1, files), await openBundleNode(2, files, { covered: 29 })];
    const cem = await openBundleNode(3, files);
    await anna.write(1, 1, 40);
    while (await anna.logs.verifyNext());
    const whole = await anna.export('whole');
    await anna.logs.dropBodies({ author: keyOf(1).publicKey, logId: logIdOf(1) }, [{ seqStart: 0, seqEnd: 29 }]);
    const exported = await anna.export('stick');
    expect(exported).toMatchObject({ operationCount: 40 });
    expect(exported.operationBytes).toBeLessThan(whole.operationBytes);
    expect(await ben.import('stick')).toMatchObject({ storedCount: 40, missingOperations: [] });
    expect(await ben.root()).toEqual(await anna.root());
    const refused = await cem.import('stick');
    expect(refused).toMatchObject({ storedCount: 0, missingOperations: [{ seqStart: 0, reason: 'pruned' }] });
    expect(refused.refused.get('pruned')).toBe(1);
    expect(await cem.import('whole')).toMatchObject({ storedCount: 40, missingOperations: [] });
  });

  test('of an empty space is a bundle', async () => {
    const { anna, ben } = await twoNodes();
    await anna.export('stick');
    expect(await ben.import('stick')).toMatchObject({ storedCount: 0, missingOperations: [] });
    expect(await ben.list('stick')).toMatchObject({ logs: [], frontier: [], segments: [], base: undefined });
  });

  test('is listed without being taken in', async () => {
    const { anna, ben } = await twoNodes();
    await anna.write(1, 1, 5);
    const segment = await sealBytes(anna.folder, plainBytes(100));
    await anna.export('stick', segmentsOf(anna, segment));
    const listing = await ben.list('stick');
    expect(listing).toMatchObject({
      sender: keyOf(1).publicKey,
      createdAt: 1_754_300_000_000,
      logs: [{ author: keyOf(1).publicKey, logId: logIdOf(1), seqStart: 0, operationCount: 5 }],
      frontier: [{ seq: 4 }],
      forkProofCount: 0,
      recipientCount: 0,
      segments: [{ name: segment.name, byteCount: 116 }],
    });
    expect(await Array.fromAsync(ben.space.store.tips())).toEqual([]);
  });

  test('carries segments, the smallest first, and tells which were not there', async () => {
    const { anna, ben } = await twoNodes();
    const large = await sealBytes(anna.folder, plainBytes(600 * LEAF_PLAIN_BYTES));
    const empty = await sealBytes(anna.folder, plainBytes(0), 3);
    const small = await sealBytes(anna.folder, plainBytes(10), 7);
    const elsewhere = await sealBytes(ben.folder, plainBytes(20), 11);
    const report = await anna.export('stick', segmentsOf(anna, large, small, elsewhere, empty));
    expect(report).toMatchObject({ segmentCount: 3, segmentsNotHere: [elsewhere.name] });

    const imported = await ben.import('stick');
    expect(imported.segments.map(({ name, outcome }) => [name, outcome])).toEqual(
      [empty, small, large].map(({ name }) => [name, 'stored']),
    );
    expect(imported.segments.map(({ leavesStored }) => leavesStored)).toEqual([1, 1, 600]);
    for (const { name } of [empty, small, large]) await verifySealed(tree, (await ben.folder.open(name))!, name);
    const again = await ben.import('stick');
    expect(again.segments.map(({ outcome }) => outcome)).toEqual(['known', 'known', 'known']);
  });

  test('leaves segments alone that are not wanted', async () => {
    const { anna, ben } = await twoNodes();
    const segment = await sealBytes(anna.folder, plainBytes(100));
    await anna.export('stick', segmentsOf(anna, segment));
    Object.assign(ben.space, { wantsSegment: () => false });
    expect(await ben.import('stick')).toMatchObject({ missingSegments: [{ name: segment.name, reason: 'unwanted' }] });
    expect(ben.folder.fileNames()).toEqual([]);
  });

  test('goes on from an earlier one of the same sender', async () => {
    const { anna, ben } = await twoNodes();
    await anna.write(1, 1, 5);
    await anna.write(1, 2, 5);
    const first = await sealBytes(anna.folder, plainBytes(100));
    await anna.export('one', segmentsOf(anna, first));
    await anna.write(1, 1, 3);
    await anna.write(1, 3, 2);
    const second = await sealBytes(anna.folder, plainBytes(200), 5);
    const since = await anna.list('one');
    const report = await anna.export('two', { since, ...segmentsOf(anna, first, second) });
    expect(report).toMatchObject({ operationCount: 5, segmentCount: 1 });

    const early = await ben.import('two');
    expect(early).toMatchObject({ storedCount: 2, bundle: { base: since.root } });
    expect(early.refused).toEqual(new Map([['gap', 3]]));
    expect(early.missingOperations).toMatchObject(
      [
        { logId: logIdOf(1), seqStart: 0, seqEnd: 7, reason: 'left-out' },
        { logId: logIdOf(2), seqStart: 0, seqEnd: 4, reason: 'left-out' },
      ].toSorted((left, right) => (toHex(left.logId) < toHex(right.logId) ? -1 : 1)),
    );
    expect(early.missingSegments).toEqual([{ name: first.name, reason: 'left-out' }]);

    await ben.import('one');
    expect(await ben.import('two')).toMatchObject({ storedCount: 3, missingOperations: [], missingSegments: [] });
    expect(await ben.root()).toEqual(await anna.root());
  });

  test('goes on from one of the other side', async () => {
    const { anna, ben } = await twoNodes();
    await anna.write(1, 1, 5);
    await ben.write(2, 2, 5);
    await anna.export('there');
    await ben.import('there');
    expect(await ben.export('back', { since: await ben.list('there') })).toMatchObject({ operationCount: 5 });
    expect(await anna.import('back')).toMatchObject({ storedCount: 5, missingOperations: [] });
    expect(await anna.root()).toEqual(await ben.root());
  });

  test('with nothing new holds no operations', async () => {
    const { anna } = await twoNodes();
    await anna.write(1, 1, 5);
    await anna.export('one');
    expect(await anna.export('two', { since: await anna.list('one') })).toMatchObject({ operationCount: 0 });
  });

  test('brings proof of a fork, also where it goes on from the other branch', async () => {
    const { anna, ben } = await twoNodes();
    const chain = signChain(3, { key: keyOf(7), logId: logIdOf(7) });
    const branch = signChain(2, { key: keyOf(7), logId: logIdOf(7), body: 'branch' }, chain[1]);
    await anna.logs.ingest(bytesOf([...chain.slice(0, 2), ...branch]));
    await ben.logs.ingest(bytesOf(chain));
    await ben.export('theirs');
    await anna.export('mine', { since: await ben.list('theirs') });
    const report = await ben.import('mine');
    expect(report.refused.get('fork')).toBe(2);
    expect(report.missingOperations).toMatchObject([{ seqStart: 2, seqEnd: 3, reason: 'fork' }]);
    expect(await ben.logs.tip(keyOf(7).publicKey, logIdOf(7))).toMatchObject({ tip: { seq: 1 }, frozenFrom: 2 });

    const proved = await ben.export('proof');
    expect(proved.forkProofCount).toBe(1);
    expect((await anna.import('proof')).forkProofs).toEqual({ stored: 1, known: 0, refused: 0 });
    expect((await anna.import('proof')).forkProofs).toEqual({ stored: 0, known: 1, refused: 0 });
    expect(await anna.root()).toEqual(await ben.root());
  });

  test('says what is missing because the space refused it, by the first reason', async () => {
    const { anna, ben } = await twoNodes();
    await anna.write(1, 1, 3);
    const append = ben.space.append.bind(ben.space);
    Object.assign(ben.space, {
      append: async (operations: readonly Uint8Array[]) => {
        const [first, ...rest] = operations;
        const outcomes = await append([first!, ...rest.slice(1)]);
        return [outcomes[0], { outcome: 'refused', reason: 'forbidden' }, ...outcomes.slice(1)];
      },
    });
    await anna.export('stick');
    const report = await ben.import('stick');
    expect([...report.refused]).toEqual([
      ['forbidden', 1],
      ['gap', 1],
    ]);
    expect(report.missingOperations).toMatchObject([{ seqStart: 1, seqEnd: 2, reason: 'forbidden' }]);
  });

  test('of another space is not taken in, and not gone on from', async () => {
    const { files, anna } = await twoNodes();
    const stranger = await openBundleNode(4, files, { spaceId: logIdOf(9) });
    await anna.write(1, 1, 3);
    await anna.export('stick');
    const foreign = expect.objectContaining({ code: 'BUNDLE_FOREIGN' });
    await expect(stranger.import('stick')).rejects.toEqual(foreign);
    await expect(stranger.export('other', { since: await anna.list('stick') })).rejects.toEqual(foreign);
    expect(Buffer.from(files.files.get('stick')!).includes(Buffer.from(SPACE_ID))).toBe(false);
  });

  test('is not there when its making is cancelled or fails', async () => {
    const { files, anna } = await twoNodes();
    await anna.write(1, 1, 3);
    const signal = AbortSignal.abort();
    await expect(anna.export('stick', { signal })).rejects.toMatchObject({ code: 'CANCELLED' });
    const stop = new AbortController();
    const segment = await sealBytes(anna.folder, plainBytes(50 * LEAF_PLAIN_BYTES));
    const report = ({ done }: Progress) => done > 100_000 && stop.abort();
    const late = anna.export('stick', { signal: stop.signal, report, ...segmentsOf(anna, segment) });
    await expect(late).rejects.toMatchObject({ code: 'CANCELLED' });
    anna.folder.bytesOf(`${segment.name}.sealed`)[100_000]! ^= 1;
    await expect(anna.export('stick', segmentsOf(anna, segment))).rejects.toMatchObject({ code: 'SEGMENT_CORRUPT' });
    expect([files.files.size, files.unfinished]).toEqual([0, 0]);
  });

  test('tells how far it is, in bytes, up to the whole', async () => {
    const { anna, ben } = await twoNodes();
    await anna.write(1, 1, 40);
    const segment = await sealBytes(anna.folder, plainBytes(40 * LEAF_PLAIN_BYTES));
    const exporting: Progress[] = [];
    const importing: Progress[] = [];
    await anna.export('stick', { ...segmentsOf(anna, segment), report: (progress) => exporting.push(progress) });
    await ben.import('stick', { report: (progress) => importing.push(progress) });
    for (const steps of [exporting, importing]) {
      const done = steps.map((step) => step.done);
      expect(done).toEqual(done.toSorted((left, right) => left - right));
      expect(done.at(-1)).toBe(steps.at(-1)!.total);
    }
    expect(exporting.at(-1)!.total).toBe(importing.at(-1)!.total);
  });

  test('that was cut off while it was taken in goes on where it stopped', async () => {
    const { anna, ben } = await twoNodes();
    await anna.write(1, 1, 40);
    const segment = await sealBytes(anna.folder, plainBytes(600 * LEAF_PLAIN_BYTES));
    await anna.export('stick', segmentsOf(anna, segment));
    const stop = new AbortController();
    const report = ({ done }: Progress) => done > 5_000_000 && stop.abort();
    await expect(ben.import('stick', { signal: stop.signal, report })).rejects.toMatchObject({ code: 'CANCELLED' });
    const resumed = await ben.import('stick');
    expect(resumed).toMatchObject({ storedCount: 0, knownCount: 40 });
    const [receipt] = resumed.segments;
    expect(receipt!.leavesKnown).toBeGreaterThan(250);
    expect(receipt!.leavesKnown + receipt!.leavesStored).toBe(600);
  });

  test('sealed to devices opens for these alone and says nothing to others', async () => {
    const files = createMemoryFiles();
    const [device, other] = [createTestDevice(logIdOf(1)), createTestDevice(logIdOf(2))];
    const anna = await openBundleNode(1, files);
    const ben = await openBundleNode(2, files, { sealing: device });
    const eve = await openBundleNode(3, files, { sealing: createTestDevice(logIdOf(3)) });
    await anna.write(1, 1, 300);
    const keys = [other.encryptionKey, device.encryptionKey];
    await anna.export('stick', { recipients: { sealing: sealingOf(countingRandom(100)), keys } });
    await expect(eve.import('stick')).rejects.toMatchObject({ code: 'BUNDLE_SEALED', details: { recipientCount: 2 } });
    await expect(anna.list('stick')).rejects.toMatchObject({ code: 'BUNDLE_SEALED' });
    expect(await ben.list('stick')).toMatchObject({ recipientCount: 2, frontier: [{ seq: 299 }] });
    expect(await ben.import('stick')).toMatchObject({ storedCount: 300, missingOperations: [] });
    const bytes = Buffer.from(files.files.get('stick')!);
    for (const secret of [
      keyOf(1).publicKey,
      logIdOf(1),
      ben.space.spaceId,
      ...keys,
      (await ben.list('stick')).spaceTag,
    ])
      expect(bytes.includes(Buffer.from(secret))).toBe(false);
  });

  test.each([false, true])(
    'streams: no piece is over the limit of a section, either way (sealed: %s)',
    async (isSealed) => {
      const files = createMemoryFiles();
      const device = createTestDevice(logIdOf(1));
      const pieces: number[] = [];
      const weigh = (source: ByteSource): ByteSource => ({
        ...source,
        read: (offset, byteCount) => {
          pieces.push(byteCount);
          return source.read(offset, byteCount);
        },
      });
      const watched: MemoryFiles = {
        ...files,
        open: async (path) => weigh(await files.open(path)),
        create: async (path) => {
          const file = await files.create(path);
          const write = async (bytes: Uint8Array) => {
            pieces.push(bytes.length);
            await file.write(bytes);
          };
          return { ...file, write };
        },
      };
      const anna = await openBundleNode(1, watched);
      const ben = await openBundleNode(2, watched, { sealing: device });
      await anna.write(1, 1, 20, 'a long body '.repeat(20_000));
      await anna.write(1, 2, 2000);
      const segment = await sealBytes(anna.folder, plainBytes(600 * LEAF_PLAIN_BYTES));
      const open = async (name: SealedName) => weigh((await anna.folder.open(name))!);
      const recipients = { sealing: sealingOf(countingRandom(100)), keys: [device.encryptionKey] };
      const { byteCount } = await anna.export('stick', {
        segments: { segments: [segment], open },
        recipients: isSealed ? recipients : undefined,
      });
      expect(await ben.import('stick')).toMatchObject({ missingOperations: [], missingSegments: [] });
      expect(byteCount).toBeGreaterThan(12 * BUNDLE_SECTION_BYTES_MAX);
      expect(Math.max(...pieces)).toBeLessThanOrEqual(BUNDLE_SECTION_BYTES_MAX);
      expect(pieces.reduce((sum, piece) => sum + piece, 0)).toBeLessThan(3.2 * byteCount);
    },
  );

  test.each([0, 1025])('is not sealed to %i devices', async (count) => {
    const { files, anna } = await twoNodes();
    const keys = Array.from({ length: count }, () => createTestDevice(logIdOf(1)).encryptionKey);
    const exported = anna.export('stick', { recipients: { sealing: sealingOf(countingRandom()), keys } });
    await expect(exported).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    expect(files.unfinished).toBe(0);
  });
});

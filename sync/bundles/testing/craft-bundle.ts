import { concatBytes } from '#core/kernel/index.ts';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import { keyOf } from '#sync/log/testing/signed-logs.ts';
import { type LogTip, TipTree } from '#sync/reconcile/index.ts';
import { cipher, createHasher } from '#sync/segments/testing/fixtures.ts';
import { plainStart } from '../bundle-seal.ts';
import { bundleSpaceTag, signFrontier } from '../frontier.ts';
import {
  type BundleHeader,
  encodePayload,
  encodeSection,
  type IndexEntries,
  type SectionName,
  toLogEnd,
} from '../sections.ts';
import { startBody } from '../write-body.ts';
import { SPACE_ID } from './bundle-world.ts';

export interface CraftedBundle {
  readonly tips?: readonly LogTip[];
  readonly header?: Partial<BundleHeader>;
  /** Sections between the frontier and the index. */
  readonly sections?: readonly (readonly [SectionName, Uint8Array])[];
  readonly index?: Partial<IndexEntries>;
  readonly indexOffset?: bigint;
}

/** A bundle that no writer of ours would make, with a right hash of the whole. */
export async function craftBundle(crafted: CraftedBundle = {}): Promise<Uint8Array> {
  const { tips = [], sections = [] } = crafted;
  const header = signFrontier(keyOf(1), {
    spaceTag: bundleSpaceTag(blake3, SPACE_ID),
    createdAt: 1,
    base: [],
    logCount: tips.length,
    root: TipTree.of(blake3, tips).root,
  });
  const index = { proofCount: 0, logs: [], segments: [], ...crafted.index };
  const before = concatBytes([
    encodeSection('header', encodePayload('header', { ...header, ...crafted.header })),
    ...(tips.length > 0 ? [encodeSection('tips', encodePayload('tips', { tips: tips.map(toLogEnd) }))] : []),
    ...sections.map(([name, payload]) => encodeSection(name, payload)),
  ]);
  const place = new Uint8Array(8);
  new DataView(place.buffer).setBigUint64(0, crafted.indexOffset ?? BigInt(before.length));
  const parts: Uint8Array[] = [];
  const file = {
    write: async (bytes: Uint8Array) => void parts.push(bytes.slice()),
    publish: async () => {},
    discard: async () => {},
  };
  const body = await startBody({ createHasher, cipher }, file, plainStart());
  await body.write(concatBytes([before, encodeSection('index', encodePayload('index', index)), place]));
  await body.end();
  return concatBytes(parts);
}

/** Spaces by file: what `sync/bundles` reads and writes, for the spaces of this node. */
import { join } from 'node:path';
import { spoolFile } from '#core/ingestion/index.ts';
import {
  type AbortOptions,
  type Clock,
  GranaryError,
  type OperationContext,
  type Random,
  toHex,
} from '#core/kernel/index.ts';
import type { FileSystem } from '#core/platform/ports.ts';
import type { AgreementKey, Member, OneTimeCipher, X25519 } from '#sync/access/index.ts';
import {
  type BundleHeader,
  type BundleListing,
  type Bundles,
  exportBundle,
  type ExportBundleInput,
  type ExportBundleOutput,
  importBundle,
  type ImportBundleOutput,
  type ImportReport,
  isBundleOf,
  listBundle,
  openOnDevice,
  readOperations,
  sealToDevice,
  type ShowBundleOutput,
} from '#sync/bundles/index.ts';
import {
  decodeEnvelope,
  type Ed25519,
  keyFingerprint,
  orInvalid,
  peekOperation,
  type SigningKey,
} from '#sync/log/index.ts';
import { JOIN_BYTES_MAX } from '#sync/peers/index.ts';
import type { SealedFolder } from '#sync/segments/index.ts';
import { type OpenSpace, previewSpace, type SpacePreview } from '#sync/spaces/index.ts';
import type { TemporaryFolder } from '../temporary-folder.ts';
import { type BundleSegmentsDeps, createSegmentIntake, listSegments } from './bundle-segments.ts';

export interface BundlesDeps extends BundleSegmentsDeps {
  readonly files: FileSystem;
  readonly key: SigningKey;
  readonly agreementKey: AgreementKey;
  readonly clock: Clock;
  readonly random: Random;
  readonly ed25519: Ed25519;
  readonly x25519: X25519;
  readonly keyCipher: OneTimeCipher;
  /** What this node holds of the segments that it can serve. */
  readonly served: Pick<SealedFolder, 'open'>;
  /** Makes the folder of sealed segments when it is not there. */
  readonly makeFolder: () => Promise<void>;
  readonly temporaryFolder: () => Promise<TemporaryFolder>;
  /** Something came: whoever fetches or tells others can go on. */
  readonly afterImport: () => Promise<void>;
}

export function createBundles(deps: BundlesDeps): Bundles {
  const { spaces, key, blake3, ed25519, files } = deps;
  const keyDeps = { blake3, cipher: deps.keyCipher };
  const readDeps = { ...deps, sealing: openOnDevice(keyDeps, deps.agreementKey) };

  const deviceOf = (device: Uint8Array, name = '') => ({
    device: toHex(device),
    fingerprint: keyFingerprint(blake3, device),
    name,
  });

  const findSpace = async (header: Pick<BundleHeader, 'spaceTag'>): Promise<OpenSpace | undefined> =>
    [...(await spaces.opened()).values()].find(({ genesisId }) => isBundleOf(blake3, header, genesisId));

  /** Copies the file that came with the call to where it can be read at any place. */
  async function withFile<T>(context: OperationContext, work: (path: string) => Promise<T>): Promise<T | undefined> {
    for await (const file of context.files) {
      await using folder = await deps.temporaryFolder();
      await spoolFile(file, folder.path, context.signal);
      const [copy] = await files.list(folder.path);
      return await work(join(folder.path, copy!.name));
    }
    return undefined;
  }

  async function requireFile<T>(context: OperationContext, work: (path: string) => Promise<T>): Promise<T> {
    const result = await withFile(context, async (path) => ({ value: await work(path) }));
    if (result) return result.value;
    throw new GranaryError('INPUT_INVALID', 'The bundle is missing: send it with the call.');
  }

  function findRecipient(space: OpenSpace, word: string): Member {
    const member = spaces.findMember(space, word);
    if (member.level !== null) return member;
    throw new GranaryError(
      'DEVICE_NOT_FOUND',
      `The device ${JSON.stringify(member.name)} was removed from the space ${JSON.stringify(space.record.name)}: ` +
        'no bundle is sealed to it.',
      { device: toHex(member.device), space: space.record.space },
    );
  }

  /** The control operations of a bundle of a space that is not on this node; undefined when they do not tell of one. */
  async function preview(path: string, listing: BundleListing, options: AbortOptions) {
    const operations: Uint8Array[] = [];
    let byteCount = 0;
    for await (const bytes of readOperations(readDeps, path, options)) {
      const body = orInvalid(() => peekOperation({ blake3 }, bytes))?.body;
      // The bodies of control logs can be read by everybody; what follows is sealed.
      if (!body || !orInvalid(() => decodeEnvelope(body))) break;
      byteCount += bytes.length;
      if (byteCount > JOIN_BYTES_MAX) break;
      operations.push(bytes);
    }
    return previewSpace({ blake3, ed25519 }, operations, (id) => isBundleOf(blake3, listing, id));
  }

  const isMember = ({ access }: Pick<SpacePreview, 'access'>): boolean => access.levelNow(key.publicKey) !== null;

  /** The space of a bundle, joined by it when this device is a member and a person wants it. Errors: `BUNDLE_FOREIGN`. */
  async function requireSpace(path: string, mayJoin: boolean, { signal }: AbortOptions) {
    const listing = await listBundle(readDeps, path, { signal });
    const known = await findSpace(listing);
    if (known && isMember(known)) return { space: known, joinedCount: 0 };
    if (known) throw foreign(`This device was removed from the space ${JSON.stringify(known.record.name)}`);
    const found = await preview(path, listing, { signal });
    if (!found && listing.base) {
      throw foreign(
        'The bundle is of a space that is not on this node, and goes on from another bundle. Ask for one that stands alone',
      );
    }
    if (!found || !isMember(found)) {
      throw foreign(
        'The bundle is of a space that this device is not a member of. Give what granary identity shows to somebody who ' +
          'manages the space, and ask for a new bundle',
      );
    }
    if (!mayJoin) {
      throw foreign(
        `The bundle is of the space ${JSON.stringify(found.name)}, founded by ` +
          `${JSON.stringify(found.access.members.get(toHex(found.access.founder!))?.name ?? '')}, which has made this ` +
          'device a member. Import it with --join to join the space',
      );
    }
    return { space: await spaces.join(found), joinedCount: found.operations.length };
  }

  async function takeIn(
    path: string,
    mayJoin: boolean,
    { signal, report }: OperationContext,
  ): Promise<ImportBundleOutput> {
    const { space, joinedCount } = await requireSpace(path, mayJoin, { signal });
    const { record, genesisId, store, view } = space;
    await deps.makeFolder();
    const intake = createSegmentIntake(deps, record.space, { signal });
    const target = { ...intake, spaceId: genesisId, store, append: view.append };
    const found = await importBundle(readDeps, () => target, path, { signal, report });
    await spaces.settle();
    const keptCount = await intake.keep(found.segments, { signal });
    await deps.afterImport();
    const { access } = space;
    return {
      space: record.space,
      name: record.name,
      joined: joinedCount > 0,
      sender: deviceOf(found.bundle.sender, access.members.get(toHex(found.bundle.sender))?.name),
      operationCount: found.storedCount + joinedCount,
      knownOperationCount: Math.max(0, found.knownCount - joinedCount),
      segmentCount: keptCount,
      missingOperations: missingOperations(found),
      missingSegments: missingSegments(found, intake.refused),
      waiting: Object.fromEntries(spaces.reports().get(record.space)?.projection.waiting ?? []),
    };
  }

  return {
    async exportBundle(input: ExportBundleInput, context): Promise<ExportBundleOutput> {
      const { signal, report } = context;
      const space = await spaces.find(input.space);
      await deps.makeFolder();
      await spaces.settle();
      const { record, genesisId, store } = space;
      const recipients = input.recipients.map((word) => findRecipient(space, word));
      const since = await withFile(context, (path) => listBundle(readDeps, path, { signal }));
      const { segments, missingCount } = input.withData
        ? await listSegments(deps, record.space, { signal })
        : { segments: [], missingCount: 0 };
      const keys = new Map(recipients.map(({ encryptionKey }) => [toHex(encryptionKey), encryptionKey]));
      // This device opens it too, to go on from it.
      if (keys.size > 0) keys.set(toHex(deps.agreementKey.publicKey), deps.agreementKey.publicKey);
      const written = await exportBundle(
        { ...deps, files: { create: async () => ({ write: context.write, publish: done, discard: done }) } },
        { spaceId: genesisId, store },
        record.name,
        {
          since,
          segments: { segments, open: (name) => deps.served.open(name) },
          signal,
          report,
          ...(keys.size > 0
            ? { recipients: { sealing: sealToDevice({ ...deps, ...keyDeps }), keys: [...keys.values()] } }
            : {}),
        },
      );
      return {
        space: record.space,
        name: record.name,
        recipients: recipients.map(({ device, name }) => deviceOf(device, name)),
        operationCount: written.operationCount,
        segmentCount: written.segmentCount,
        byteCount: written.byteCount,
        missingSegmentCount: missingCount + written.segmentsNotHere.length,
      };
    },
    importBundle: (input, context) => requireFile(context, (path) => takeIn(path, input.join, context)),
    showBundle: (context) =>
      requireFile(context, async (path): Promise<ShowBundleOutput> => {
        const { signal } = context;
        const listing = await listBundle(readDeps, path, { signal });
        const known = await findSpace(listing);
        const found = known ? undefined : await preview(path, listing, { signal });
        const named = found && isMember(found) ? found : undefined;
        const access = known?.access ?? named?.access;
        return {
          space: known?.record.space ?? named?.space ?? null,
          name: known?.record.name ?? named?.name ?? null,
          canJoin: named !== undefined,
          sender: deviceOf(listing.sender, access?.members.get(toHex(listing.sender))?.name),
          createdAt: new Date(listing.createdAt).toISOString(),
          root: toHex(listing.root),
          since: listing.base ? toHex(listing.base) : null,
          recipientCount: listing.recipientCount,
          operationCount: listing.logs.reduce((sum, log) => sum + log.operationCount, 0),
          segmentCount: listing.segments.filter(({ byteCount }) => byteCount !== undefined).length,
          byteCount: listing.byteCount,
        };
      }),
  };
}

const done = async (): Promise<void> => undefined;

const foreign = (what: string) => new GranaryError('BUNDLE_FOREIGN', `${what}.`);

function missingOperations({ missingOperations: missing }: ImportReport): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { reason, seqStart, seqEnd } of missing) counts[reason] = (counts[reason] ?? 0) + seqEnd - seqStart + 1;
  return counts;
}

function missingSegments(
  { missingSegments: missing }: ImportReport,
  refused: ReturnType<typeof createSegmentIntake>['refused'],
): Record<string, number> {
  const reasons = new Map<string, string>(missing.map(({ name, reason }) => [name, reason]));
  for (const [name, reason] of refused) reasons.set(name, reason);
  const counts: Record<string, number> = {};
  for (const reason of reasons.values()) counts[reason] = (counts[reason] ?? 0) + 1;
  return counts;
}

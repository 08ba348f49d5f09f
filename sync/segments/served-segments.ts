import { createMutex } from '#core/kernel/index.ts';
import type { ByteSource } from '#core/platform/ports.ts';
import type { SealedFolder } from './ports.ts';
import { createSealedSource, type SealedSourceDeps } from './sealed-source.ts';
import type { SealedName, SealedSegment } from './sealed-segment.ts';

/** The opened segment that a sealed name stands for, when this node holds it. The source is the caller's to close. */
export type FindPlain = (
  name: SealedName,
) => Promise<{ readonly source: ByteSource; readonly segment: SealedSegment } | undefined>;

/**
 * What this node can serve: a sealed file of the folder, as relays have it, or else one that is made from the opened segment
 * as it is read. Errors of opening: those of `createSealedSource`.
 */
export function createServedSegments(deps: SealedSourceDeps, findPlain: FindPlain): Pick<SealedFolder, 'open'> {
  // Two peers that ask for a segment without a tree must not have it read twice, nor many of them at once.
  const oneAtATime = createMutex();
  return {
    async open(name) {
      const sealed = await deps.folder.open(name);
      if (sealed) return sealed;
      const plain = await findPlain(name);
      if (!plain) return undefined;
      try {
        return await oneAtATime(() => createSealedSource(deps, plain.source, plain.segment));
      } catch (error) {
        await plain.source.close();
        throw error;
      }
    },
  };
}

import { type AbortOptions } from '#core/kernel/index.ts';
import { openBundle, type OpenDeps } from './open-bundle.ts';
import type { BundleFiles } from './ports.ts';
import { decodePayload } from './sections.ts';

/**
 * The operations of a bundle in their order, control logs first, unchecked; reads no further than it is asked for.
 * Errors: `BUNDLE_DAMAGED`, `BUNDLE_VERSION`, `BUNDLE_SEALED`, `CANCELLED`, those of the file system.
 */
export async function* readOperations(
  deps: OpenDeps & { readonly files: Pick<BundleFiles, 'open'> },
  path: string,
  options: AbortOptions = {},
): AsyncGenerator<Uint8Array> {
  const source = await deps.files.open(path);
  try {
    const bundle = await openBundle(deps, source, options);
    for await (const { name, payload } of bundle.contents(options)) {
      if (name !== 'operations') return;
      // A section is one piece of memory; whoever keeps an operation must not keep all of it.
      for (const bytes of decodePayload(name, payload).operations) yield bytes.slice();
    }
  } finally {
    await source.close();
  }
}

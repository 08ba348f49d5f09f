/** Assets of which a space has still to be told something, since it could not be told at once. */
import type { Uuid } from '#core/kernel/index.ts';
import { type KeyValueStore, prefixRange } from '#core/platform/ports.ts';
import { untoldPrefix } from './space-keys.ts';

export async function readUntold(store: KeyValueStore, space: Uuid): Promise<Set<Uuid>> {
  const prefix = untoldPrefix(space);
  const assets = new Set<Uuid>();
  for await (const [key] of store.entries(prefixRange(prefix))) assets.add(key.slice(prefix.length) as Uuid);
  return assets;
}

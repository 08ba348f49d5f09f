import { type AssetId, readRecord } from '#core/kernel/index.ts';
import type { KeyValueStore } from '#core/platform/ports.ts';
import { ASSET_NAME_CHARACTERS_MAX } from './asset-name.ts';
import { assetNameKey } from './keys.ts';
import { readAssetId } from './read-catalog.ts';

/** Characters of a space's name that stand in the name of an asset: the asset's own name is to be read beside it. */
export const SPACE_NAME_SHOWN_MAX = 100;

/** An asset of a space and the name it wants. */
export interface NameClaim {
  readonly assetId: AssetId;
  /** In normal form, as the name of the space. */
  readonly wanted: string;
  readonly spaceName: string;
  /** The name it has here; undefined while it has none. */
  readonly current: string | undefined;
}

/** The name of an asset whose own name is taken: `NAME (SPACE)`, then `NAME (SPACE) 2` and so on. */
export function nameWithSpace(wanted: string, spaceName: string, number: number): string {
  const space = Array.from(spaceName).slice(0, SPACE_NAME_SHOWN_MAX).join('');
  const suffix = number === 1 ? ` (${space})` : ` (${space}) ${number}`;
  const room = ASSET_NAME_CHARACTERS_MAX - Array.from(suffix).length;
  return (Array.from(wanted).slice(0, room).join('') + suffix).normalize('NFC');
}

/** Whether a name is one that {@link nameWithSpace} gives. */
function isStandIn(name: string, { wanted, spaceName }: NameClaim): boolean {
  const number = Number(/ ([1-9]\d{0,8})$/.exec(name)?.[1] ?? 1);
  return name === nameWithSpace(wanted, spaceName, number) || name === nameWithSpace(wanted, spaceName, 1);
}

/**
 * The name that each claim gets, by asset: the wanted one when no other asset has it, else the stand-in it has already, else
 * the first that is free. Who comes first has the first choice, after those who have what they want; the names of `ended`
 * are free.
 */
export async function settleNames(
  store: KeyValueStore,
  claims: readonly NameClaim[],
  ended: readonly string[],
): Promise<ReadonlyMap<AssetId, string>> {
  /** Who has a name, as far as it is known; null for nobody. */
  const holders = new Map<string, AssetId | null>();
  const wanted = [...new Set(claims.map((claim) => claim.wanted))];
  for (const [i, bytes] of (await store.getMany(wanted.map(assetNameKey))).entries()) {
    holders.set(wanted[i]!, bytes ? readRecord<AssetId>(assetNameKey(wanted[i]!), bytes) : null);
  }
  const isFree = async (name: string): Promise<boolean> => {
    let holder = holders.get(name);
    if (holder === undefined) holders.set(name, (holder = (await readAssetId(store, name)) ?? null));
    return holder === null;
  };

  for (const name of ended) holders.set(name, null);
  for (const claim of claims) {
    const { current } = claim;
    if (current !== undefined && current !== claim.wanted && !isStandIn(current, claim)) holders.set(current, null);
  }
  const settled = new Map<AssetId, string>();
  /** The number that was given last, so that many assets of one name do not search from the start again. */
  const numbers = new Map<string, number>();
  for (const claim of claims) {
    const { assetId, current } = claim;
    let name = claim.wanted;
    if (current !== name && !(await isFree(name))) {
      const first = nameWithSpace(claim.wanted, claim.spaceName, 1);
      let number = numbers.get(first) ?? 1;
      if (current !== undefined && isStandIn(current, claim)) name = current;
      else {
        while (!(await isFree((name = nameWithSpace(claim.wanted, claim.spaceName, number))))) number += 1;
        numbers.set(first, number + 1);
      }
    }
    if (current !== undefined && current !== name && (holders.get(current) ?? assetId) === assetId) {
      holders.set(current, null);
    }
    holders.set(name, assetId);
    settled.set(assetId, name);
  }
  return settled;
}

/** Every place that a code moves from costs time, on both sides; a damaged file could name the last one always. */
export const RECENT_ENTRIES_MAX = 1024;

/** Where codes lie farther back than this on average, there are no clusters. */
const MEAN_PLACE_MAX = 32;
/** So many codes may be needed before clusters show. */
const CODES_BEFORE_CLUSTERS = 4096;

/**
 * Codes as places in a list that is ordered by last use (move to front): where codes come in clusters, places are small.
 * At first the list is 0, 1, 2, …. Undefined when there are too many entries, or no clusters.
 */
export function placesOfCodes(codes: Int32Array, entryCount: number): Int32Array | undefined {
  if (entryCount > RECENT_ENTRIES_MAX) return undefined;
  const list = Int32Array.from({ length: entryCount }, (_, code) => code);
  const places = new Int32Array(codes.length);
  let movesLeft = CODES_BEFORE_CLUSTERS * MEAN_PLACE_MAX;
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i]!;
    let place = 0;
    for (let moved = list[0]!; moved !== code;) {
      place += 1;
      const next = list[place]!;
      list[place] = moved;
      moved = next;
    }
    list[0] = code;
    places[i] = place;
    movesLeft += MEAN_PLACE_MAX - place;
    if (movesLeft < 0) return undefined;
  }
  return places;
}

type Codes = Uint8Array | Uint16Array | Int32Array;

/** The codes of places, which must be below `entryCount`. */
export function codesOfPlaces(places: Codes, codes: Codes, entryCount: number): void {
  const list = Int32Array.from({ length: entryCount }, (_, code) => code);
  for (let i = 0; i < places.length; i++) {
    const place = places[i]!;
    const code = list[place]!;
    for (let k = place; k > 0; k--) list[k] = list[k - 1]!;
    list[0] = code;
    codes[i] = code;
  }
}

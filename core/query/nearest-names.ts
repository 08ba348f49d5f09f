/** Names offered when one is not found. */
const SUGGESTIONS_MAX = 3;

/** Names compared; with more, only the first are looked at. */
const NAMES_COMPARED_MAX = 10_000;

/** The names most like `wanted`, nearest first: at most a third of its letters differ. */
export function nearestNames(wanted: string, names: readonly string[]): readonly string[] {
  const target = wanted.toLowerCase();
  const distanceMax = Math.max(1, Math.floor(target.length / 3));
  return names
    .slice(0, NAMES_COMPARED_MAX)
    .map((name) => ({ name, distance: editDistance(target, name.toLowerCase(), distanceMax) }))
    .filter(({ distance }) => distance <= distanceMax)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, SUGGESTIONS_MAX)
    .map(({ name }) => name);
}

/** Levenshtein's distance; anything above `distanceMax` when it is larger. */
function editDistance(left: string, right: string, distanceMax: number): number {
  if (Math.abs(left.length - right.length) > distanceMax) return distanceMax + 1;
  let previous = Array.from({ length: right.length + 1 }, (_, i) => i);
  for (let i = 1; i <= left.length; i++) {
    const current = [i];
    for (let j = 1; j <= right.length; j++) {
      const changed = previous[j - 1]! + (left[i - 1] === right[j - 1] ? 0 : 1);
      current.push(Math.min(changed, previous[j]! + 1, current[j - 1]! + 1));
    }
    previous = current;
  }
  return previous[right.length]!;
}

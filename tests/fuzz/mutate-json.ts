import { type Dice, otherNumber } from './dice.ts';

type Path = readonly (string | number)[];

const STRANGE = [
  null,
  true,
  -1,
  0.5,
  1e308,
  -(2 ** 53),
  '',
  '0',
  '\u0000',
  '\ufeff',
  '18446744073709551616',
  [],
  {},
  [[]],
];

function* paths(value: unknown, path: Path = []): Generator<Path> {
  yield path;
  if (typeof value !== 'object' || value === null) return;
  for (const [key, child] of Object.entries(value))
    yield* paths(child, [...path, Array.isArray(value) ? Number(key) : key]);
}

/** A copy of plain JSON with one node replaced, left out, doubled or swapped. */
export function mutateJson(dice: Dice, json: unknown): unknown {
  const root: unknown = structuredClone(json);
  const path = dice.pick([...paths(root)]);
  const last = path.at(-1);
  if (last === undefined) return dice.pick(STRANGE);
  // Any key of an array or an object: the tree was made from JSON.
  let parent = root as Record<string | number, unknown>;
  for (const key of path.slice(0, -1)) parent = parent[key] as Record<string | number, unknown>;
  const value = parent[last];
  switch (dice.below(5)) {
    case 0:
      if (Array.isArray(parent)) parent.splice(Number(last), 1);
      else delete parent[last];
      break;
    case 1:
      if (Array.isArray(parent)) parent.splice(Number(last), 0, value);
      else parent[dice.pick(['__proto__', 'constructor', `${last}2`])] = value;
      break;
    case 2: {
      const other = dice.pick(Object.keys(parent));
      [parent[last], parent[other]] = [parent[other], value];
      break;
    }
    case 3:
      parent[last] = nested(dice, value);
      break;
    default:
      parent[last] = typeof value === 'number' && dice.chance(0.7) ? otherNumber(dice, value) : dice.pick(STRANGE);
  }
  return root;
}

/** The value deep inside arrays or fields; usually not deep. */
function nested(dice: Dice, value: unknown): unknown {
  let result = value;
  const isField = typeof value === 'object' && value !== null && 'name' in value && dice.chance(0.8);
  for (let depth = dice.chance(0.05) ? 1000 : 1 + dice.below(80); depth > 0; depth--)
    result = isField ? { name: 'list', child: { name: 'item', type: result, nullable: true } } : [result];
  return result;
}

/** What a device may do in a space; each level includes the ones before. */
export type Level = 'pull' | 'read' | 'write' | 'manage';

/** In rising order; a level is written as its place in this list. */
export const LEVELS: readonly Level[] = ['pull', 'read', 'write', 'manage'];

/** True when `level` includes `needed`; a device that was removed has the level null. */
export const includesLevel = (level: Level | null | undefined, needed: Level): boolean =>
  level !== null && level !== undefined && LEVELS.indexOf(level) >= LEVELS.indexOf(needed);

export const leastLevel = (left: Level, right: Level): Level => (includesLevel(left, right) ? right : left);

export const greatestLevel = (left: Level, right: Level): Level => (includesLevel(left, right) ? left : right);

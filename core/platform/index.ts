export { bootId } from './boot-id.ts';
export { createJsonLogger } from './json-logger.ts';
export { openLevelStore, type OpenLevelStoreOptions } from './level-store.ts';
export { createNodeFileSystem } from './node-file-system.ts';
export * from './ports.ts';
export { systemClock } from './system-clock.ts';
export { systemRandom } from './system-random.ts';

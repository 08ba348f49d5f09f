export * from './lineage-of.ts';
export * from './record-lineage.ts';
export * from './render-lineage.ts';
export * from './operations.ts';

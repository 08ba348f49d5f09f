export * from './asset.ts';
export * from './ports.ts';

export * from './operations.ts';
export * from './ports.ts';

export * from './anonymise.ts';
export * from './audit-log.ts';
export * from './chain.ts';
export * from './entry.ts';
export * from './sequence-key.ts';
export * from './operations.ts';

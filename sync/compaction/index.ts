export * from './acknowledge-record.ts';
export * from './count-snapshots.ts';
export * from './coverage.ts';
export * from './open-snapshot.ts';
export * from './snapshot-record.ts';
export * from './take-snapshot.ts';

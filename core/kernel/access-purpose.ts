/** Why data is touched. Every operation on an asset states one; the privacy rules depend on it. */
export const ACCESS_PURPOSES = [
  'USER_VIEW',
  'PROVIDER_ACCESS',
  'RESEARCH',
  'DATA_SYNC',
  'ADMIN',
  'ANALYTICS',
  'MACHINE_LEARNING',
] as const;

export type AccessPurpose = (typeof ACCESS_PURPOSES)[number];

import type { SpaceQuotas } from '#sync/spaces/index.ts';

/** Bytes of operations that one device may have on a relay in one space. */
export const RELAY_DEVICE_BYTES_MAX = 2 ** 30;

/** Bytes of operations in one space on a relay: a cheap server has some tens of gigabytes for all its spaces. */
export const RELAY_OPERATION_BYTES_MAX = 4 * 2 ** 30;

/** Logs in one space on a relay: each costs some hundred bytes of memory, and this many 8 MB. */
export const RELAY_LOGS_MAX = 16_384;

/** Logs of one device in one space on a relay. */
export const RELAY_DEVICE_LOGS_MAX = 1024;

/** What one space may take on a relay, less than on a node of its members. */
export const RELAY_QUOTAS: SpaceQuotas = {
  deviceLogs: RELAY_DEVICE_LOGS_MAX,
  logs: RELAY_LOGS_MAX,
  deviceBytes: RELAY_DEVICE_BYTES_MAX,
  bytes: RELAY_OPERATION_BYTES_MAX,
};

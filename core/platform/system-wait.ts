import { setTimeout } from 'node:timers/promises';
import type { Wait } from '#core/kernel/index.ts';

/** Waits by a timer that does not keep the process alive. */
export const systemWait: Wait = async (milliseconds, { signal }) => {
  await setTimeout(milliseconds, undefined, { ref: false, ...(signal ? { signal } : {}) });
};

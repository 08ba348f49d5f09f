import { setTimeout } from 'node:timers/promises';
import type { Wait } from '../ports.ts';

/** Waits by a timer that does not keep the process alive. */
export const nodeWait: Wait = async (milliseconds, { signal }) => {
  await setTimeout(milliseconds, undefined, { ref: false, ...(signal ? { signal } : {}) });
};

import { readFile } from 'node:fs/promises';
import { uptime } from 'node:os';

/** Clocks are corrected while a machine runs; two readings of one boot must still give one name. */
const BOOT_TIME_STEP_MS = 60_000;

/**
 * Names the current boot of the machine: equal as long as it runs, different after a restart or a power loss. Linux
 * tells; elsewhere it is the boot time to the minute, which may change once within a boot when a clock is corrected. That
 * errs on the safe side: a view is rebuilt that need not be.
 */
export async function bootId(): Promise<string> {
  try {
    return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  } catch {
    return `boot-${Math.round((Date.now() - uptime() * 1000) / BOOT_TIME_STEP_MS)}`;
  }
}

import { readFileSync } from 'node:fs';

/**
 * The most memory (bytes) this process has held. On Linux of the program alone: what `getrusage` says begins with the
 * memory of the process it was forked from.
 */
export function peakMemory(): number {
  const kibibytes =
    process.platform === 'linux'
      ? Number(/^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'))![1])
      : process.resourceUsage().maxRSS;
  return kibibytes * 1024;
}

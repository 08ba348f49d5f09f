// The command line, in a process that tells its peak memory (bytes) on file descriptor 3 as it ends.
import { writeSync } from 'node:fs';

process.on('exit', () => writeSync(3, String(process.resourceUsage().maxRSS * 1024)));
await import('#core/node/cli.ts');

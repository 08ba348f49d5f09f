// The command line, in a process that tells its peak memory (bytes) on file descriptor 3 as it ends.
import { writeSync } from 'node:fs';
import { peakMemory } from './peak-memory.ts';

process.on('exit', () => writeSync(3, String(peakMemory())));
await import('#core/node/cli.ts');

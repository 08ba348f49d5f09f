import { execFileSync } from 'node:child_process';
import { defineConfig } from 'vitest/config';

/** Examples of properties follow from what is committed: each change tries others, and a run that failed can be repeated. */
const tree = execFileSync('git', ['rev-parse', 'HEAD^{tree}'], { cwd: import.meta.dirname, encoding: 'utf8' });

export default defineConfig({
  test: {
    include: ['{core,sync,tests}/**/*.test.ts'],
    exclude: ['tests/bench/**'],
    setupFiles: ['tests/seed-properties.ts'],
    provide: { propertySeed: Number.parseInt(tree.slice(0, 7), 16) },
    // Real processes, servers and a browser share two cores here and in CI.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
  },
});

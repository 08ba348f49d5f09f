import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{core,sync,tests}/**/*.test.ts'],
    exclude: ['tests/bench/**'],
    // Real processes, servers and a browser share two cores here and in CI.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
  },
});

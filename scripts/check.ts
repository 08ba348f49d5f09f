/** `npm run check`: everything that can be said about the sources without running the product. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root, runNode, toolProgram } from './run-tool.ts';

interface Check {
  readonly name: string;
  /** Arguments of `node`. */
  readonly args: () => readonly string[];
}

const FOLDERS = ['core', 'sync', 'migrations', 'renderer', 'scripts', 'tests'];

const checks: readonly Check[] = [
  { name: 'format', args: () => [toolProgram('oxfmt'), '--check'] },
  { name: 'lint', args: () => [toolProgram('oxlint'), '--deny-warnings'] },
  { name: 'types', args: () => [toolProgram('typescript', 'tsc'), '-p', 'tsconfig.json'] },
  { name: 'types in the browser', args: () => [toolProgram('typescript', 'tsc'), '-p', 'tsconfig.browser.json'] },
  {
    name: 'imports',
    args: () => [toolProgram('dependency-cruiser', 'depcruise'), ...FOLDERS, '--config', '.dependency-cruiser.cjs'],
  },
  { name: 'dead code', args: () => [toolProgram('knip'), '--no-progress'] },
  { name: 'documents', args: () => ['scripts/check-docs.ts'] },
  ...(existsSync(join(root, 'scripts/build-codec.ts'))
    ? [{ name: 'codec module', args: () => ['scripts/build-codec.ts', '--check'] }]
    : []),
];

/** Runs every check, prints a line for each and the output of those that failed; returns the names of the failed. */
export async function runChecks(): Promise<string[]> {
  const failed: string[] = [];
  for (const { name, args } of checks) {
    const start = performance.now();
    const { exitCode, output } = await runNode(args());
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`${exitCode === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
    if (exitCode === 0) continue;
    failed.push(name);
    console.log(output.trimEnd());
  }
  return failed;
}

if (import.meta.main) process.exitCode = (await runChecks()).length > 0 ? 1 : 0;

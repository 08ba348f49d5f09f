/**
 * `npm test`: the checks, then every test. Arguments go to vitest. The last line is `N passed, N failed`; a failed check
 * and a test file that cannot be loaded count as failed, and tests that cannot run on this machine are named.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runChecks } from './check.ts';
import { runNode, toolProgram } from './run-tool.ts';
import { summarise, type VitestReport } from './test-summary.ts';

async function runTests(args: readonly string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'granary-test-report-'));
  try {
    const path = join(folder, 'report.json');
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${path}`];
    const { exitCode } = await runNode([toolProgram('vitest'), 'run', ...reporters, ...args], { show: true });
    const report = existsSync(path) ? (JSON.parse(await readFile(path, 'utf8')) as VitestReport) : undefined;
    return summarise(report, exitCode);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const failedChecks = await runChecks();
const { passed, failed, skipped, notes } = await runTests(process.argv.slice(2));
for (const name of skipped) console.log(`skipped, because this machine cannot run it: ${name}`);
for (const note of notes) console.log(note);
for (const name of failedChecks) console.log(`failed check: ${name}`);
const failures = failed + failedChecks.length;
console.log(`${passed} passed, ${failures} failed`);
process.exitCode = failures > 0 ? 1 : 0;

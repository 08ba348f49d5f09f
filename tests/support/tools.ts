import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { installPackages } from './browser.ts';

const run = promisify(execFile);

/** A program of the system that tests compare with. */
export type Tool = (args: readonly string[]) => Promise<{ readonly stdout: string; readonly stderr: string }>;

/**
 * A program of the system, installed from its Debian package where it is missing and we are root; undefined where it
 * cannot be had. Tests then say so by `test.runIf(tool)`.
 */
export async function findTool(
  program: string,
  packageName: string,
  versionFlag = '-version',
): Promise<Tool | undefined> {
  const tool: Tool = (args) => run(program, args, { maxBuffer: 64 * 2 ** 20 });
  const works = () =>
    tool([versionFlag]).then(
      () => true,
      () => false,
    );
  if (await works()) return tool;
  await installPackages([packageName]).catch(() => undefined);
  return (await works()) ? tool : undefined;
}

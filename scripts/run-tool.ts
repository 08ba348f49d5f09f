import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root: string = join(import.meta.dirname, '..');

/** The arguments of `node` that start a development tool: its own program, so that no shell or PATH is involved. */
export function toolProgram(packageName: string, program = packageName): string {
  const folder = join(root, 'node_modules', packageName);
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as PackageManifest;
  const path = typeof bin === 'string' ? bin : bin[program];
  if (path === undefined) throw new Error(`The package ${packageName} has no program ${program}.`);
  return join(folder, path);
}

interface PackageManifest {
  readonly bin: string | Record<string, string>;
}

export interface RunResult {
  readonly exitCode: number;
  /** Standard output and standard error as they came; empty when shown. */
  readonly output: string;
}

/** Runs `node` with `args` in the project's folder; with `show`, what it prints goes to the terminal at once. */
export function runNode(args: readonly string[], { show = false } = {}): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      stdio: ['ignore', ...(show ? (['inherit', 'inherit'] as const) : (['pipe', 'pipe'] as const))],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('error', reject);
    child.on('close', (exitCode) => resolve({ exitCode: exitCode ?? 1, output }));
  });
}

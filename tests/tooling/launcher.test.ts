import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

/** Stands in for the product: does what it is told and says what it was given. */
const STAND_IN = `
let interrupts = 0;
const [order, ...rest] = process.argv.slice(2);
if (order === 'exit') process.exitCode = Number(rest[0]);
if (order === 'die') process.kill(process.pid, 'SIGKILL');
if (order === 'echo') process.stdin.pipe(process.stdout);
if (order === 'wait') {
  const alive = setInterval(() => {}, 1000);
  process.on('SIGINT', () => {
    interrupts += 1;
    setTimeout(() => { console.log('interrupts ' + interrupts); clearInterval(alive); }, 200);
  });
}
console.log(JSON.stringify({ cwd: process.cwd(), rest, pid: process.pid }));
`;

const manifest = {
  name: 'stand-in',
  version: '1.0.0',
  bin: { granary: 'bin/granary.mjs' },
  type: 'module',
  scripts: { granary: 'node bin/granary.mjs' },
};

let folder: string;
let project: string;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'granary-launcher-')));
  project = join(folder, 'a project');
  await mkdir(join(project, 'core/node'), { recursive: true });
  await mkdir(join(project, 'node_modules'));
  await mkdir(join(project, 'sub'));
  await cp(join(import.meta.dirname, '../../bin'), join(project, 'bin'), { recursive: true });
  await writeFile(join(project, 'core/node/cli.ts'), STAND_IN);
  await writeFile(join(project, 'package.json'), JSON.stringify(manifest));
  await writeFile(
    join(project, 'package-lock.json'),
    JSON.stringify({ lockfileVersion: 3, packages: { '': manifest } }),
  );
  await writeFile(join(project, 'node_modules/.package-lock.json'), JSON.stringify({ packages: {} }));
});
afterEach(() => rm(folder, { recursive: true }));

interface Outcome {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function outcomeOf(child: ChildProcess): Promise<Outcome> {
  const exit = new Promise<number | null>((resolve) => child.on('close', resolve));
  const [stdout, stderr] = await Promise.all([text(child.stdout!), text(child.stderr!)]);
  return { exitCode: await exit, stdout, stderr };
}

function start(command: string, args: readonly string[], cwd: string): ChildProcess {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(npm_|INIT_CWD|VITEST|NODE_)/i.test(name)),
  );
  // A session of its own has no terminal, as under a service manager.
  return spawn(command, args, { cwd, env, detached: true });
}

const granary = (args: readonly string[], cwd = project, path = join(project, 'bin/granary.mjs')) =>
  outcomeOf(start(process.execPath, [path, ...args], cwd));
const said = ({ stdout }: Outcome) => JSON.parse(stdout.slice(stdout.indexOf('{')).split('\n')[0]!);

describe('the launcher', () => {
  test('passes arguments and exit code on, and leaves no noise', async () => {
    const outcome = await granary(['exit', '2', 'two words', '--flag', '$HOME']);
    expect(outcome.exitCode).toBe(2);
    expect(said(outcome).rest).toEqual(['2', 'two words', '--flag', '$HOME']);
    expect(outcome.stderr).toBe('');
    expect(outcome.stdout.split('\n')).toHaveLength(2);
    expect((await stat(join(project, 'node_modules/.granary-setup'))).isFile()).toBe(true);
  });

  test('passes standard input on', async () => {
    const child = start(process.execPath, [join(project, 'bin/granary.mjs'), 'echo'], project);
    child.stdin!.end('from the caller');
    expect((await outcomeOf(child)).stdout).toContain('from the caller');
  });

  test('runs in the folder of the caller, also by a link', async () => {
    const link = join(folder, 'granary');
    await symlink(join(project, 'bin/granary.mjs'), link);
    expect(said(await granary(['exit', '0'], folder, link)).cwd).toBe(folder);
  });

  test('runs in the folder of the caller when npm runs it', async () => {
    const sub = join(project, 'sub');
    const outcome = await outcomeOf(start('npm', ['run', 'granary', '--silent', '--', 'exit', '0', 'x'], sub));
    expect(outcome.exitCode).toBe(0);
    expect(said(outcome)).toMatchObject({ cwd: sub, rest: ['0', 'x'] });
  });

  test('runs by npx', async () => {
    const outcome = await outcomeOf(start('npx', ['granary', 'exit', '0', 'x'], project));
    expect(said(outcome)).toMatchObject({ cwd: project, rest: ['0', 'x'] });
  });

  test('passes an interrupt on once and waits for the end', async () => {
    const child = start(process.execPath, [join(project, 'bin/granary.mjs'), 'wait'], project);
    child.stdout!.once('data', () => child.kill('SIGINT'));
    const outcome = await outcomeOf(child);
    expect(outcome.stdout).toContain('interrupts 1');
    expect(outcome.exitCode).toBe(0);
  });

  test('ends when npm is told to end', async () => {
    const child = start('npm', ['run', 'granary', '--', 'wait'], project);
    const line = await new Promise<string>((resolve) => {
      child.stdout!.on('data', (chunk: Buffer) => chunk.includes('"pid"') && resolve(chunk.toString()));
    });
    const { pid } = said({ exitCode: null, stdout: line, stderr: '' });
    const ended = outcomeOf(child);
    child.kill('SIGTERM');
    await ended;
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });

  test('tells of a child that a signal ended as shells do', async () => {
    expect((await granary(['die'])).exitCode).toBe(128 + 9);
  });

  test('shows what npm said when packages cannot be installed, and does not start', async () => {
    await rm(join(project, 'node_modules/.package-lock.json'));
    const preinstall = `node -e "console.error('the cause of it'); process.exit(7)"`;
    await writeFile(join(project, 'package.json'), JSON.stringify({ ...manifest, scripts: { preinstall } }));
    const outcome = await granary(['exit', '0']);
    expect(outcome.exitCode).toBe(1);
    expect(outcome.stdout).toBe('');
    expect(outcome.stderr).toContain('installing packages');
    expect(outcome.stderr).toContain('the cause of it');
    expect(outcome.stderr).toContain('run the command again');
    expect(outcome.stderr).not.toContain('    at ');
  });
});

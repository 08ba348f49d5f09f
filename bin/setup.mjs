// Makes a fresh clone ready: installs the locked packages and finds the Node that the product runs on.
// Runs on any Node from 20 on and uses nothing but Node itself, because it runs before anything is installed.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const NODE_MAJOR_MIN = 24;
/** With npm's own patience, package after package, a machine without a network would be told so after ten minutes. */
const RETRY_FLAGS = ['--fetch-retries=1', '--fetch-retry-mintimeout=500', '--fetch-retry-maxtimeout=500'];
/** npm names the cause first and then explains itself at length. */
const NPM_OUTPUT_LINES_SHOWN = 25;

const lockPath = join(root, 'package-lock.json');
const stampPath = join(root, 'node_modules', '.granary-setup');

/** A failure that the person at the keyboard can mend. */
export class SetupError extends Error {}

/** Installs what is missing and returns the path of a Node that can run the product. */
export async function setUp() {
  const lock = readFileSync(lockPath);
  const stamp = createHash('sha256').update(lock).update(`${process.platform}-${process.arch}`).digest('hex');
  if (!existsSync(stampPath) || readFileSync(stampPath, 'utf8') !== stamp) {
    const { packages } = JSON.parse(lock.toString());
    if (!isInstalled(packages)) await installPackages(packages);
    writeFileSync(stampPath, stamp);
  }
  return findNode();
}

/** True when npm's own record says that every locked package that fits this machine is there. */
function isInstalled(locked) {
  const recordPath = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(recordPath)) return false;
  const installed = JSON.parse(readFileSync(recordPath, 'utf8')).packages;
  return Object.entries(locked).every(
    ([path, { version, optional }]) =>
      path === '' || (path in installed ? installed[path].version === version : optional === true),
  );
}

/**
 * Not `npm ci`: that refuses a lockfile which lacks the optional packages of other platforms, and lockfiles resolved
 * against a registry that does not carry them all lack some. What was installed is compared with the lockfile instead.
 */
async function installPackages(locked) {
  const finish = showProgress('Setting up Granary: installing packages');
  const kinds = ['--include=dev', '--include=optional'];
  const { exitCode, output } = await runNpm([
    'install',
    '--no-save',
    '--no-audit',
    '--no-fund',
    ...kinds,
    ...RETRY_FLAGS,
  ]);
  finish();
  if (exitCode === 0 && isInstalled(locked)) return;
  const lines = output.trimEnd().split('\n').slice(0, NPM_OUTPUT_LINES_SHOWN);
  throw new SetupError(
    [
      ...lines,
      '',
      exitCode === 0
        ? 'The installed packages are not those of package-lock.json. Remove node_modules and run the command again.'
        : `The packages could not be installed: npm ended with code ${exitCode} and said what stands above. Check that ` +
          'this machine reaches the npm registry and that the disk has 1 GB free, then run the command again.',
    ].join('\n'),
  );
}

/** On a terminal one line that counts the seconds in place; elsewhere one line, so that logs stay short. */
function showProgress(text) {
  const { stderr } = process;
  if (!stderr.isTTY) {
    stderr.write(`${text} (once; this can take a minute or two)\n`);
    return () => {};
  }
  const start = performance.now();
  const show = () => stderr.write(`\r${text} … ${Math.round((performance.now() - start) / 1000)} s`);
  show();
  const timer = setInterval(show, 1000);
  return () => {
    clearInterval(timer);
    show();
    stderr.write('\n');
  };
}

function runNpm(args) {
  // Under npm this is the npm that runs us; otherwise the one on the path, which on Windows is a batch file.
  const own = process.env.npm_execpath;
  const [command, first] = own && basename(own) === 'npm-cli.js' ? [process.execPath, [own]] : ['npm', []];
  return new Promise((resolve, reject) => {
    const npm = spawn(command, [...first, ...args, '--loglevel=error'], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: command === 'npm' && process.platform === 'win32',
    });
    let output = '';
    for (const stream of [npm.stdout, npm.stderr]) stream.on('data', (chunk) => (output += chunk));
    npm.on('error', (cause) =>
      reject(new SetupError(`npm cannot be started (${cause.message}). Install npm, which comes with Node.`)),
    );
    npm.on('close', (exitCode, signal) => resolve({ exitCode: exitCode ?? signal, output }));
  });
}

const majorOf = (version) => Number(version.split('.')[0]);

function findNode() {
  if (majorOf(process.versions.node) >= NODE_MAJOR_MIN) return process.execPath;
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  const program = process.platform === 'win32' ? 'node.exe' : 'node';
  const installed = join(root, 'node_modules', `node-${platform}-${process.arch}`, 'bin', program);
  if (existsSync(installed)) return installed;
  throw new SetupError(
    `Granary runs on Node ${NODE_MAJOR_MIN} or later; this is Node ${process.versions.node}, and no newer one can be ` +
      `installed along with the packages on ${process.platform}-${process.arch}. Install Node ${NODE_MAJOR_MIN} from ` +
      'https://nodejs.org and run the command again.',
  );
}

// Runs one of the project's TypeScript files on the right Node, as if it were this process.
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { root, SetupError, setUp } from './setup.mjs';

const PARENT_CHECK_INTERVAL_MS = 500;

/** Sets up if needed, runs `script` (relative to the project) in the folder `cwd`, and ends with its exit code. */
export async function launch(script, args, cwd) {
  try {
    const node = await setUp();
    process.exitCode = await run(node, ['--disable-warning=ExperimentalWarning', join(root, script), ...args], cwd);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}

function run(node, args, cwd) {
  const env = { NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'granary-compile'), ...process.env };
  return new Promise((resolve, reject) => {
    const child = spawn(node, args, { cwd, env, stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
    // A child that has to kill itself says first what its exit code is.
    let told;
    child.on('message', (message) => (told = message.exitCode));
    // A terminal sends Ctrl-C to the child itself; passing it on as well would count as pressing it twice.
    const isOnTerminal = hasTerminal();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
      process.on(signal, () => {
        if (signal !== 'SIGINT' || !isOnTerminal) child.kill(signal);
      });
    }
    const stopWatching = onOrphaned(() => child.kill('SIGTERM'));
    child.on('error', (cause) =>
      reject(new SetupError(`${node} cannot be started: ${cause.message}. Remove node_modules and try again.`)),
    );
    child.on('close', (exitCode, signal) => {
      stopWatching();
      resolve(told ?? exitCode ?? 128 + constants.signals[signal]);
    });
  });
}

/** npm sends SIGTERM to the shell between it and us and no further: when that shell is gone, so should we be. */
function onOrphaned(stop) {
  if (!process.env.npm_lifecycle_event) return () => {};
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    stop();
  }, PARENT_CHECK_INTERVAL_MS);
  return () => clearInterval(timer);
}

/** True when a terminal controls this process, wherever its input and output go. */
function hasTerminal() {
  if (process.platform === 'win32') return true;
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}

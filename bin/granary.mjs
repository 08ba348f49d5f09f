#!/usr/bin/env node
// The command `granary`. It sets up a fresh clone by itself and may be called from any folder, also by a link.
import { join } from 'node:path';
import { launch } from './launch.mjs';
import { root } from './setup.mjs';

// npm changes to the project's folder before it runs a script; the caller's paths are relative to where npm was called.
const { INIT_CWD, npm_package_json: packageJson } = process.env;
const isRunByNpm = INIT_CWD && packageJson === join(root, 'package.json') && process.cwd() === root;

await launch('core/node/cli.ts', process.argv.slice(2), isRunByNpm ? INIT_CWD : process.cwd());

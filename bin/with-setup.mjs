// Runs one of the project's scripts after setting up: `node bin/with-setup.mjs scripts/test.ts …`.
import { launch } from './launch.mjs';
import { root } from './setup.mjs';

const [script, ...args] = process.argv.slice(2);
if (!script) {
  process.stderr.write('usage: node bin/with-setup.mjs <script> [arguments]\n');
  process.exitCode = 2;
} else {
  await launch(script, args, root);
}

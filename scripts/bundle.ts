import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { root } from './run-tool.ts';

/** One entry and all that it imports as one classic script for browsers, without a trace of Node. */
export async function bundleForBrowser(entry: string): Promise<string> {
  const bundle = await rolldown({
    input: join(root, entry),
    cwd: root,
    platform: 'browser',
    // A warning is an import that a browser cannot resolve, or worse.
    onwarn(warning) {
      throw new Error(warning.message);
    },
  });
  try {
    const { output } = await bundle.generate({ format: 'iife', minify: true, codeSplitting: false });
    if (output.length !== 1) throw new Error(`The bundle of ${entry} has ${output.length} files instead of one.`);
    return output[0].code;
  } finally {
    await bundle.close();
  }
}

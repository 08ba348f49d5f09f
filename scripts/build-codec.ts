/**
 * Builds the column codec's WASM module from `core/columnar/wasm/*.as.ts` and writes it as a base64 string, so that
 * Node, the browser and Electron load it from the same source without a file path.
 *
 *     build-codec.ts           writes core/columnar/wasm/codec-module.ts
 *     build-codec.ts --check   fails when the committed module does not match its sources
 */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = fileURLToPath(new URL('../', import.meta.url));
const SOURCE = 'core/columnar/wasm/codec.as.ts';
const MODULE = new URL('../core/columnar/wasm/codec-module.ts', import.meta.url);

/** Compiles the sources; the same sources and the same pinned compiler give the same bytes. */
async function compile(): Promise<Uint8Array> {
  let binary: Uint8Array | undefined;
  let text = '';
  const options = ['--baseDir', root, '-O3', '--noAssert', '--runtime', 'stub', '--enable', 'simd'];
  const { error, stderr } = await asc.main([SOURCE, ...options, '--outFile', 'codec.wasm', '--textFile', 'codec.wat'], {
    writeFile: (name, contents) => {
      if (contents instanceof Uint8Array) binary = contents;
      else if (name === 'codec.wat') text = contents;
    },
  });
  if (error) throw new Error(`${error.message}\n${stderr.toString()}`);
  if (!binary) throw new Error('The compiler wrote no module.');
  // The memory below the heap is laid out by hand (layout.as.ts), and the host offers no imports.
  if (/\((?:data|import) /.test(text)) throw new Error('The module may have neither static data nor imports.');
  return binary;
}

const moduleText = (binary: Uint8Array): string =>
  `// Written by scripts/build-codec.ts from the sources beside it; do not edit.\n` +
  `export const CODEC_MODULE_BASE64 =\n  '${Buffer.from(binary).toString('base64')}';\n`;

const text = moduleText(await compile());
if (process.argv.includes('--check')) {
  const committed = await readFile(MODULE, 'utf8').catch(() => '');
  if (committed === text) console.log('codec-module.ts matches its sources.');
  else {
    console.error('codec-module.ts does not match its sources. Run: npm run build:codec');
    process.exitCode = 1;
  }
} else {
  await writeFile(MODULE, text);
  console.log(`codec-module.ts written, ${text.length} characters.`);
}

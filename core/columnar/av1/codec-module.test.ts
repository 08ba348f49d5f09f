import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { codecMemoryBytes, releaseCodec, useCodec } from './codec-instance.ts';
import { decodePalette, encodePalette } from './palette.ts';

const script = fileURLToPath(new URL('../../../scripts/build-codec.ts', import.meta.url));

describe('the WASM module', () => {
  it('is what its sources give', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [script, '--check']);
    expect(stdout).toContain('matches its sources');
  });

  it('is let go when it holds more than it should, and made again', () => {
    const symbols = new Uint8Array(3_000_000);
    const options = { alphabet: 2, mapping: 'rank' } as const;
    encodePalette(symbols, options);
    const grown = codecMemoryBytes();
    expect(grown).toBeGreaterThan(symbols.length);
    releaseCodec(grown);
    expect(codecMemoryBytes()).toBe(grown);
    releaseCodec(1_000_000);
    expect(codecMemoryBytes()).toBe(0);
    const few = Uint8Array.of(1, 0, 1);
    const unit = encodePalette(few, options);
    expect(decodePalette(unit, { symbolCount: 3, mapping: 'rank' }).symbols).toEqual(few);
    expect(codecMemoryBytes()).toBeLessThan(grown);
  });

  it('refuses to grow without bounds', () => {
    expect(() => useCodec().reserve(2 ** 31)).toThrow('Use smaller row groups');
  });
});

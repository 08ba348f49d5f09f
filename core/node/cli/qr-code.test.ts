import { encode } from 'uqr';
import { expect, test } from 'vitest';
import { drawQrCode } from './qr-code.ts';

const TEXT = 'granary-ticket-0123456789-abcdefghijklmnopqrstuvwxyz';

/** Colours of the two halves of each cell, from the escapes alone. */
function readModules(lines: readonly string[]): boolean[][] {
  return lines.flatMap((line) => {
    const rows: [boolean[], boolean[]] = [[], []];
    for (const [, upper, lower, cells] of line.matchAll(/\u001B\[38;5;(\d+);48;5;(\d+)m(▀+)/g)) {
      for (const _ of cells!) {
        rows[0].push(upper === '16');
        rows[1].push(lower === '16');
      }
    }
    return rows;
  });
}

test('the colours that are set are the code, with a white border of two', () => {
  const { width, lines } = drawQrCode(TEXT)!;
  const modules = readModules(lines).slice(0, width);
  expect(modules).toEqual(encode(TEXT, { border: 2 }).data);
  const border = [...modules.slice(0, 2), ...modules.slice(-2)].flat();
  expect(border.some(Boolean)).toBe(false);
  expect(lines.every((line) => line.endsWith('\u001B[0m'))).toBe(true);
});

test('a text that no code can hold gives none', () => {
  expect(drawQrCode('a'.repeat(3000))).toBeUndefined();
});

import { encode } from 'uqr';

/** White modules around the code. The standard asks for four; phones read two, and a ticket fits into 80 columns. */
const BORDER = 2;

/** The fixed black and white of the 256 colours: themes change the first sixteen. */
const BLACK = 16;
const WHITE = 231;

const UPPER_HALF = '▀';

/** A code for a phone's camera: lines of text, each two rows of modules high, and their width. */
export interface QrCode {
  readonly width: number;
  readonly lines: readonly string[];
}

/**
 * Draws a QR code with colours of its own, so that it can be read on dark and on light terminals. Undefined when the
 * text is longer than a code can hold, some 2,900 bytes.
 */
export function drawQrCode(text: string): QrCode | undefined {
  let modules: boolean[][];
  try {
    modules = encode(text, { border: BORDER }).data;
  } catch {
    return undefined;
  }
  const width = modules.length;
  const lines = Array.from({ length: Math.ceil(width / 2) }, (_, i) => drawLine(modules[2 * i]!, modules[2 * i + 1]));
  return { width, lines };
}

/** Two rows of modules as one line; the last has none below it. */
function drawLine(upper: readonly boolean[], lower: readonly boolean[] = []): string {
  let drawn = '';
  const cells = upper.map((isBlack, column) => {
    const colours = `\u001B[38;5;${isBlack ? BLACK : WHITE};48;5;${lower[column] ? BLACK : WHITE}m`;
    const change = colours === drawn ? '' : colours;
    drawn = colours;
    return change + UPPER_HALF;
  });
  return `${cells.join('')}\u001B[0m`;
}

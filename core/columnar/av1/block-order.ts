import { BLOCK_SIZE, type FrameSize, type Tile } from './frame-shape.ts';

/**
 * The coding order of pixels within a block (AV1 "Palette tokens syntax"): anti-diagonals, each from its top row. Gives
 * the row and the column of every symbol of a block of that size.
 */
function scanOrder(width: number, height: number): { readonly rows: Uint8Array; readonly columns: Uint8Array } {
  const rows = new Uint8Array(width * height);
  const columns = new Uint8Array(width * height);
  let next = 0;
  for (let diagonal = 0; diagonal < width + height - 1; diagonal++)
    for (let row = Math.max(0, diagonal - width + 1); row <= Math.min(diagonal, height - 1); row++) {
      rows[next] = row;
      columns[next++] = diagonal - row;
    }
  return { rows, columns };
}

/** Calls `visit` for every symbol of a frame in coding order with the index of its pixel in the plane. */
function visitPixels(size: FrameSize, tiles: readonly Tile[], visit: (symbol: number, pixel: number) => void): void {
  const orders = new Map<number, ReturnType<typeof scanOrder>>();
  let symbol = 0;
  for (const tile of tiles)
    for (let y = tile.y; y < tile.y + tile.height; y += BLOCK_SIZE)
      for (let x = tile.x; x < tile.x + tile.width; x += BLOCK_SIZE) {
        const width = Math.min(BLOCK_SIZE, tile.x + tile.width - x);
        const height = Math.min(BLOCK_SIZE, tile.y + tile.height - y);
        const key = width * 256 + height;
        const { rows, columns } = orders.get(key) ?? scanOrder(width, height);
        if (!orders.has(key)) orders.set(key, { rows, columns });
        const start = y * size.width + x;
        for (let i = 0; i < rows.length; i++) visit(symbol++, start + rows[i]! * size.width + columns[i]!);
      }
}

/** Pixels row by row from symbols in coding order: tile after tile, block after block. */
export function symbolsToPlane(symbols: Uint8Array, size: FrameSize, tiles: readonly Tile[]): Uint8Array {
  const plane = new Uint8Array(size.width * size.height);
  visitPixels(size, tiles, (symbol, pixel) => {
    plane[pixel] = symbols[symbol]!;
  });
  return plane;
}

/** The inverse of {@link symbolsToPlane}. */
export function planeToSymbols(plane: Uint8Array, size: FrameSize, tiles: readonly Tile[]): Uint8Array {
  const symbols = new Uint8Array(size.width * size.height);
  visitPixels(size, tiles, (symbol, pixel) => {
    symbols[symbol] = plane[pixel]!;
  });
  return symbols;
}

import { GranaryError } from '#core/kernel/index.ts';
import { BitReader, BitWriter, type FixedField } from './bits.ts';
import { type Tile, type TileGrid, tileGrid, tileLimits } from './frame-shape.ts';
import type { SequenceHeader } from './sequence-header.ts';

/**
 * The frame OBU of the column profile (AV1 "Uncompressed header syntax", "Tile info syntax", "Tile group OBU syntax"): a
 * shown key frame without any filter. base_q_idx is 1 and every block is skipped: that is exact, and spares decoders
 * the 256 prediction steps a block that lossless coding (base_q_idx 0, 4x4 transforms) would cost them.
 */
const BEFORE_TILES: readonly FixedField[] = [
  ['show_existing_frame', 1, 0],
  ['frame_type', 2, 0],
  ['show_frame', 1, 1],
  ['disable_cdf_update', 1, 0],
  ['frame_size_override_flag', 1, 0],
  ['render_and_frame_size_different', 1, 0],
  ['allow_intrabc', 1, 0],
  ['disable_frame_end_update_cdf', 1, 1],
  ['uniform_tile_spacing_flag', 1, 1],
];

const BASE_Q_IDX = 1;
const BEFORE_CHROMA: readonly FixedField[] = [['DeltaQYDc coded', 1, 0]];
const WITH_CHROMA: readonly FixedField[] = [
  ['DeltaQUDc coded', 1, 0],
  ['DeltaQUAc coded', 1, 0],
];
const AFTER_QUANTIZER: readonly FixedField[] = [
  ['using_qmatrix', 1, 0],
  ['segmentation_enabled', 1, 0],
  ['delta_q_present', 1, 0],
  ['loop_filter_level[0]', 6, 0],
  ['loop_filter_level[1]', 6, 0],
  ['loop_filter_sharpness', 3, 0],
  ['loop_filter_delta_enabled', 1, 0],
  ['tx_mode_select', 1, 0],
  ['reduced_tx_set', 1, 0],
];

/** Our writer gives every tile but the last a size in this many bytes. */
const TILE_SIZE_BYTES = 4;

/** Where a tile's data lies in the frame's payload. */
export interface TileData extends Tile {
  readonly data: Uint8Array;
}

function writeLog2(writer: BitWriter, value: number, min: number, max: number): void {
  for (let k = min; k < max; k++) {
    writer.write(1, k < value ? 1 : 0);
    if (k >= value) return;
  }
}

function readLog2(reader: BitReader, min: number, max: number): number {
  let value = min;
  while (value < max && reader.read(1) === 1) value++;
  return value;
}

/** The payload of the frame OBU, as parts to be joined: headers, sizes and the data of the grid's tiles in order. */
export function writeFrame(grid: TileGrid, tileData: readonly Uint8Array[]): Uint8Array[] {
  const writer = new BitWriter();
  writer.writeFixed(BEFORE_TILES);
  writeLog2(writer, grid.columnsLog2, grid.columnsLog2Min, grid.columnsLog2Max);
  writeLog2(writer, grid.rowsLog2, grid.rowsLog2Min, grid.rowsLog2Max);
  const tilesLog2 = grid.columnsLog2 + grid.rowsLog2;
  if (tilesLog2 > 0) {
    writer.write(tilesLog2, 0); // context_update_tile_id
    writer.write(2, TILE_SIZE_BYTES - 1);
  }
  writer.write(8, BASE_Q_IDX);
  writer.writeFixed(BEFORE_CHROMA);
  writer.writeFixed(WITH_CHROMA);
  writer.writeFixed(AFTER_QUANTIZER);
  const parts = [writer.bytes()];
  // tile_start_and_end_present_flag and its alignment
  if (tileData.length > 1) parts.push(Uint8Array.of(0));
  tileData.forEach((data, i) => {
    if (i < tileData.length - 1) {
      const size = new Uint8Array(TILE_SIZE_BYTES);
      new DataView(size.buffer).setUint32(0, data.length - 1, true);
      parts.push(size);
    }
    parts.push(data);
  });
  return parts;
}

/** Errors: `CODEC_TRUNCATED`, `CODEC_PROFILE`. */
export function readFrame(payload: Uint8Array, sequence: SequenceHeader): TileData[] {
  const reader = new BitReader(payload);
  reader.expect(BEFORE_TILES);
  const limits = tileLimits(sequence);
  const columnsLog2 = readLog2(reader, limits.columnsLog2Min, limits.columnsLog2Max);
  const rowsLog2 = readLog2(reader, Math.max(limits.tilesLog2Min - columnsLog2, 0), limits.rowsLog2Max);
  let sizeBytes = TILE_SIZE_BYTES;
  if (columnsLog2 + rowsLog2 > 0) {
    reader.expect([['context_update_tile_id', columnsLog2 + rowsLog2, 0]]);
    sizeBytes = reader.read(2) + 1;
  }
  if (reader.read(8) === 0)
    throw new GranaryError('CODEC_PROFILE', 'The AV1 unit lies outside the column profile: base_q_idx is 0.');
  reader.expect(BEFORE_CHROMA);
  if (!sequence.monochrome) reader.expect(WITH_CHROMA);
  reader.expect(AFTER_QUANTIZER);
  let at = reader.align();
  const { tiles } = tileGrid(sequence, { columnsLog2, rowsLog2 });
  if (tiles.length > 1) {
    reader.expect([['tile_start_and_end_present_flag', 8, 0]]);
    at++;
  }
  return tiles.map((tile, i) => {
    let size = payload.length - at;
    if (i < tiles.length - 1) {
      if (size < sizeBytes) throw new GranaryError('CODEC_TRUNCATED', 'The AV1 frame ends before its last tile.');
      size = 1;
      for (let byte = 0; byte < sizeBytes; byte++) size += payload[at + byte]! * 2 ** (8 * byte);
      at += sizeBytes;
    }
    if (size < 1 || size > payload.length - at)
      throw new GranaryError('CODEC_TRUNCATED', 'The AV1 frame ends inside a tile.');
    at += size;
    return { ...tile, data: payload.subarray(at - size, at) };
  });
}

import { getHeapStatistics } from 'node:v8';
import type { Data } from 'apache-arrow';
import { releaseCodec } from '#core/columnar/av1/codec-instance.ts';
import { SYMBOLS_MAX } from '#core/columnar/av1/frame-shape.ts';
import { decodeIntegerUnit, decodePalette } from '#core/columnar/av1/index.ts';
import { readIntegerMetadata } from '#core/columnar/av1/integer-header.ts';
import { readMetadata } from '#core/columnar/av1/metadata.ts';
import { EncodedVideoChunk, VideoDecoder } from '#core/columnar/av1/webcodecs.ts';
import { readChunkMetadata } from '#core/columnar/chunk-format.ts';
import { decodingBytesMax } from '#core/columnar/expansion.ts';
import { decodeChunk, inspectSegment, installZstd } from '#core/columnar/index.ts';
import { MODEL_BYTES_MAX } from '#core/columnar/limits.ts';
import { nodeZstd } from '#core/columnar/adapters/node-zstd.ts';
import { rowsOf } from '#core/columnar/testing/rows-of.ts';
import { ERROR_CODES, GranaryError } from '#core/kernel/index.ts';
import { createDice, type Dice } from './dice.ts';
import { mutateBytes } from './mutate-bytes.ts';
import { mutateSegment } from './mutate-segment.ts';
import { mutateMetadata, mutateUnit } from './mutate-unit.ts';
import { assemble, loadSeeds, methodOf, parseWhole } from './segment-parts.ts';

installZstd(nodeZstd);

const { files, columns } = loadSeeds();
const segments = columns.map((parts) => assemble(parts));
const units = columns.flatMap(({ rowGroups }) => rowGroups.flatMap(({ chunks }) => chunks.map(({ unit }) => unit)));
const carriers = columns.flatMap(({ rowGroups }) =>
  rowGroups.flatMap(({ rowCount, chunks }) => chunks.map((chunk) => ({ rowCount: rowCount as number, chunk }))),
);

/** What an input may be refused with, by what it was given to. */
const CODEC_CODES = ['CODEC_PROFILE', 'CODEC_DAMAGED', 'CODEC_TRUNCATED', 'LIMIT_EXCEEDED'] as const;
const HEADER_CODES = ['FORMAT_INVALID', 'FORMAT_VERSION', 'LIMIT_EXCEEDED'] as const;

/** A picture of the largest size, in the codec's memory, in ours, and with its chroma, twice. Bytes. */
const FRAME_BYTES_MAX = 6 * SYMBOLS_MAX;

/** What a section may expand to: enough for every golden file, and little, so that a larger allocation is seen. */
const BUDGET_BYTES = 2 ** 20;

/** Rows above which the values of an accepted chunk are not looked at one by one. */
const COMPARED_ROWS_MAX = 3000;

export interface Outcome {
  /** `accepted`, or the codes of the refusals. */
  readonly verdicts: readonly string[];
  /** Of the processor, which a busy machine does not stretch. */
  readonly milliseconds: number;
  /** Memory that was taken at most, and what the limits of the format allow for this input. Bytes. */
  readonly bytes: number;
  readonly allowedBytes: number;
}

/** A fault of the reader: the input was neither refused by a typed error nor read as it should. */
export class FuzzFault extends Error {}

/**
 * Makes the input of this seed and gives it to the reader. Throws a `FuzzFault` when the outcome is neither the values
 * that were stored nor a refusal with a code that its part of the reader documents, or when it took too much memory.
 */
export async function tryInput(seed: number): Promise<Outcome> {
  const dice = createDice(seed);
  const kind = dice.below(100);
  if (kind < 25) return trySegment(dice, plainSegment(dice, kind));
  if (kind < 75) {
    const bytes = mutateSegment(dice, dice.pick(columns), units);
    return trySegment(dice, { bytes, original: undefined });
  }
  if (kind < 80) return tryMetadata(dice);
  if (kind < 97) return tryUnit(dice);
  return tryVideoDecoder(dice);
}

/** A file with faults that leave no checksum right: it is refused, or what it gives is what was stored. */
function plainSegment(dice: Dice, kind: number) {
  const pool = kind < 1 ? files : segments;
  const original = dice.pick(pool);
  const bytes = mutateBytes(dice, original, pool);
  // A splice may happen to be another of the files, whole.
  return { bytes, original: pool.find((file) => Buffer.compare(file, bytes) === 0) ?? original };
}

/** Of buffers and of WASM. */
const heldBytes = (): number => getHeapStatistics().external_memory;

interface Tried {
  readonly verdicts: string[];
  readonly allowedBytes: number;
}

async function measured(work: () => Tried | Promise<Tried>): Promise<Outcome> {
  const before = heldBytes();
  const start = process.cpuUsage();
  const { verdicts, allowedBytes } = await work();
  const { user, system } = process.cpuUsage(start);
  const bytes = Math.max(0, heldBytes() - before);
  if (bytes > allowedBytes) throw new FuzzFault(`${bytes} bytes were taken, ${allowedBytes} are allowed`);
  // WASM memory never shrinks: what the next input takes must be seen as well.
  releaseCodec(16 * 2 ** 20);
  return { verdicts, milliseconds: (user + system) / 1000, bytes, allowedBytes };
}

/** Runs a part of the reader: `accepted`, or the code of a refusal that is documented for it. */
function verdictOf(codes: readonly string[], work: () => void): string {
  try {
    work();
    return 'accepted';
  } catch (error) {
    return refusal(codes, error);
  }
}

function refusal(codes: readonly string[], error: unknown): string {
  if (error instanceof FuzzFault) throw error;
  if (error instanceof GranaryError && Object.hasOwn(ERROR_CODES, error.code) && codes.includes(error.code))
    return error.code;
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  throw new FuzzFault(`not a documented error: ${error instanceof GranaryError ? error.code : ''} ${text}`);
}

const trySegment = (
  dice: Dice,
  { bytes, original }: { readonly bytes: Uint8Array; readonly original: Uint8Array | undefined },
): Promise<Outcome> =>
  measured(() => {
    // The text of the header as objects, some dozen times its bytes at worst.
    let allowedBytes = 2 ** 20 + 64 * bytes.length;
    const verdicts: string[] = [];
    const opened = verdictOf(HEADER_CODES, () => {
      const header = parseWholeOrRefuse(bytes);
      inspectSegment(header);
      const expected = original && parseWhole(original);
      if (expected && JSON.stringify(header.rowGroups) !== JSON.stringify(expected.rowGroups))
        throw new FuzzFault('a damaged header was accepted');
      header.rowGroups.forEach((group, g) =>
        group.chunks.forEach((chunk, c) => {
          const unit = bytes.subarray(chunk.offset, chunk.offset + chunk.byteCount);
          allowedBytes = Math.max(
            allowedBytes,
            MODEL_BYTES_MAX + decodingBytesMax(group.rowCount, unit.length, BUDGET_BYTES) + 64 * bytes.length,
          );
          const dictionary = !expected && dice.chance(0.5);
          verdicts.push(
            verdictOf(['SEGMENT_CORRUPT', 'LIMIT_EXCEEDED'], () => {
              const data = decodeChunk(header, g, c, unit, { dictionary, expandedBytesMax: BUDGET_BYTES });
              const rows = checkedRows(data, group.rowCount);
              if (!expected || !rows) return;
              const place = expected.rowGroups[g]!.chunks[c]!;
              const stored = original!.subarray(place.offset, place.offset + place.byteCount);
              if (JSON.stringify(rows) !== JSON.stringify(rowsOf(decodeChunk(expected, g, c, stored))))
                throw new FuzzFault('a damaged chunk gave other values');
            }),
          );
        }),
      );
    });
    return { verdicts: opened === 'accepted' ? [...new Set(verdicts)] : [opened], allowedBytes };
  });

function parseWholeOrRefuse(bytes: Uint8Array) {
  try {
    return parseWhole(bytes);
  } catch (error) {
    // Nothing more can be asked for than the whole file: what still needs more is cut off.
    if (error instanceof Error && error.message === 'the whole file was there')
      throw new GranaryError('FORMAT_INVALID', 'The file ends early.');
    throw error;
  }
}

const itemCount = (data: Data): number => Math.max(data.length, ...data.children.map(itemCount));

/** The rows of what was accepted, all of which can be reached; undefined for more than are looked at. */
function checkedRows(data: Data, rowCount: number): string[] | undefined {
  if (data.length !== rowCount) throw new FuzzFault(`${data.length} rows instead of ${rowCount}`);
  if (itemCount(data) > COMPARED_ROWS_MAX) return undefined;
  const rows = rowsOf(data);
  if (rows.some((row) => row.includes('undefined') || row.includes('NaN')))
    throw new FuzzFault('a value out of bounds');
  return rows;
}

const tryMetadata = (dice: Dice): Promise<Outcome> => {
  const { chunk } = dice.pick(carriers);
  const whole = readMetadata(chunk.unit);
  const own = methodOf(chunk) === 'integers' ? readIntegerMetadata(whole).metadata : whole;
  const others = units;
  const bytes = dice.chance(0.5) ? mutateMetadata(dice, own, others) : mutateBytes(dice, own, others);
  return measured(() => {
    const codes = ['FORMAT_INVALID', 'LIMIT_EXCEEDED'];
    const verdict = verdictOf(codes, () => {
      const { head } = readChunkMetadata(bytes);
      const numbers = [head.rowCount, head.nullCount, head.streamCount, head.divisor, ...head.parameters];
      if (!numbers.every((value) => Number.isSafeInteger(value) && value >= 0)) throw new FuzzFault('a number is none');
    });
    return { verdicts: [verdict], allowedBytes: decodingBytesMax(0, bytes.length, 0) };
  });
};

const tryUnit = (dice: Dice): Promise<Outcome> => {
  const { chunk, rowCount } = dice.pick(carriers);
  const integers = methodOf(chunk) === 'integers';
  const unit = dice.chance(0.6) ? mutateUnit(dice, chunk.unit, integers, units) : mutateBytes(dice, chunk.unit, units);
  const count = Math.max(1, dice.chance(0.2) ? dice.below(10_000) : dice.chance(0.5) ? rowCount : 4096);
  const asIntegers = integers !== dice.chance(0.1);
  const mapping = dice.pick(['rank', 'raw'] as const);
  return measured(() => {
    const verdict = verdictOf(CODEC_CODES, () => {
      const length = asIntegers
        ? decodeIntegerUnit(unit, count).values.length
        : decodePalette(unit, { symbolCount: count, mapping }).symbols.length;
      if (length !== count) throw new FuzzFault(`${length} values instead of ${count}`);
    });
    return { verdicts: [verdict], allowedBytes: decodingBytesMax(count, unit.length, 0) };
  });
};

const tryVideoDecoder = (dice: Dice): Promise<Outcome> => {
  const { chunk } = dice.pick(carriers);
  const unit = dice.chance(0.5)
    ? mutateUnit(dice, chunk.unit, methodOf(chunk) === 'integers', units)
    : mutateBytes(dice, chunk.unit, units);
  return measured(async () => {
    const verdicts: string[] = [];
    const decoder = new VideoDecoder({
      output(frame) {
        verdicts.push('accepted');
        frame.close();
      },
      error: (error) => void verdicts.push(refusal(CODEC_CODES, error)),
    });
    decoder.configure({ codec: 'av01.0.08M.08' });
    decoder.decode(new EncodedVideoChunk({ type: 'key', timestamp: 0, data: unit }));
    await decoder.flush().catch((error: unknown) => void refusal(['CANCELLED'], error));
    if (decoder.state !== 'closed') decoder.close();
    if (verdicts.length !== 1) throw new FuzzFault(`${verdicts.length} answers to one chunk`);
    return { verdicts, allowedBytes: FRAME_BYTES_MAX + decodingBytesMax(0, unit.length, 0) };
  });
};

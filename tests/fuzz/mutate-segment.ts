import type { DataType } from 'apache-arrow';
import { schemaFromJson } from '#core/columnar/arrow-json.ts';
import { columnChecksum } from '#core/columnar/column-checksum.ts';
import { decodeColumn } from '#core/columnar/decode-column.ts';
import { GranaryError } from '#core/kernel/index.ts';
import { type Dice, otherNumber } from './dice.ts';
import { mutateJson } from './mutate-json.ts';
import { mutateUnit } from './mutate-unit.ts';
import {
  type Assembly,
  assemble,
  CHECKSUM_AT,
  mappingOf,
  methodOf,
  type SegmentParts,
  withJson,
} from './segment-parts.ts';

/** A file in which one thing is wrong and all that surrounds it right: lengths, offsets, and the checksum of the tags. */
export function mutateSegment(dice: Dice, parts: SegmentParts, units: readonly Uint8Array[]): Uint8Array {
  switch (dice.below(8)) {
    case 0:
      return assemble(parts, mutateTags(dice));
    case 1:
      return assemble({ ...parts, schema: mutateJson(dice, parts.schema) });
    case 2:
      return assemble(mutateGroups(dice, parts));
    default:
      return assemble(mutateChunk(dice, parts, units));
  }
}

function mutateTags(dice: Dice): Assembly {
  switch (dice.below(3)) {
    case 0:
      return {
        order(tags) {
          const at = dice.below(tags.length);
          return dice.pick([tags.toSpliced(at, 1), tags.toSpliced(at, 0, tags[at]!), tags.toReversed()]);
        },
      };
    case 1: {
      const version = dice.pick(['0', '2', '01', '', '1 ', '999999999', '9'.repeat(400), '-1', 'one']);
      return { text: (name, text) => (name === 'GRANARY_FORMAT' ? version : text) };
    }
    default: {
      const wanted = dice.pick(['GRANARY_CLUSTERS', 'GRANARY_SCHEMA', 'GRANARY_ROW_GROUP_0']);
      return {
        text(name, text) {
          if (name !== wanted) return text;
          const at = dice.below(text.length);
          return (
            text.slice(0, at) + dice.pick(['', '[', '"', '9', '\\', '\u0000', '['.repeat(100_000)]) + text.slice(at + 1)
          );
        },
      };
    }
  }
}

/** Another number of rows, of chunks or of row groups, or other JSON in a chunk. */
function mutateGroups(dice: Dice, parts: SegmentParts): SegmentParts {
  const { rowGroups } = parts;
  if (rowGroups.length === 0) return parts;
  const at = dice.below(rowGroups.length);
  const group = rowGroups[at]!;
  const { chunks } = group;
  switch (dice.below(4)) {
    case 0:
      return {
        ...parts,
        rowGroups: rowGroups.with(at, { ...group, rowCount: otherNumber(dice, group.rowCount as number) }),
      };
    case 1:
      return { ...parts, rowGroups: dice.chance(0.5) ? rowGroups.toSpliced(at, 1) : [...rowGroups, group] };
    default: {
      if (chunks.length === 0) return parts;
      const column = dice.below(chunks.length);
      const chunk = chunks[column]!;
      const json = mutateJson(dice, chunk.json);
      if (!Array.isArray(json)) return parts;
      return { ...parts, rowGroups: rowGroups.with(at, { ...group, chunks: chunks.with(column, { ...chunk, json }) }) };
    }
  }
}

/** Another unit; half of them under the checksum that its values then have, so that what follows is reached as well. */
function mutateChunk(dice: Dice, parts: SegmentParts, units: readonly Uint8Array[]): SegmentParts {
  const { rowGroups } = parts;
  const group = rowGroups[0];
  if (!group || group.chunks.length === 0) return parts;
  const column = dice.below(group.chunks.length);
  const before = group.chunks[column]!;
  const unit = mutateUnit(dice, before.unit, methodOf(before) === 'integers', units);
  let chunk = { ...before, unit };
  // The header may be made to agree with a unit of another method or mapping.
  if (dice.chance(0.15)) chunk = withJson(chunk, 3 + dice.below(2), dice.below(8));
  const rowCount = dice.chance(0.1) ? otherNumber(dice, group.rowCount as number) : group.rowCount;
  if (dice.chance(0.5)) {
    const checksum = checksumOfValues(parts, column, chunk, rowCount as number);
    if (checksum) chunk = withJson(chunk, CHECKSUM_AT, checksum);
  }
  return { ...parts, rowGroups: [{ rowCount, chunks: group.chunks.with(column, chunk) }, ...rowGroups.slice(1)] };
}

/** The checksum of what the unit holds, or undefined when it cannot be read. */
function checksumOfValues(
  parts: SegmentParts,
  column: number,
  chunk: SegmentParts['rowGroups'][number]['chunks'][number],
  rowCount: number,
): string | undefined {
  const method = methodOf(chunk);
  const details = chunk.json[5] as { pixels?: unknown } | 0;
  const [nullCount] = chunk.json[6] as number[];
  if (!method) return undefined;
  try {
    const type = schemaFromJson(parts.schema).fields[column]!.type as DataType;
    const nulls = mappingOf(chunk) === 'arrow' ? 0 : nullCount!;
    const pixels = details === 0 ? undefined : details.pixels;
    return columnChecksum(decodeColumn(type, chunk.unit, { method, pixels }, rowCount, nulls));
  } catch (error) {
    if (error instanceof GranaryError || error instanceof Error) return undefined;
    throw error;
  }
}

import { createRecordReader, type Dialect } from './delimited-records.ts';

/** In the order of preference when two fit equally well: commas also stand in prose and in numbers. */
const DELIMITERS = ['\t', ';', '|', ','] as const;
const COMMA = 0x2c;
const LF = 0x0a;
const CR = 0x0d;

/**
 * Finds how a delimited text is written by reading a sample with each delimiter, quotes respected: the one that gives
 * most records as many fields as the first has, at least two. A text that no delimiter splits has one column.
 */
export function detectDialect(sample: Uint8Array): Dialect {
  const recordEnd = endsRecordsWithCr(sample) ? CR : LF;
  let best = { delimiter: COMMA, agreement: 0, fields: 1 };
  for (const delimiter of DELIMITERS) {
    const candidate = { delimiter: delimiter.charCodeAt(0), ...scoreOf(sample, delimiter.charCodeAt(0), recordEnd) };
    if (candidate.fields < 2) continue;
    const gain = candidate.agreement - best.agreement;
    if (gain > 0 || (gain === 0 && candidate.fields > best.fields)) best = candidate;
  }
  return { delimiter: best.delimiter, recordEnd };
}

/** The share of records with as many fields as the first, and that number of fields. */
function scoreOf(sample: Uint8Array, delimiter: number, recordEnd: Dialect['recordEnd']) {
  const counts: number[] = [];
  let faults = 0;
  const reader = createRecordReader(
    { delimiter, recordEnd },
    {
      record({ fieldCount, start, end }) {
        if (end > start) counts.push(fieldCount);
      },
      fault() {
        faults++;
      },
    },
  );
  reader.push(sample);
  // The sample cuts its last record, which counts only when it is all there is.
  if (counts.length === 0) reader.end();
  const fields = counts[0] ?? 0;
  const agreeing = counts.filter((count) => count === fields).length;
  return { agreement: counts.length === 0 ? 0 : agreeing / (counts.length + faults), fields };
}

/** True when a carriage return outside quotes ends the first line alone. */
function endsRecordsWithCr(sample: Uint8Array): boolean {
  let isQuoted = false;
  for (let i = 0; i < sample.length; i++) {
    const byte = sample[i]!;
    if (byte === 0x22) isQuoted = !isQuoted;
    else if (!isQuoted && byte === LF) return false;
    else if (!isQuoted && byte === CR) return i + 1 < sample.length && sample[i + 1] !== LF;
  }
  return false;
}

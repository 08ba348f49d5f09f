import { ANOMALY_SCORE, DRIFT_SCORE } from '#core/columnar/index.ts';
import type { ProfileOutput } from '../operations.ts';
import type { Command } from './command.ts';
import { countOf, formatCount } from './progress-bar.ts';
import { printable, renderJson, renderRows } from './render-rows.ts';
import type { Terminal } from './terminal.ts';

export const profileCommand: Command = {
  name: 'profile',
  usage: 'granary profile NAME',
  summary: 'Find anomalies and drift in the compressed sizes, without decoding.',
  options: {},
  positionals: [1, 1],
  async run({ positionals, json, terminal, report, signal, client }) {
    const node = await client();
    const output = (await node.call('columnProfile', { name: positionals[0] }, { report, signal })) as ProfileOutput;
    if (json) terminal.line(renderJson(output));
    else printProfile(terminal, output);
  },
};

/** Row groups of one column that are listed; the rest is in the JSON. */
const ANOMALIES_SHOWN = 5;

const SIGNALS = { bitsPerValue: 'bits/value', min: 'min', max: 'max', mean: 'mean' } as const;

function printProfile(terminal: Terminal, { name, rowCount, columns }: ProfileOutput): void {
  const rows = columns.map((column) => {
    const rates = column.rowGroups.map(({ bitsPerValue }) => bitsPerValue);
    const { drift, rowGroups, anomalies } = column;
    const isDrifting = drift !== null && drift.score >= DRIFT_SCORE;
    return [
      column.name,
      formatCount(column.rowGroups.length),
      column.bitsPerValue.toFixed(2),
      rates.length === 0 ? '' : Math.min(...rates).toFixed(2),
      rates.length === 0 ? '' : Math.max(...rates).toFixed(2),
      rowGroups.every(({ anomaly }) => anomaly === null) ? 'too few' : String(anomalies.length),
      drift === null ? 'too few' : drift.score.toFixed(1),
      isDrifting ? `${SIGNALS[drift.signal]}, after row ${lastRow(column, drift.rowGroup)}` : '',
    ];
  });
  const headings = [
    { heading: 'column' },
    { heading: 'row groups', align: 'right' },
    { heading: 'bits/value', align: 'right' },
    { heading: 'least', align: 'right' },
    { heading: 'most', align: 'right' },
    { heading: 'anomalies', align: 'right' },
    { heading: 'drift', align: 'right' },
    { heading: '' },
  ] as const;
  for (const line of renderRows(headings, rows)) terminal.line(line);
  for (const column of columns) for (const line of anomalyLines(column)) terminal.line(line);
  terminal.line(
    `${printable(name)}: ${countOf(rowCount, 'row')}; a row group stands out from ±${ANOMALY_SCORE} on, a column drifts from ${DRIFT_SCORE} on`,
  );
}

type Column = ProfileOutput['columns'][number];

const lastRow = ({ rowGroups }: Column, index: number): string =>
  formatCount(rowGroups[index]!.firstRow + rowGroups[index]!.rowCount - 1);

function anomalyLines(column: Column): string[] {
  const lines = column.anomalies.slice(0, ANOMALIES_SHOWN).map((index) => {
    const { firstRow, bitsPerValue, anomaly } = column.rowGroups[index]!;
    const score = `${anomaly! > 0 ? '+' : '−'}${Math.abs(anomaly!).toFixed(1)}`;
    return `${printable(column.name)}: rows ${formatCount(firstRow)} to ${lastRow(column, index)} take ${bitsPerValue.toFixed(2)} bits/value (${score})`;
  });
  const left = column.anomalies.length - lines.length;
  return left > 0 ? [...lines, `${printable(column.name)}: and ${countOf(left, 'row group')} more`] : lines;
}

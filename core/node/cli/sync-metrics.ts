import type { MetricsOutput } from '#sync/peers/index.ts';
import type { Command } from './command.ts';
import { formatBytes, formatCount } from './progress-bar.ts';
import { printable, renderJson, renderRows } from './render-rows.ts';
import type { Terminal } from './terminal.ts';

export const syncMetrics: Command = {
  name: 'sync metrics',
  usage: 'granary sync metrics',
  summary: 'Show what the node that holds the home has counted: bytes, sessions, faults of peers.',
  options: {},
  positionals: [0, 0],
  async run({ json, terminal, signal, client }) {
    const output = (await (await client()).call('syncMetrics', {}, { signal })) as MetricsOutput;
    if (json) terminal.line(renderJson(output));
    else printMetrics(terminal, output);
  },
};

function printMetrics(terminal: Terminal, metrics: MetricsOutput): void {
  if (!metrics.isListening) {
    terminal.line('There are no lines: this home is in no space, or nothing runs. Start it with: granary start');
    return;
  }
  const rows: string[][] = [
    ['peers', formatCount(metrics.connectedCount)],
    ...metrics.addresses.map((address) => ['listens at', address]),
    ...Object.entries(metrics.bytes).map(([protocol, bytes]) => [
      printable(protocol),
      `${formatBytes(bytes.in)} in, ${formatBytes(bytes.out)} out`,
    ]),
    ...(['transport', 'sync', 'joins', 'segments', 'compaction', 'pledges'] as const).flatMap((part) =>
      Object.entries(metrics[part])
        .toSorted(([left], [right]) => (left < right ? -1 : 1))
        .map(([event, count]) => [`${part} ${printable(event)}`, formatCount(count)]),
    ),
    ...metrics.sessions.map((session) => [
      `session with ${session.device.slice(0, 8)}`,
      `${formatCount(session.operationsDone)} of ${formatCount(session.operationsTotal)} operations`,
    ]),
  ];
  if (metrics.fetching.length > 0) rows.push(['segments waited for', formatCount(metrics.fetching.length)]);
  for (const line of renderRows([{ heading: '' }, { heading: '' }], rows).slice(1)) terminal.line(line.trimEnd());
}

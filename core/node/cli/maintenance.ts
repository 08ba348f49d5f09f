import { GranaryError } from '#core/kernel/index.ts';
import type { VerifyOutput } from '#core/catalog/index.ts';
import type { Diagnosis, MigrationOutput } from '../operations.ts';
import type { Command, Invocation } from './command.ts';
import { flagOption } from './options.ts';
import { countOf } from './progress-bar.ts';
import { printable, renderJson, renderRows } from './render-rows.ts';

const verify: Command = {
  name: 'verify',
  usage: 'granary verify [NAME]',
  summary: 'Read every stored byte again and compare it with its checksums.',
  options: {},
  positionals: [0, 1],
  async run({ positionals, json, terminal, report, signal, client }) {
    const output = (await (
      await client()
    ).call('verifyAssets', { name: positionals[0] }, { report, signal })) as VerifyOutput;
    if (json) terminal.line(renderJson(output));
    else {
      for (const fault of output.faults) terminal.line(`${fault.code} ${printable(fault.message)}`);
      terminal.line(
        `${countOf(output.segmentCount, 'segment')} of ${countOf(output.assetCount, 'asset')} read: ` +
          (output.faults.length === 0 ? 'all as they were stored' : countOf(output.faults.length, 'fault')) +
          (output.remoteCount === 0 ? '' : `; ${countOf(output.remoteCount, 'segment')} not fetched`),
      );
    }
    const [first] = output.faults;
    if (first) throw new GranaryError(first.code, first.message);
  },
};

const migrate = (direction: 'up' | 'down' | 'status', summary: string): Command => ({
  name: `migrate ${direction}`,
  usage: `granary migrate ${direction}`,
  summary,
  options: {},
  positionals: [0, 0],
  async run({ json, terminal, signal, client }: Invocation) {
    const output = (await (await client()).call('migrateCatalog', { direction }, { signal })) as MigrationOutput;
    if (json) {
      terminal.line(renderJson(output));
      return;
    }
    const rows = output.migrations.map(({ name, state, appliedAt }) => [name, state, appliedAt ?? '']);
    for (const line of renderRows([{ heading: 'migration' }, { heading: 'state' }, { heading: 'applied' }], rows)) {
      terminal.line(line);
    }
  },
});

const doctor: Command = {
  name: 'doctor',
  usage: 'granary doctor [--rebuild-catalog]',
  summary: 'Show versions, stores and free disk, and what is missing.',
  options: { 'rebuild-catalog': { type: 'boolean' } },
  positionals: [0, 0],
  async run({ options, json, terminal, report, signal, client }) {
    const node = await client();
    const input = { rebuildCatalog: flagOption(options, 'rebuild-catalog') };
    const output = (await node.call('diagnose', input, { report, signal })) as Diagnosis;
    if (json) terminal.line(renderJson(output));
    else {
      const rows = output.checks.map(({ subject, state, text }) => [state === 'ok' ? 'ok' : state, subject, text]);
      for (const line of renderRows([{ heading: '' }, { heading: '' }, { heading: '' }], rows).slice(1)) {
        terminal.line(line);
      }
    }
    const broken = output.checks.find(({ state }) => state === 'broken');
    if (broken) throw new GranaryError('STORE_DAMAGED', `${broken.subject}: ${broken.text}`);
  },
};

export const maintenanceCommands: readonly Command[] = [
  verify,
  migrate('up', 'Bring the schema of the catalog database up to date.'),
  migrate('down', 'Take the newest migration of the catalog database back.'),
  migrate('status', 'List the migrations of the catalog database.'),
  doctor,
];

import type { EvictOutput, FetchOutput, SessionOutput, SyncNowOutput } from '#sync/peers/index.ts';
import type { ListSpacesOutput, SyncExplanation } from '#sync/spaces/index.ts';
import { GranaryError } from '#core/kernel/index.ts';
import type { Command } from './command.ts';
import { printNoPeers } from './peer.ts';
import { countOf, formatBytes } from './progress-bar.ts';
import { printable, renderJson, renderRows } from './render-rows.ts';
import { syncMetrics } from './sync-metrics.ts';
import { contactText, countByReason, deviceText } from './sync-text.ts';
import type { Terminal } from './terminal.ts';

const syncNow: Command = {
  name: 'sync now',
  usage: 'granary sync now [PEER]',
  summary: 'Exchange what is new with one peer, or with all that can be reached.',
  options: {},
  positionals: [0, 1],
  async run({ positionals, json, terminal, report, signal, client }) {
    const node = await client();
    const output = (await node.call('syncNow', { peer: positionals[0] }, { report, signal })) as SyncNowOutput;
    if (json) terminal.line(renderJson(output));
    else if (output.sessions.length === 0) printNoPeers(terminal);
    else {
      const { spaces } = (await node.call('listSpaces', {}, { signal })) as ListSpacesOutput;
      printSessions(terminal, output, new Map(spaces.map(({ space, name }) => [space, name])));
    }
    refuseFailure(output.sessions);
  },
};

const fetchAsset: Command = {
  name: 'fetch',
  usage: 'granary fetch ASSET',
  summary: 'Bring the rows of a shared asset to this node, and keep them up to date.',
  options: {},
  positionals: [1, 1],
  async run({ positionals, json, terminal, report, signal, client }) {
    const node = await client();
    const output = (await node.call('fetchAsset', { asset: positionals[0] }, { report, signal })) as FetchOutput;
    if (json) {
      terminal.line(renderJson(output));
      return;
    }
    const { asset, segmentCount, fetchedCount, byteCount } = output;
    const came =
      fetchedCount === 0 ? 'nothing new came' : `${countOf(fetchedCount, 'segment')} came, ${formatBytes(byteCount)}`;
    const missing = countByReason(output.missing, 'segment');
    const isHere = segmentCount === 0 ? 'it has no rows' : `all of ${countOf(segmentCount, 'segment')} here`;
    terminal.line(`${printable(asset)}: ${came}; ${missing === undefined ? isHere : `missing: ${missing}`}`);
    if (missing !== undefined) {
      throw new GranaryError(
        'PEER_UNREACHABLE',
        `Rows of ${printable(asset)} are missing. Try again when others are there.`,
      );
    }
  },
};

const evict: Command = {
  name: 'evict',
  usage: 'granary evict ASSET',
  summary: 'Remove the rows of a shared asset from this node once others have promised to keep them.',
  options: {},
  positionals: [1, 1],
  async run({ positionals, json, terminal, report, signal, client }) {
    const node = await client();
    const output = (await node.call('evictAsset', { asset: positionals[0] }, { report, signal })) as EvictOutput;
    if (json) {
      terminal.line(renderJson(output));
      return;
    }
    const { asset, evictedCount, byteCount } = output;
    terminal.line(`${printable(asset)}: ${countOf(evictedCount, 'segment')} removed, ${formatBytes(byteCount)} freed`);
    const kept = countByReason(output.kept, 'segment');
    if (kept !== undefined) terminal.line(`kept here: ${kept}`);
  },
};

const explainSync: Command = {
  name: 'explain-sync',
  usage: 'granary explain-sync ASSET',
  summary: 'Say why an asset, or its rows, are on this node, or are not.',
  options: {},
  positionals: [1, 1],
  async run({ positionals, json, terminal, signal, client }) {
    const node = await client();
    const output = (await node.call('explainSync', { asset: positionals[0] }, { signal })) as SyncExplanation;
    if (json) {
      terminal.line(renderJson(output));
      return;
    }
    terminal.line(`${printable(output.asset)}: ${output.isHere ? 'on this node' : 'not on this node'}`);
    for (const line of output.lines) terminal.line(`  ${printable(line)}`);
  },
};

export const syncCommands: readonly Command[] = [syncNow, syncMetrics, fetchAsset, evict, explainSync];

const END_TEXTS = {
  complete: 'done',
  refused: 'ended: the other device broke the protocol',
  refusedByPeer: 'ended: the other device says that this one broke the protocol',
  interrupted: 'interrupted: the line broke; the next session goes on from there',
  unreachable: 'cannot be reached',
  failed: 'failed',
} as const;

const sessionName: (session: SessionOutput) => string = deviceText;

const isWhole = ({ end, spaces }: SessionOutput): boolean =>
  end === 'complete' && spaces.every(({ isEqual }) => isEqual);

/** What each session did, what is still missing and why; nothing is called done while something is missing. */
function printSessions(terminal: Terminal, { sessions }: SyncNowOutput, names: ReadonlyMap<string, string>): void {
  for (const session of sessions) {
    const { end, reason, operations, bytesSent, bytesReceived } = session;
    const why = reason === null ? '' : ` (${printable(reason)})`;
    const ended = end === 'complete' && !isWhole(session) ? 'ended, with something missing' : END_TEXTS[end];
    terminal.line(`${sessionName(session)}: ${ended}${why}`);
    if (end === 'unreachable' || end === 'failed') continue;
    const rows = [
      [
        '  exchanged',
        `${countOf(operations, 'operation')}, ${formatBytes(bytesSent)} sent, ${formatBytes(bytesReceived)} received`,
      ],
      ...session.spaces.map((contact) => [`  ${names.get(contact.space) ?? contact.space}`, contactText(contact)]),
    ];
    for (const line of renderRows([{ heading: '' }, { heading: '' }], rows).slice(1)) terminal.line(line);
  }
  const wholeCount = sessions.filter(isWhole).length;
  terminal.line(
    wholeCount === sessions.length
      ? `equal with ${countOf(wholeCount, 'device')}`
      : `equal with ${wholeCount} of ${countOf(sessions.length, 'device')}`,
  );
}

/** A script has to notice when no session came to its end. */
function refuseFailure(sessions: readonly SessionOutput[]): void {
  const [first] = sessions;
  if (first === undefined || sessions.some(({ end }) => end === 'complete')) return;
  if (sessions.length > 1) {
    throw new GranaryError('SYNC_INTERRUPTED', `None of ${sessions.length} devices could be synced with.`);
  }
  const code = first.end === 'refused' || first.end === 'refusedByPeer' ? 'SYNC_REFUSED' : 'SYNC_INTERRUPTED';
  throw new GranaryError(code, `${sessionName(first)} ${END_TEXTS[first.end]}.`);
}

import type { JoinOutput, ListPeersOutput, PeerOutput, TicketOutput } from '#sync/peers/index.ts';
import type { ListSpacesOutput } from '#sync/spaces/index.ts';
import { GranaryError } from '#core/kernel/index.ts';
import type { Command, Invocation } from './command.ts';
import { choiceOption, flagOption, hoursOption } from './options.ts';
import { countOf, formatBytes } from './progress-bar.ts';
import { drawQrCode } from './qr-code.ts';
import { printable, renderJson, renderRows } from './render-rows.ts';
import { LEVEL_CHOICES } from './space.ts';
import { commandWord, contactText, deviceText, LEVEL_TEXTS } from './sync-text.ts';
import type { Terminal } from './terminal.ts';
import { formatAgo, formatSpan, formatTime } from './time-text.ts';

const invite: Command = {
  name: 'peer invite',
  usage: 'granary peer invite SPACE [--level read|write|manage|pull] [--expires 12h|7d|2w] [--qr]',
  summary: 'Make a ticket by which one device can join a space, once.',
  options: { level: { type: 'string' }, expires: { type: 'string' }, qr: { type: 'boolean' } },
  positionals: [1, 1],
  async run(invocation) {
    const { positionals, options, json, terminal, signal, client } = invocation;
    const input = {
      space: positionals[0],
      level: choiceOption(options, 'level', LEVEL_CHOICES),
      hours: hoursOption(options, 'expires'),
    };
    const output = (await (await client()).call('invitePeer', input, { signal })) as TicketOutput;
    if (json) terminal.line(renderJson(output));
    else printTicket(invocation, output);
  },
};

const join: Command = {
  name: 'peer join',
  usage: 'granary peer join TICKET',
  summary: 'Join a space with a ticket that a member made.',
  options: {},
  // A ticket that was read aloud or came by mail may be in pieces.
  positionals: [1, 1000],
  async run({ positionals, json, terminal, report, signal, client }) {
    const input = { ticket: positionals.join(' ') };
    const output = (await (await client()).call('joinSpace', input, { report, signal })) as JoinOutput;
    if (json) {
      terminal.line(renderJson(output));
      return;
    }
    terminal.line(
      `${printable(output.name)}: joined; this device may ${LEVEL_TEXTS[output.level]} ` +
        `(${countOf(output.operationCount, 'operation')} here)`,
    );
    terminal.line(`see what is in it:   granary space show ${commandWord(output.name, output.space)}`);
    terminal.line('stay up to date:     granary start');
  },
};

const list: Command = {
  name: 'peer list',
  usage: 'granary peer list',
  summary: 'List the other devices of all spaces.',
  options: {},
  positionals: [0, 0],
  async run({ json, terminal, now, signal, client }) {
    const output = (await (await client()).call('listPeers', {}, { signal })) as ListPeersOutput;
    if (json) {
      terminal.line(renderJson(output));
      return;
    }
    if (output.peers.length === 0) {
      printNoPeers(terminal);
      return;
    }
    const rows = output.peers.map((peer) => [
      peer.name,
      peer.fingerprint,
      peer.isConnected ? 'connected' : '',
      contactTime(peer, now()),
      [...peer.waitsFor, ...peer.contacts.filter(({ isEqual }) => !isEqual).map(contactText)].join('; '),
    ]);
    const headings = ['device', 'fingerprint', 'line', 'last contact', 'waits for'];
    for (const line of renderRows(
      headings.map((heading) => ({ heading })),
      rows,
    ))
      terminal.line(line);
  },
};

const status: Command = {
  name: 'peer status',
  usage: 'granary peer status [PEER]',
  summary: 'Show how far this node and its peers agree, and what keeps them from it.',
  options: {},
  positionals: [0, 1],
  async run({ positionals, json, terminal, now, signal, client }) {
    const node = await client();
    const { peers } = (await node.call('listPeers', {}, { signal })) as ListPeersOutput;
    const chosen = choosePeers(peers, positionals[0]);
    if (json) {
      terminal.line(renderJson({ peers: chosen }));
      return;
    }
    if (chosen.length === 0) {
      printNoPeers(terminal);
      return;
    }
    const { spaces } = (await node.call('listSpaces', {}, { signal })) as ListSpacesOutput;
    const names = new Map(spaces.map(({ space, name }) => [space, name]));
    for (const [i, peer] of chosen.entries()) {
      if (i > 0) terminal.line();
      printPeer(terminal, peer, names, now());
    }
  },
};

export const peerCommands: readonly Command[] = [invite, join, list, status];

export const printNoPeers = (terminal: Terminal): void =>
  terminal.line('There are no other devices yet. Invite one: granary peer invite SPACE');

/** All, or those that a name, a public key or a fingerprint, or the start of one of these two, means. */
function choosePeers(peers: readonly PeerOutput[], word: string | undefined): readonly PeerOutput[] {
  if (word === undefined) return peers;
  const start = word.toLowerCase();
  const chosen = peers.filter(
    ({ name, device, fingerprint }) => name === word || device.startsWith(start) || fingerprint.startsWith(start),
  );
  if (chosen.length > 0) return chosen;
  throw new GranaryError('INPUT_INVALID', `No other device is "${word}". List them: granary peer list`);
}

const contactTime = ({ lastContact }: PeerOutput, now: number): string =>
  lastContact === null ? 'never' : formatAgo(lastContact, now);

function printPeer(terminal: Terminal, peer: PeerOutput, names: ReadonlyMap<string, string>, now: number): void {
  terminal.line(deviceText(peer));
  const spaceName = (space: string): string => names.get(space) ?? space;
  const met = new Set(peer.contacts.map(({ space }) => spaceName(space)));
  const facts = [
    ['  line', peer.isConnected ? `connected, ${peer.address ?? 'address unknown'}` : 'not connected'],
    ['  last contact', contactTime(peer, now)],
    ['  sent', formatBytes(peer.bytesSent)],
    ['  received', formatBytes(peer.bytesReceived)],
    ...peer.contacts.map((contact) => [`  ${spaceName(contact.space)}`, contactText(contact)]),
    ...peer.spaces
      .map(spaceName)
      .filter((name) => !met.has(name))
      .map((name) => [`  ${name}`, 'not compared yet']),
    ...peer.waitsFor.map((reason, i) => [i === 0 ? '  waits for' : '', reason]),
  ];
  for (const line of renderRows([{ heading: '' }, { heading: '' }], facts).slice(1)) terminal.line(line);
}

function printTicket({ terminal, options, now }: Invocation, output: TicketOutput): void {
  const { ticket, level, space, expiresAt } = output;
  const left = formatSpan(Date.parse(expiresAt) - now());
  terminal.line(`A ticket for ${printable(space)}: one device that has it may join, once, and ${LEVEL_TEXTS[level]}.`);
  terminal.line();
  terminal.line(printable(ticket));
  terminal.line();
  printQrCode(terminal, ticket, flagOption(options, 'qr'));
  terminal.line('On the other device, type:   granary peer join TICKET');
  terminal.line(`It holds until ${formatTime(expiresAt)} (${left}). Give it to nobody else.`);
  terminal.line('This node makes the other one a member itself, so it has to run meanwhile:   granary start');
  if (output.addresses.length === 0) {
    terminal.line('The ticket names no address of this node: both devices have to be on one local network.');
  }
}

/** On a terminal whose window is wide enough, or when it was asked for. */
function printQrCode(terminal: Terminal, ticket: string, isAsked: boolean): void {
  if (terminal.width === undefined && !isAsked) return;
  // Upper case takes fewer modules, and a ticket is read in either.
  const code = drawQrCode(ticket.toUpperCase());
  if (code === undefined) terminal.line('The ticket is too long for a QR code.');
  else if (terminal.width !== undefined && terminal.width < code.width) {
    terminal.line(`The QR code of the ticket needs a window of ${code.width} columns.`);
  } else for (const line of code.lines) terminal.line(line);
  terminal.line();
}

import type {
  FoundedSpace,
  IdentityOutput,
  ListForksOutput,
  ListMembersOutput,
  ListSpacesOutput,
  MemberOutput,
  RemovalOutput,
  SpaceDescription,
  SpaceSummary,
} from '#sync/spaces/index.ts';
import type { RelayOutput } from '#sync/relay/index.ts';
import { GranaryError } from '#core/kernel/index.ts';
import type { Command, OptionValues } from './command.ts';
import { choiceOption, textOption } from './options.ts';
import { countOf, formatBytes, formatCount } from './progress-bar.ts';
import { printable, renderJson, renderRows } from './render-rows.ts';
import { commandWord, countByReason, deviceText, LEVEL_TEXTS } from './sync-text.ts';
import type { Terminal } from './terminal.ts';

export const LEVEL_CHOICES = { read: 'read', write: 'write', manage: 'manage', pull: 'pull' } as const;

const identity: Command = {
  name: 'identity',
  usage: 'granary identity',
  summary: 'Show the key by which other devices know this one.',
  options: {},
  positionals: [0, 0],
  async run({ json, terminal, signal, client }) {
    const output = (await (await client()).call('getIdentity', {}, { signal })) as IdentityOutput;
    if (json) {
      terminal.line(renderJson(output));
      return;
    }
    const { name, fingerprint, device, peerId } = output;
    printFacts(terminal, [
      ['name', name],
      ['fingerprint', fingerprint],
      ['public key', device],
      ['peer id', peerId],
    ]);
    terminal.line();
    terminal.line('Whoever manages a space can make this device a member by this text, without a line to it:');
    terminal.line(output.identity);
  },
};

const create: Command = {
  name: 'space create',
  usage: 'granary space create NAME [--recovery 2/3]',
  summary: 'Found a space in which devices share assets.',
  options: { recovery: { type: 'string' } },
  positionals: [1, 1],
  async run({ positionals, options, json, terminal, signal, client }) {
    const input = { name: positionals[0], recovery: recoveryOption(options) };
    const space = (await (await client()).call('createSpace', input, { signal })) as FoundedSpace;
    if (json) {
      terminal.line(renderJson(space));
      return;
    }
    const word = commandWord(space.name, space.space);
    terminal.line(`${printable(space.name)}: founded; this device manages it`);
    terminal.line(`share an asset:    granary space share ${word} ASSET`);
    terminal.line(`invite a device:   granary peer invite ${word}`);
    if (!input.recovery) return;
    terminal.line();
    terminal.line(
      `${input.recovery.threshold} of these keys make a device the manager when all managers are lost. Write each down ` +
        'and keep them apart: they are shown once and stand nowhere else.',
    );
    for (const key of space.recoveryKeys) terminal.line(key);
  },
};

const recover: Command = {
  name: 'space recover',
  usage: 'granary space recover SPACE KEY...',
  summary: 'Make this device the manager of a space by its recovery keys.',
  options: {},
  positionals: [2, 17],
  async run({ positionals, json, terminal, signal, client }) {
    const [name, ...keys] = positionals;
    const space = (await (await client()).call('recoverSpace', { space: name, keys }, { signal })) as SpaceSummary;
    if (json) terminal.line(renderJson(space));
    else terminal.line(`${printable(space.name)}: this device manages it now; earlier managers may write`);
  },
};

/** `2/3`: how many of how many keys. Errors: `USAGE_INVALID`. */
function recoveryOption(options: OptionValues): { threshold: number; keyCount: number } | undefined {
  const text = textOption(options, 'recovery');
  if (text === undefined) return undefined;
  const [, threshold, keyCount] = /^([1-9]\d?)\/([1-9]\d?)$/.exec(text) ?? [];
  if (threshold && keyCount) return { threshold: Number(threshold), keyCount: Number(keyCount) };
  throw new GranaryError('USAGE_INVALID', `--recovery must be like 2/3: so many of so many keys, not "${text}".`);
}

const list: Command = {
  name: 'space list',
  usage: 'granary space list',
  summary: 'List the spaces this device is, or was, a member of.',
  options: {},
  positionals: [0, 0],
  async run({ json, terminal, signal, client }) {
    const output = (await (await client()).call('listSpaces', {}, { signal })) as ListSpacesOutput;
    if (json) terminal.line(renderJson(output));
    else printSpaces(terminal, output);
  },
};

const show: Command = {
  name: 'space show',
  usage: 'granary space show NAME',
  summary: 'Show one space: its assets, and what waits or has no effect.',
  options: {},
  positionals: [1, 1],
  async run({ positionals, json, terminal, signal, client }) {
    const input = { space: positionals[0] };
    const node = await client();
    const space = (await node.call('describeSpace', input, { signal })) as SpaceDescription;
    const relay = space.level === 'pull' ? ((await node.call('getRelay', {}, { signal })) as RelayOutput) : undefined;
    if (json) {
      terminal.line(renderJson(relay ? { ...space, relay } : space));
      return;
    }
    printSpace(terminal, space);
    if (relay) printRelay(terminal, relay, space.space);
  },
};

const members: Command = {
  name: 'space members',
  usage: 'granary space members NAME',
  summary: 'List the devices of a space and what each may do.',
  options: {},
  positionals: [1, 1],
  async run({ positionals, json, terminal, signal, client }) {
    const input = { space: positionals[0] };
    const output = (await (await client()).call('listMembers', input, { signal })) as ListMembersOutput;
    if (json) terminal.line(renderJson(output));
    else printMembers(terminal, output);
  },
};

const grant: Command = {
  name: 'space grant',
  usage: 'granary space grant SPACE DEVICE read|write|manage|pull',
  summary: 'Change what a device may do in a space.',
  options: {},
  positionals: [3, 3],
  async run({ positionals, json, terminal, signal, client }) {
    const [space, device, word] = positionals;
    const level = Object.values(LEVEL_CHOICES).find((choice) => choice === word?.toLowerCase());
    if (level === undefined) {
      throw new GranaryError('USAGE_INVALID', `"${word}" is not a level. usage: ${grant.usage}`);
    }
    const member = (await (await client()).call('grantAccess', { space, device, level }, { signal })) as MemberOutput;
    if (json) terminal.line(renderJson(member));
    else terminal.line(`${deviceText(member)} may now ${LEVEL_TEXTS[level]} in ${printable(space!)}`);
  },
};

const admit: Command = {
  name: 'space admit',
  usage: 'granary space admit SPACE IDENTITY [--level read|write|manage|pull]',
  summary: 'Make a device a member by what its granary identity shows; it joins by a bundle.',
  options: { level: { type: 'string' } },
  // An identity that was read aloud or came by mail may be in pieces.
  positionals: [2, 1000],
  async run({ positionals, options, json, terminal, signal, client }) {
    const [space, ...identity] = positionals;
    const input = { space, identity: identity.join(' '), level: choiceOption(options, 'level', LEVEL_CHOICES) };
    const member = (await (await client()).call('admitDevice', input, { signal })) as MemberOutput;
    if (json) {
      terminal.line(renderJson(member));
      return;
    }
    const word = commandWord(space!, 'SPACE');
    terminal.line(`${deviceText(member)}: a member of ${printable(space!)}; it may ${LEVEL_TEXTS[member.level!]}`);
    terminal.line(`Compare with it by telephone: ${member.fingerprint}`);
    terminal.line(`write it a bundle:      granary bundle export --space ${word} --to FILE`);
    terminal.line('on the other device:    granary bundle import FILE --join');
  },
};

const revoke: Command = {
  name: 'space revoke',
  usage: 'granary space revoke SPACE DEVICE',
  summary: 'Remove a device from a space, for good.',
  options: {},
  positionals: [2, 2],
  async run({ positionals, json, terminal, signal, client }) {
    const [space, device] = positionals;
    const member = (await (await client()).call('revokeAccess', { space, device }, { signal })) as MemberOutput;
    if (json) {
      terminal.line(renderJson(member));
      return;
    }
    terminal.line(`${deviceText(member)}: removed from ${printable(space!)}`);
    terminal.line('What it has copied stays with it; what is written from now on it cannot read.');
  },
};

const share: Command = {
  name: 'space share',
  usage: 'granary space share NAME ASSET... [--subscribe metadata|data]',
  summary: 'Put assets into a space.',
  options: { subscribe: { type: 'string' } },
  positionals: [2, 10_001],
  async run({ positionals, options, json, terminal, report, signal, client }) {
    const [space, ...assets] = positionals;
    const subscribe = choiceOption(options, 'subscribe', { metadata: 'metadata', data: 'data' } as const);
    const input = { space, assets, subscribe };
    const output = (await (await client()).call('shareAssets', input, { report, signal })) as {
      readonly shared: readonly string[];
    };
    if (json) {
      terminal.line(renderJson(output));
      return;
    }
    for (const asset of output.shared) terminal.line(`${printable(asset)}: shared in ${printable(space!)}`);
    terminal.line(
      subscribe === 'data'
        ? 'Members get the rows by themselves.'
        : 'Members see what the assets are; whoever wants the rows fetches them: granary fetch ASSET',
    );
  },
};

const forks: Command = {
  name: 'space forks',
  usage: 'granary space forks SPACE',
  summary: 'List logs that ended because their device signed twice for one place.',
  options: {},
  positionals: [1, 1],
  async run({ positionals, json, terminal, signal, client }) {
    const [space] = positionals;
    const output = (await (await client()).call('listForks', { space }, { signal })) as ListForksOutput;
    if (json) terminal.line(renderJson(output));
    else printForks(terminal, space!, output);
  },
};

const adopt: Command = {
  name: 'space adopt',
  usage: 'granary space adopt SPACE DEVICE',
  summary: 'Say again, as this device, what a fork took away from another one.',
  options: {},
  positionals: [2, 2],
  async run({ positionals, json, terminal, signal, client }) {
    const [space, device] = positionals;
    const output = (await (await client()).call('adoptFork', { space, device }, { signal })) as { operations: number };
    if (json) terminal.line(renderJson(output));
    else terminal.line(`${countOf(output.operations, 'operation')} signed in place of those of ${printable(device!)}`);
  },
};

export const spaceCommands: readonly Command[] = [
  identity,
  create,
  recover,
  list,
  show,
  members,
  grant,
  admit,
  revoke,
  share,
  forks,
  adopt,
];

const removalText = ({ name, at }: RemovalOutput): string => `by ${printable(name)} at ${at}`;
const levelCell = (level: string | null): string => level ?? 'removed';

/** Pairs of a heading and a value. */
function printFacts(terminal: Terminal, facts: readonly (readonly [string, string])[]): void {
  for (const line of renderRows([{ heading: '' }, { heading: '' }], facts).slice(1)) terminal.line(line);
}

function printSpaces(terminal: Terminal, { spaces }: ListSpacesOutput): void {
  if (spaces.length === 0) {
    terminal.line(
      'There are no spaces yet. Found one: granary space create NAME, or join one: granary peer join TICKET',
    );
    return;
  }
  const rows = spaces.map(({ name, level, memberCount, assetCount, space, removal }) => [
    name,
    levelCell(level),
    formatCount(memberCount),
    formatCount(assetCount),
    space,
    removal ? removalText(removal) : '',
  ]);
  const columns = [
    { heading: 'name' },
    { heading: 'level' },
    { heading: 'members', align: 'right' },
    { heading: 'assets', align: 'right' },
    { heading: 'id' },
    { heading: '' },
  ] as const;
  for (const line of renderRows(columns, rows)) terminal.line(line);
}

function printSpace(terminal: Terminal, space: SpaceDescription): void {
  printFacts(terminal, [
    ['name', space.name],
    ['id', space.space],
    ['level', levelCell(space.level)],
    ...(space.removal ? [['removed', removalText(space.removal)] as const] : []),
    ['founder', space.founder],
    ['members', formatCount(space.memberCount)],
    ['logs', formatCount(space.logCount)],
    ['operations', formatCount(space.operationCount)],
    ['without effect', countByReason(space.refused, 'operation') ?? 'none'],
    ['waiting', countByReason(space.waiting, 'operation') ?? 'none'],
    ['projection', space.projectionHash],
  ]);
  if (space.assets.length === 0) return;
  terminal.line();
  const rows = space.assets.map((asset) => [
    asset.name,
    asset.subscription,
    formatCount(asset.versionCount),
    `${formatCount(asset.segmentCount - asset.missingSegmentCount)} of ${formatCount(asset.segmentCount)}`,
    asset.headCount > 1 ? `${asset.headCount} newest versions, made without knowledge of each other` : '',
  ]);
  const columns = [
    { heading: 'asset' },
    { heading: 'subscription' },
    { heading: 'versions', align: 'right' },
    { heading: 'segments here', align: 'right' },
    { heading: '' },
  ] as const;
  for (const line of renderRows(columns, rows)) terminal.line(line);
}

function printForks(terminal: Terminal, space: string, { forks: found }: ListForksOutput): void {
  if (found.length === 0) {
    terminal.line('No log of this space is forked.');
    return;
  }
  for (const [i, fork] of found.entries()) {
    if (i > 0) terminal.line();
    const about = fork.assets.length === 0 ? '' : `, about ${fork.assets.map(printable).join(', ')}`;
    printFacts(terminal, [
      ['device', `${deviceText(fork)}${fork.isThisDevice ? ', this device' : ''}`],
      ['log', fork.kind === 'control' ? 'who may do what' : 'what is said of assets'],
      ['ends before', `operation ${formatCount(fork.seq)}, which it signed twice`],
      ...fork.operationIds.map((id) => ['signed', id] as const),
      ['lost here', `${countOf(fork.lostCount, 'operation')}${about}`],
    ]);
  }
  terminal.line();
  terminal.line('A device says again by itself what it had said, as far as its home has it. What others hold of it:');
  terminal.line(`granary space adopt ${commandWord(space, space)} DEVICE`);
}

/** What a device without a key keeps of a space for the others. */
function printRelay(terminal: Terminal, relay: RelayOutput, id: string): void {
  const space = relay.spaces.find((one) => one.space === id);
  if (!space) return;
  const counts = Object.entries(relay.counts).map(([event, count]) => `${formatCount(count)} ${event}`);
  terminal.line();
  printFacts(terminal, [
    ['operation bytes', formatBytes(space.operationBytes)],
    ['segments announced', formatCount(space.announcedCount)],
    ['segments held', `${formatCount(space.heldCount)}, ${formatBytes(space.heldBytes)}`],
    ['place for', relay.keepsSegments ? formatBytes(relay.bytesMax) : 'none: start it with --relay'],
    ['promised', formatCount(space.pledgedCount)],
    ['since the start', counts.join(', ') || 'nothing'],
  ]);
}

function printMembers(terminal: Terminal, output: ListMembersOutput): void {
  const names = new Map(output.members.map(({ device, name }) => [device, name]));
  const rows = output.members.map(({ name, fingerprint, level, isThisDevice, grantedBy }) => [
    name,
    levelCell(level),
    fingerprint,
    grantedBy === null ? '' : (names.get(grantedBy) ?? grantedBy),
    isThisDevice ? 'this device' : '',
  ]);
  const headings = ['device', 'level', 'fingerprint', 'granted by', ''];
  for (const line of renderRows(
    headings.map((heading) => ({ heading })),
    rows,
  ))
    terminal.line(line);
  terminal.line(countOf(output.members.filter(({ level }) => level !== null).length, 'member'));
}

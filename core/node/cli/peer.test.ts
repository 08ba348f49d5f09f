import { describe, expect, test } from 'vitest';
import type { PeerOutput, TicketOutput } from '#sync/peers/index.ts';
import { runCommand } from './testing/run-command.ts';

const SPACE = '0190a0c0-0000-7000-8000-000000000001';
const TREES = '0190a0c0-0000-7000-8000-000000000002';
const NOW = Date.parse('2026-11-23T08:00:00Z');
const HOSTILE = 'x\u001B[2J\u009B31m\u202Etxt';

const ticket: TicketOutput = {
  ticket: 'granary10abcdefghjkmnpqrstvwxyz',
  space: 'Harvest',
  level: 'write',
  expiresAt: '2026-11-30T08:00:00Z',
  addresses: ['/ip4/192.168.1.5/tcp/4001'],
};

const peer: PeerOutput = {
  device: 'ab'.repeat(32),
  fingerprint: 'b177-ec1b-f26d-fb3b-7010-d473-e6d4-4713',
  name: 'Office',
  spaces: [SPACE, TREES],
  isConnected: true,
  address: '/ip4/192.168.1.7/tcp/4001',
  lastContact: '2026-11-23T07:57:00Z',
  contacts: [{ space: SPACE, isEqual: true, isOffered: true, missingHere: {}, missingThere: {} }],
  bytesSent: 1_234_567,
  bytesReceived: 890,
  refusedUntil: null,
  waitsFor: [],
};

const spaces = [
  { space: SPACE, name: 'Harvest', level: 'manage', removal: null, memberCount: 2, assetCount: 1 },
  { space: TREES, name: 'Trees', level: 'read', removal: null, memberCount: 2, assetCount: 0 },
];

const UPPER_HALF = '▀';

describe('peer invite', () => {
  const invite = (words: string[], width?: number) =>
    runCommand(['peer', 'invite', 'Harvest', ...words], {
      answers: { invitePeer: ticket },
      now: NOW,
      ...(width === undefined ? {} : { width }),
    });

  test('prints the ticket on a line of its own, what to type, until when, and that this node must run', async () => {
    const { lines, text, calls } = await invite([]);
    expect(calls).toEqual([['invitePeer', { space: 'Harvest', level: undefined, hours: undefined }]]);
    expect(lines).toContain(ticket.ticket);
    expect(text).toContain('granary peer join TICKET');
    expect(text).toContain('(7 days)');
    expect(text).toContain('granary start');
  });

  test('draws the QR code on a terminal, or when it is asked for', async () => {
    expect((await invite([])).text).not.toContain(UPPER_HALF);
    expect((await invite([], 100)).text).toContain(UPPER_HALF);
    expect((await invite(['--qr'])).text).toContain(UPPER_HALF);
    expect((await invite(['--json', '--qr'], 100)).text).not.toContain(UPPER_HALF);
  });

  test('a window too narrow for the code says so instead of breaking it', async () => {
    const { text } = await invite(['--qr'], 20);
    expect(text).not.toContain(UPPER_HALF);
    expect(text).toMatch(/needs a window of \d+ columns/);
  });

  test.each([
    ['12h', 12],
    ['7d', 168],
    ['2w', 336],
  ])('--expires %s is %i hours', async (expires, hours) => {
    const { calls } = await invite(['--expires', expires, '--level', 'read']);
    expect(calls).toEqual([['invitePeer', { space: 'Harvest', level: 'read', hours }]]);
  });

  test.each([
    [['--expires', '7']],
    [['--expires', '0d']],
    [['--expires', '-1d']],
    [['--expires', '1.5d']],
    [['--expires', '7m']],
    [['--level', 'own']],
  ])('%j is wrong usage', async (words) => {
    const { error, calls } = await invite(words);
    expect(error).toMatchObject({ code: 'USAGE_INVALID' });
    expect(calls).toEqual([]);
  });

  test('a node that others cannot reach says so', async () => {
    const { text } = await runCommand(['peer', 'invite', 'Harvest'], {
      answers: { invitePeer: { ...ticket, addresses: [] } },
      now: NOW,
    });
    expect(text).toContain('one local network');
  });
});

describe('peer join', () => {
  test('takes a ticket in pieces, and says what this device may do', async () => {
    const { calls, lines } = await runCommand(['peer', 'join', 'granary1abc', 'def'], {
      answers: { joinSpace: { space: SPACE, name: 'Harvest', level: 'write', operationCount: 12 } },
    });
    expect(calls).toEqual([['joinSpace', { ticket: 'granary1abc def' }]]);
    expect(lines[0]).toBe('Harvest: joined; this device may read and write (12 operations here)');
    expect(lines).toContain('see what is in it:   granary space show Harvest');
  });
});

describe('peer list and status', () => {
  const answers = { listPeers: { peers: [peer] }, listSpaces: { spaces } };

  test('list has a line for each device', async () => {
    const { lines } = await runCommand(['peer', 'list'], { answers, now: NOW });
    expect(lines).toHaveLength(2);
    expect(lines[1]).toBe(`Office  ${peer.fingerprint}  connected  3 minutes ago`);
  });

  test('status shows the last contact, the bytes, and how far each space is', async () => {
    const contacts = [
      ...peer.contacts,
      {
        space: TREES,
        isEqual: false,
        isOffered: true,
        missingHere: { gap: 2, quota: 1 },
        missingThere: { forbidden: 1 },
      },
    ];
    const { text } = await runCommand(['peer', 'status'], {
      answers: { ...answers, listPeers: { peers: [{ ...peer, contacts }] } },
      now: NOW,
    });
    expect(text.split('\n')).toEqual([
      'Office (b177-ec1b)',
      '  line          connected, /ip4/192.168.1.7/tcp/4001',
      '  last contact  3 minutes ago',
      '  sent          1.2 MB',
      '  received      890 B',
      '  Harvest       equal',
      '  Trees         3 operations (2: an earlier one of the same log is missing; 1: the author or the space has used up its room) missing here, 1 operation (their author may not write here) missing there',
    ]);
  });

  test('status says of a peer that was never met what it waits for', async () => {
    const unmet = {
      ...peer,
      isConnected: false,
      address: null,
      lastContact: null,
      contacts: [],
      waitsFor: ['no address is known', 'a relay'],
    };
    const { lines } = await runCommand(['peer', 'status', 'Office'], {
      answers: { ...answers, listPeers: { peers: [unmet] } },
      now: NOW,
    });
    expect(lines).toEqual([
      'Office (b177-ec1b)',
      '  line          not connected',
      '  last contact  never',
      '  sent          1.2 MB',
      '  received      890 B',
      '  Harvest       not compared yet',
      '  Trees         not compared yet',
      '  waits for     no address is known',
      '                a relay',
    ]);
  });

  test('status finds a peer by its name or the start of its key or fingerprint', async () => {
    const other = { ...peer, device: 'cd'.repeat(32), fingerprint: '0011-2233', name: 'Field' };
    const both = { ...answers, listPeers: { peers: [peer, other] } };
    for (const word of ['Field', 'CDCD', '0011']) {
      const { text } = await runCommand(['peer', 'status', word], { answers: both, now: NOW });
      expect(text).toContain('Field (0011-2233)');
      expect(text).not.toContain('Office');
    }
    const { error } = await runCommand(['peer', 'status', 'nobody'], { answers: both });
    expect(error).toMatchObject({ code: 'INPUT_INVALID', message: expect.stringContaining('nobody') });
  });

  test('without other devices both say how to get one', async () => {
    for (const words of [
      ['peer', 'list'],
      ['peer', 'status'],
    ]) {
      const { text } = await runCommand(words, { answers: { ...answers, listPeers: { peers: [] } } });
      expect(text).toContain('granary peer invite SPACE');
    }
  });

  test('a hostile name, address or reason steers no terminal', async () => {
    const hostile = {
      ...peer,
      name: HOSTILE,
      address: HOSTILE,
      spaces: [HOSTILE],
      contacts: [{ space: HOSTILE, isEqual: false, isOffered: true, missingHere: { [HOSTILE]: 1 }, missingThere: {} }],
      waitsFor: [HOSTILE],
    };
    const hostileAnswers = {
      listPeers: { peers: [hostile] },
      listSpaces: { spaces: [{ ...spaces[0], space: HOSTILE, name: HOSTILE }] },
      invitePeer: { ...ticket, space: HOSTILE },
      joinSpace: { space: SPACE, name: HOSTILE, level: 'read', operationCount: 0 },
    };
    for (const words of [
      ['peer', 'list'],
      ['peer', 'status'],
      ['peer', 'invite', 'a'],
      ['peer', 'join', 'a'],
    ]) {
      const { text, error } = await runCommand(words, { answers: hostileAnswers, now: NOW });
      expect(error).toBeUndefined();
      expect(text).toContain('\\u{1b}');
      expect(text).not.toMatch(/[\u001B\u009B\u202E]/);
    }
  });
});

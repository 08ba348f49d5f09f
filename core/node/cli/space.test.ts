import { describe, expect, test } from 'vitest';
import type { ListMembersOutput, SpaceDescription, SpaceSummary } from '#sync/spaces/index.ts';
import { printable } from './render-rows.ts';
import { runCommand } from './testing/run-command.ts';

const SPACE = '0190a0c0-0000-7000-8000-000000000001';
const HOSTILE = 'x\u001B[2J\u009B31m\u202Etxt';

const summary: SpaceSummary = {
  space: SPACE,
  name: 'Harvest',
  level: 'manage',
  removal: null,
  memberCount: 2,
  assetCount: 1,
};

const device = { device: 'ab'.repeat(32), fingerprint: 'b177-ec1b-f26d-fb3b-7010-d473-e6d4-4713', name: 'Office' };
const other = { device: 'cd'.repeat(32), fingerprint: '0011-2233-4455-6677-8899-aabb-ccdd-eeff', name: 'Field' };

const members: ListMembersOutput = {
  members: [
    { ...device, level: 'manage', isThisDevice: true, grantedBy: null },
    { ...other, level: null, isThisDevice: false, grantedBy: device.device },
  ],
};

const description: SpaceDescription = {
  ...summary,
  founder: device.device,
  projectionHash: 'ef'.repeat(32),
  logCount: 4,
  operationCount: 1234,
  refused: { forbidden: 2, unheard: 1 },
  waiting: {},
  assets: [
    {
      asset: SPACE,
      name: 'readings',
      subscription: 'data',
      versionCount: 3,
      headCount: 2,
      segmentCount: 5,
      missingSegmentCount: 1,
    },
  ],
};

const identity = { ...device, peerId: '12D3KooWPeer', identity: 'granaryid1abc' };

describe('identity', () => {
  test('shows the key in the forms in which others meet it', async () => {
    const { lines } = await runCommand(['identity'], { answers: { getIdentity: identity } });
    expect(lines).toEqual([
      'name         Office',
      `fingerprint  ${device.fingerprint}`,
      `public key   ${device.device}`,
      'peer id      12D3KooWPeer',
      '',
      'Whoever manages a space can make this device a member by this text, without a line to it:',
      'granaryid1abc',
    ]);
  });
});

describe('space', () => {
  test('admit takes an identity in pieces, and says what comes next', async () => {
    const member = { ...device, level: 'read', isThisDevice: false, grantedBy: null };
    const words = ['space', 'admit', 'Harvest', 'granaryid1ab', 'cd', '--level', 'read'];
    const { lines, calls } = await runCommand(words, { answers: { admitDevice: member } });
    expect(calls).toEqual([['admitDevice', { space: 'Harvest', identity: 'granaryid1ab cd', level: 'read' }]]);
    expect(lines).toEqual([
      'Office (b177-ec1b): a member of Harvest; it may read',
      `Compare with it by telephone: ${device.fingerprint}`,
      'write it a bundle:      granary bundle export --space Harvest --to FILE',
      'on the other device:    granary bundle import FILE --join',
    ]);
  });

  test('create says what comes next', async () => {
    const { lines, calls } = await runCommand(['space', 'create', 'Harvest'], { answers: { createSpace: summary } });
    expect(calls).toEqual([['createSpace', { name: 'Harvest' }]]);
    expect(lines).toEqual([
      'Harvest: founded; this device manages it',
      'share an asset:    granary space share Harvest ASSET',
      'invite a device:   granary peer invite Harvest',
    ]);
  });

  test('a name that a shell could act on is not printed as part of a command', async () => {
    for (const name of ['a; rm -rf ~', '$(reboot)', '-h', '"; x', 'a\nb']) {
      const { lines } = await runCommand(['space', 'create', 'x'], { answers: { createSpace: { ...summary, name } } });
      expect(lines[2]).toBe(`invite a device:   granary peer invite ${SPACE}`);
    }
    const spaced = { ...summary, name: 'Ernte 2026' };
    const { lines } = await runCommand(['space', 'create', 'x'], { answers: { createSpace: spaced } });
    expect(lines[2]).toBe('invite a device:   granary peer invite "Ernte 2026"');
  });

  test('list shows spaces, also one this device was removed from', async () => {
    const removal = { ...other, at: '2026-11-23T07:57:00.000Z' };
    const spaces = [summary, { ...summary, name: 'Trees', level: null, removal, memberCount: 1000 }];
    const { lines } = await runCommand(['space', 'list'], { answers: { listSpaces: { spaces } } });
    expect(lines).toEqual([
      'name     level    members  assets  id',
      `Harvest  manage         2       1  ${SPACE}`,
      `Trees    removed    1,000       1  ${SPACE}  by Field at 2026-11-23T07:57:00.000Z`,
    ]);
    const shown = await runCommand(['space', 'show', 'Trees'], {
      answers: { describeSpace: { ...description, level: null, removal } },
    });
    expect(shown.text).toMatch(/level +removed\nremoved +by Field at 2026-11-23T07:57:00.000Z/);
    const none = await runCommand(['space', 'list'], { answers: { listSpaces: { spaces: [] } } });
    expect(none.text).toContain('granary space create NAME');
  });

  test('show counts what has no effect, with the reasons', async () => {
    const { text } = await runCommand(['space', 'show', 'Harvest'], { answers: { describeSpace: description } });
    expect(text).toContain('operations      1,234');
    expect(text).toContain('3 operations (2: their author may not write here; 1: unheard)');
    expect(text).toMatch(/waiting +none/);
    expect(text).toMatch(/readings +data +3 +4 of 5 +2 newest versions/);
  });

  test('members shows who granted what, and who was removed', async () => {
    const { lines } = await runCommand(['space', 'members', 'Harvest'], { answers: { listMembers: members } });
    expect(lines).toEqual([
      'device  level    fingerprint                              granted by',
      `Office  manage   ${device.fingerprint}              this device`,
      `Field   removed  ${other.fingerprint}  Office`,
      '1 member',
    ]);
  });

  test('grant and revoke say what the device may do from now on', async () => {
    const granted = await runCommand(['space', 'grant', 'Harvest', 'Field', 'READ'], {
      answers: { grantAccess: { ...members.members[1], level: 'read' } },
    });
    expect(granted.calls).toEqual([['grantAccess', { space: 'Harvest', device: 'Field', level: 'read' }]]);
    expect(granted.lines).toEqual(['Field (0011-2233) may now read in Harvest']);
    const revoked = await runCommand(['space', 'revoke', 'Harvest', 'Field'], {
      answers: { revokeAccess: members.members[1] },
    });
    expect(revoked.calls).toEqual([['revokeAccess', { space: 'Harvest', device: 'Field' }]]);
    expect(revoked.lines[0]).toBe('Field (0011-2233): removed from Harvest');
  });

  test('share puts assets into a space, with what members get of them', async () => {
    const words = ['space', 'share', 'Harvest', 'a', 'b', '--subscribe', 'data'];
    const { calls, lines } = await runCommand(words, { answers: { shareAssets: { shared: ['a', 'b'] } } });
    expect(calls).toEqual([['shareAssets', { space: 'Harvest', assets: ['a', 'b'], subscribe: 'data' }]]);
    expect(lines).toEqual(['a: shared in Harvest', 'b: shared in Harvest', 'Members get the rows by themselves.']);
  });

  test.each([
    [['space']],
    [['space', 'fly']],
    [['space', 'create']],
    [['space', 'grant', 'Harvest', 'Field']],
    [['space', 'grant', 'Harvest', 'Field', 'own']],
    [['space', 'share', 'Harvest']],
    [['space', 'share', 'Harvest', 'a', '--subscribe', 'all']],
  ])('%j is wrong usage, and nothing is called', async (words) => {
    const { error, calls } = await runCommand(words);
    expect(error).toMatchObject({ code: 'USAGE_INVALID' });
    expect(calls).toEqual([]);
  });

  test('half a command is told what may follow', async () => {
    for (const words of [['peer'], ['peer', '--json']]) {
      const { error } = await runCommand(words);
      expect(error).toMatchObject({
        message: 'There is no command "peer". Say one of "peer invite", "peer join", "peer list", "peer status".',
      });
    }
  });

  test('a hostile name steers no terminal', async () => {
    const hostile = { ...device, name: HOSTILE, level: 'read', isThisDevice: false, grantedBy: HOSTILE };
    const answers = {
      getIdentity: { ...hostile, peerId: HOSTILE },
      createSpace: { ...summary, name: HOSTILE },
      listSpaces: { spaces: [{ ...summary, name: HOSTILE }] },
      describeSpace: { ...description, name: HOSTILE, refused: { [HOSTILE]: 1 } },
      listMembers: { members: [hostile] },
      grantAccess: hostile,
      revokeAccess: hostile,
      shareAssets: { shared: [HOSTILE] },
    };
    for (const words of [
      ['identity'],
      ['space', 'create', 'a'],
      ['space', 'list'],
      ['space', 'show', 'a'],
      ['space', 'members', 'a'],
      ['space', 'grant', HOSTILE, 'a', 'read'],
      ['space', 'revoke', HOSTILE, 'a'],
      ['space', 'share', HOSTILE, 'a'],
    ]) {
      const { text, error } = await runCommand(words, { answers });
      expect(error).toBeUndefined();
      expect(text).toContain('\\u{1b}');
      expect(text).not.toMatch(/[\u001B\u009B\u202E]/);
    }
  });

  test('--json prints the output of the operation as it is', async () => {
    const { text } = await runCommand(['space', 'show', 'Harvest', '--json'], {
      answers: { describeSpace: description },
    });
    expect(JSON.parse(text)).toEqual(description);
  });

  test('forks say whose log ended where, and what was lost', async () => {
    const forks = [
      {
        ...other,
        isThisDevice: false,
        kind: 'data',
        seq: 7,
        operationIds: ['01'.repeat(32), '02'.repeat(32)],
        lostCount: 3,
        assets: ['readings', HOSTILE],
      },
    ];
    const { lines } = await runCommand(['space', 'forks', 'Harvest'], { answers: { listForks: { forks } } });
    expect(lines).toEqual([
      'device       Field (0011-2233)',
      'log          what is said of assets',
      'ends before  operation 7, which it signed twice',
      `signed       ${'01'.repeat(32)}`,
      `signed       ${'02'.repeat(32)}`,
      `lost here    3 operations, about readings, ${printable(HOSTILE)}`,
      '',
      'A device says again by itself what it had said, as far as its home has it. What others hold of it:',
      'granary space adopt Harvest DEVICE',
    ]);
    const none = await runCommand(['space', 'forks', 'Harvest'], { answers: { listForks: { forks: [] } } });
    expect(none.lines).toEqual(['No log of this space is forked.']);
  });

  test('adopt says how much it signed', async () => {
    const { lines, calls } = await runCommand(['space', 'adopt', 'Harvest', 'Field'], {
      answers: { adoptFork: { operations: 1 } },
    });
    expect(calls).toEqual([['adoptFork', { space: 'Harvest', device: 'Field' }]]);
    expect(lines).toEqual(['1 operation signed in place of those of Field']);
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toHex } from '#core/kernel/index.ts';
import { LOG_CLOCK_MAX, UPDATE_BYTES_MAX } from './limits.ts';
import {
  type AssetOperation,
  checkYjsUpdate,
  clientIdOf,
  DOCUMENT_SCHEMA,
  foldAsset,
  hashProjection,
  openYjsDocument,
  projectAsset,
} from './index.ts';
import { type Author, createAuthor, deps } from './testing/authors.ts';
import { forgeUpdate, type ForgedStruct } from './testing/forge-update.ts';
import { UPDATE_REFUSALS } from './update-refused.ts';

const entry: ForgedStruct = { content: 8, root: 'custom', key: 'owner', text: 'me' };

/** Ada has written a name and a text that Eve knows, and a tag that she does not. */
function world() {
  const [ada, eve] = [createAuthor('ada'), createAuthor('eve')];
  const first = ada.edit({ name: 'weather', description: 'Rain by hour.' })!;
  const second = ada.edit({ tags: ['rain'], description: 'Rain by the hour.' })!;
  eve.receive([first]);
  const client = clientIdOf(deps.blake3, eve.log);
  return { ada, eve, client, adaClient: clientIdOf(deps.blake3, ada.log), known: [first, second] };
}

const hashOf = ({ state }: Author) => toHex(hashProjection(deps.blake3, projectAsset(deps, state!)));

/** Why Ada refuses what Eve sends; her own state must stay as it is then. */
function verdict(bytes: Uint8Array, { ada, eve } = world()): string | undefined {
  const operation: AssetOperation = eve.write(DOCUMENT_SCHEMA, { kind: 'yjs-update', bytes });
  const before = hashOf(ada);
  const { refused, state } = foldAsset(deps, ada.state, [operation]);
  ada.state = state;
  if (refused.length > 0) expect(hashOf(ada)).toBe(before);
  return refused[0]?.reason;
}

const structs = (...list: ForgedStruct[]): Uint8Array =>
  forgeUpdate({ clients: [{ client: world().client, clock: 0, structs: list }] });

describe('an update of a document', () => {
  const { client, adaClient } = world();
  const unknown = clientIdOf(deps.blake3, createAuthor('nobody').log);
  // Ada's first update: the name at clock 0, "Rain by hour." from 1 to 13; her second one begins at 14.
  const name = { client: adaClient, clock: 0 };
  const character = (at: number) => ({ client: adaClient, clock: 1 + at });

  test.each<[string, Uint8Array, string | undefined]>([
    ['an entry', structs(entry), undefined],
    ['a name after the one that was seen', structs({ content: 8, left: name, hasKey: true, text: 'mine' }), undefined],
    [
      'a text between two characters',
      structs({ content: 4, left: character(3), right: character(4), text: 'y' }),
      undefined,
    ],
    [
      'a deletion of what was seen',
      forgeUpdate({ clients: [], deletes: [{ client: adaClient, ranges: [[1, 5]] }] }),
      undefined,
    ],
    ['no bytes', new Uint8Array(), 'malformed'],
    ['nothing', forgeUpdate({ clients: [] }), 'empty'],
    ['more bytes than an update has', new Uint8Array(UPDATE_BYTES_MAX + 1), 'size'],
    ['bytes behind the end', Uint8Array.of(...structs(entry), 0), 'malformed'],
    ['more structs than an update has', Uint8Array.of(1, 0xff, 0x7f, 1, 0), 'size'],
    ['more structs than it has bytes', Uint8Array.of(1, 100, 1, 0), 'malformed'],
    ['a number that is longer than it needs to be', Uint8Array.of(0x80, 0, 0), 'malformed'],
    ['a number over 2^53', Uint8Array.of(1, 1, ...Array<number>(8).fill(0xff), 1), 'malformed'],
    ['another client', forgeUpdate({ clients: [{ client: adaClient, clock: 14, structs: [entry] }] }), 'client'],
    ['an unknown client', forgeUpdate({ clients: [{ client: unknown, clock: 0, structs: [entry] }] }), 'client'],
    [
      'two clients',
      forgeUpdate({ clients: [client, adaClient].map((client) => ({ client, clock: 0, structs: [entry] })) }),
      'client',
    ],
    ['a gap', forgeUpdate({ clients: [{ client, clock: 1, structs: [entry] }] }), 'clock'],
    ['a GC struct', structs({ content: 0, length: 5 }), 'gc-struct'],
    ['a GC struct that moves the clock to 2^50', structs({ content: 0, length: 2 ** 50 }), 'gc-struct'],
    ['a Skip struct', structs({ content: 10, length: 5 }), 'skip-struct'],
    ['a deleted struct', structs({ content: 1, root: 'custom', key: 'a', length: 2 ** 50 }), 'content'],
    ['a nested type', structs({ content: 7, root: 'custom', key: 'a', text: '' }), 'content'],
    ['a document in the document', structs({ content: 9, root: 'custom', key: 'a', text: 'b' }), 'content'],
    ['formatting', structs({ content: 6, root: 'description', text: 'bold' }), 'content'],
    ['two values in one entry', structs({ ...entry, length: 2 }), 'content'],
    ['another root', structs({ ...entry, root: 'secrets' }), 'parent'],
    ['a parent that is an item', structs({ ...entry, parent: name }), 'parent'],
    ['a key that fields have not', structs({ ...entry, root: 'fields' }), 'parent'],
    ['a text in a map', structs({ content: 4, root: 'custom', key: 'owner', text: 'me' }), 'parent'],
    ['an entry in the text', structs({ content: 8, root: 'description', text: 'me' }), 'parent'],
    ['a key in the text', structs({ content: 4, root: 'description', key: 'a', text: 'me' }), 'parent'],
    ['a text without an end in its place', structs({ content: 4, left: name, text: 'me' }), 'parent'],
    ['a storage format there is not', structs({ ...entry, root: 'fields', key: 'storageFormat' }), 'value'],
    ['a name of two lines', structs({ ...entry, root: 'fields', key: 'name', text: 'a\nb' }), 'value'],
    ['a contract that is not canonical', structs({ ...entry, root: 'fields', key: 'contract', text: '{ }' }), 'value'],
    [
      'a contract with a number that is too large',
      structs({ ...entry, root: 'fields', key: 'contract', text: '{"a":1e400}' }),
      'value',
    ],
    [
      'a contract as deep as it is long',
      structs({ ...entry, root: 'fields', key: 'contract', text: '['.repeat(60_000) }),
      'value',
    ],
    ['a tag that is a text', structs({ ...entry, root: 'tags', key: 'rain' }), 'value'],
    ['a field of one’s own that is long', structs({ ...entry, text: 'x'.repeat(1001) }), 'value'],
    ['a name beside the one that was seen', structs({ ...entry, root: 'fields', key: 'name' }), 'origin'],
    ['one place twice', structs(entry, entry), 'origin'],
    [
      'a text between characters that are no neighbours',
      structs({ content: 4, left: character(3), right: character(6), text: 'y' }),
      'origin',
    ],
    [
      'a text whose ends are the wrong way round',
      structs({ content: 4, left: character(6), right: character(3), text: 'y' }),
      'origin',
    ],
    ['a text at the end, behind its beginning', structs({ content: 4, left: character(3), text: 'y' }), 'origin'],
    ['a text beside what was not seen', structs({ content: 4, left: character(15), text: 'y' }), 'origin'],
    [
      'a deletion of what was not seen',
      forgeUpdate({ clients: [], deletes: [{ client: adaClient, ranges: [[0, 15]] }] }),
      'delete-range',
    ],
    [
      'a deletion of everything there will ever be',
      forgeUpdate({ clients: [], deletes: [{ client: adaClient, ranges: [[0, 2 ** 50]] }] }),
      'delete-range',
    ],
    [
      'a deletion of an unknown client',
      forgeUpdate({ clients: [], deletes: [{ client: unknown, ranges: [[0, 1]] }] }),
      'delete-range',
    ],
    [
      'deletions that overlap',
      forgeUpdate({
        clients: [],
        deletes: [
          {
            client: adaClient,
            ranges: [
              [1, 5],
              [3, 5],
            ],
          },
        ],
      }),
      'malformed',
    ],
    [
      'a text at the beginning, before what was seen there',
      structs({ content: 4, root: 'description', text: 'y' }),
      'origin',
    ],
  ])('with %s: %3$s', (_, bytes, reason) => {
    expect(verdict(bytes)).toBe(reason);
  });

  test('ends a log at its limit', () => {
    const author = { client, clock: LOG_CLOCK_MAX, hasSeen: () => false };
    const bytes = forgeUpdate({ clients: [{ client, clock: LOG_CLOCK_MAX, structs: [entry] }] });
    expect(checkYjsUpdate(openYjsDocument(undefined), author, bytes)).toBe('clock');
  });

  test('of any bytes, and of honest ones with some changed, is applied or refused for a reason', () => {
    const honest = world().eve.edit({ name: 'climate', description: 'Rain, wind by hour.', tags: ['x'] })!.content
      .bytes;
    const changed = fc
      .array(fc.tuple(fc.nat(honest.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
      .map((changes) => {
        const bytes = Uint8Array.from(honest);
        for (const [at, value] of changes) bytes[at] = value;
        return bytes;
      });
    const cut = fc.nat(honest.length).map((length) => honest.slice(0, length));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), changed, cut), (bytes) => {
        expect([undefined, ...UPDATE_REFUSALS]).toContain(verdict(bytes));
      }),
      { numRuns: 1000 },
    );
  });

  test('cannot claim the client of a log by writing a log of its id', () => {
    const { ada } = world();
    const log = { author: createAuthor('eve').log.author, logId: ada.log.logId };
    expect(clientIdOf(deps.blake3, log)).not.toBe(clientIdOf(deps.blake3, ada.log));
  });
});

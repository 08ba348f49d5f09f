import { toHex, toUtf8, type Uuid } from '#core/kernel/index.ts';
import { openMemoryStore } from '#core/platform/testing/memory-store.ts';
import { encodeEnvelope, type Envelope } from '../envelope.ts';
import { encodeForkProof } from '../fork-proof.ts';
import { openIncarnation } from '../incarnation.ts';
import { registrationEnvelope } from '../log-registration.ts';
import { encodeRootInput } from '../log-state.ts';
import { openLogStore } from '../log-store.ts';
import { openSpaceLogs } from '../space-logs.ts';
import { blake3, countingRandom, ed25519, tickingClock, upstreamKey } from './fixtures.ts';
import { createMemoryMarker } from './memory-marker.ts';
import { AUTHOR, bytesOf, LOG_ID, keyOf, logIdOf, signChain, signNext, withBadSignature } from './signed-logs.ts';

export const SPACE = '01890a5d-ac96-774b-bcce-b302099a8057' as Uuid;
const SUBJECT = '01890a5d-ac96-774b-bcce-b302099a8058' as Uuid;
const clock = { wall: 1_754_300_000_000, counter: 2 };
const dependencies = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
const about = { schema: 'granary.test.v1', space: SPACE, subject: SUBJECT, clock, dependencies };

export const goldenEnvelopes: Record<string, Envelope> = {
  'envelope-record': { ...about, content: { kind: 'record', bytes: toUtf8('{"name":"Vorräte"}') } },
  'envelope-yjs-update': { ...about, content: { kind: 'yjs-update', bytes: Uint8Array.of(0, 0) } },
  'envelope-unknown': { ...about, content: { kind: 'unknown', code: 0xffff, bytes: new Uint8Array(300).fill(7) } },
  'envelope-largest-clock': {
    ...about,
    clock: { wall: Number.MAX_SAFE_INTEGER, counter: 0xffff_ffff },
    dependencies: [],
    content: { kind: 'record', bytes: new Uint8Array() },
  },
  'envelope-registration': registrationEnvelope(
    SPACE,
    { kind: 'data', incarnation: 3, random: new Uint8Array(32).fill(4) },
    { clock, dependencies: [] },
  ),
};

const chain = signChain(3);
export const goldenForkProof = encodeForkProof(chain[2]!, signNext(chain[1], { body: 'fork' }));

export const goldenRootInput = encodeRootInput({
  author: AUTHOR,
  logId: LOG_ID,
  tip: { seq: 1, operationId: chain[1]!.id },
  frozenFrom: 2,
  arrival: 9,
  byteCount: 9,
  verifiedCount: 1,
  provisionalBytes: 9,
  frozenBytes: 9,
  refusedId: undefined,
});

/** A store with a log of each sort (own, checked, frozen, cut, still to be checked), as hexadecimal by key. */
export async function goldenStore(): Promise<Record<string, string>> {
  const [store, marker, random] = [openMemoryStore(), createMemoryMarker(), countingRandom()];
  const logs = await openLogStore({ store, blake3, ed25519 });
  const deps = { store, marker, random, logs, key: upstreamKey, clock: tickingClock(), blake3 };
  const own = await openSpaceLogs(deps, SPACE, await openIncarnation(deps));
  await own.append('data', [goldenEnvelopes['envelope-record']!]);
  await logs.ingest(bytesOf([...chain, signNext(chain[1], { body: 'fork' })]));
  const cut = signChain(2, { key: keyOf(1), logId: logIdOf(1) });
  await logs.ingest(bytesOf([cut[0]!, withBadSignature(cut[1]!)]));
  while (await logs.verifyNext());
  await logs.ingest(bytesOf(signChain(1, { key: keyOf(1), logId: logIdOf(2) })));
  const dump: Record<string, string> = { marker: toHex(marker.bytes!) };
  for await (const [key, value] of store.entries({ gte: '', lt: '~' })) dump[key] = toHex(value);
  return dump;
}

/** Every new encoding by the name of its file. */
export const goldenEncodings = (): Record<string, Uint8Array> => ({
  ...Object.fromEntries(Object.entries(goldenEnvelopes).map(([name, envelope]) => [name, encodeEnvelope(envelope)])),
  'fork-proof': goldenForkProof,
  'root-input': goldenRootInput,
});

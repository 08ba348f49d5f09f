import { expect, test } from 'vitest';
import { GranaryError, toHex } from '#core/kernel/index.ts';
import { openMemoryStore } from '#core/platform/testing/memory-store.ts';
import { decodeEnvelope, type IngestOutcome, joinOperation, openLogStore } from '#sync/log/index.ts';
import { blake3, ed25519 } from '#sync/log/testing/fixtures.ts';
import { goldenEncodings, goldenForkProof } from '#sync/log/testing/golden-logs.ts';
import { collect } from '#sync/log/testing/log-store-contract.ts';
import { keyOf, logIdOf, signChain } from '#sync/log/testing/signed-logs.ts';
import { createDice } from './dice.ts';
import { mutateBytes } from './mutate-bytes.ts';

const FROM = 60_000_000;
const COUNT = 4000;
/** Inputs that one store takes: a fresh one after that keeps the memory store's scans short. */
const STORE_INPUTS = 200;

const chains = [1, 2].flatMap((fill) => signChain(4, { key: keyOf(fill), logId: logIdOf(fill) }));
const good = chains.map(joinOperation);
const signed = new Set(good.map(toHex));
const openLogs = () => openLogStore({ store: openMemoryStore(), blake3, ed25519 });

test(`${COUNT} damaged operations and proofs from seed ${FROM} on are refused for a reason, and no signed one is lost`, async () => {
  const verdicts: Record<string, number> = {};
  let logs = await openLogs();
  for (let seed = FROM; seed < FROM + COUNT; seed++) {
    const dice = createDice(seed);
    if (seed % STORE_INPUTS === 0) logs = await openLogs();
    const input = mutateBytes(dice, dice.pick(good), good);
    const [outcome] = (await logs.ingest([input])) as [IngestOutcome];
    const verdict = outcome.kind === 'refused' ? outcome.reason : outcome.kind;
    verdicts[verdict] = (verdicts[verdict] ?? 0) + 1;
    expect(verdict, `seed ${seed}`).not.toBe('fork');
    if (dice.chance(0.2)) await logs.ingest([dice.pick(good)]);
    const proof = mutateBytes(dice, goldenForkProof, good);
    const proved = await logs.ingestForkProof(proof);
    if (toHex(proof) !== toHex(goldenForkProof)) expect(proved.kind, `seed ${seed}`).toBe('refused');
    if (seed % STORE_INPUTS !== STORE_INPUTS - 1) continue;
    while (await logs.verifyNext());
    await logs.ingest(good);
    const kept = [];
    for (const { author, logId } of await collect(logs.tips()))
      kept.push(...(await collect(logs.operationsFrom(author, logId, 0))));
    // A proof that came through unchanged is of a third log, which has nothing to keep.
    expect(new Set(kept.map(toHex)), `up to seed ${seed}`).toEqual(signed);
  }
  console.log(`seeds ${FROM} to ${FROM + COUNT - 1}: ${JSON.stringify(verdicts)}`);
  for (const verdict of ['malformed', 'backlink', 'body', 'signature', 'gap', 'known']) {
    expect(verdicts[verdict], verdict).toBeGreaterThan(0);
  }
});

test(`${COUNT} damaged envelopes from seed ${FROM} on are read in one form only or refused`, () => {
  const envelopes = Object.entries(goldenEncodings()).flatMap(([name, bytes]) =>
    name.startsWith('envelope') ? [bytes] : [],
  );
  let refused = 0;
  for (let seed = FROM; seed < FROM + COUNT; seed++) {
    const dice = createDice(seed);
    try {
      decodeEnvelope(mutateBytes(dice, dice.pick(envelopes), envelopes));
    } catch (error) {
      expect(error, `seed ${seed}`).toBeInstanceOf(GranaryError);
      expect((error as GranaryError).code, `seed ${seed}`).toBe('OPERATION_INVALID');
      refused += 1;
    }
  }
  expect(refused).toBeGreaterThan(COUNT / 4);
});

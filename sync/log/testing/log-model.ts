import fc from 'fast-check';
import { equalBytes, toHex } from '#core/kernel/index.ts';
import { EMPTY_LOG, encodeRootInput } from '../log-state.ts';
import { isSigned, joinOperation, type SignedOperation } from '../operation.ts';
import { ed25519 } from './fixtures.ts';
import { keyOf, logIdOf, signNext, withBadSignature, withOtherBody } from './signed-logs.ts';

/** Everything that some devices, honest or not, ever said, and what others made of it. */
export interface World {
  readonly operations: readonly SignedOperation[];
  /** What travels: the operations, and damaged copies of them. */
  readonly messages: readonly Uint8Array[];
}

const step = fc.record({
  device: fc.constantFrom(1, 1, 1, 2),
  log: fc.constantFrom(1, 1, 1, 2),
  /** How far before the newest operation this one branches off; 0 continues the log. */
  back: fc.constantFrom(0, 0, 0, 0, 0, 0, 1, 2, 9),
  fate: fc.constantFrom('sent', 'sent', 'sent', 'sent', 'unsigned', 'other body', 'cut short'),
  body: fc.constantFrom('a', 'b'),
});

/** Worlds of a few logs; with `onUnsigned`, authors also build on operations whose signature does not hold. */
export const arbitraryWorld = ({ onUnsigned }: { readonly onUnsigned: boolean }): fc.Arbitrary<World> =>
  fc.array(step, { minLength: 1, maxLength: 24 }).map((steps) => {
    const operations: SignedOperation[] = [];
    const messages: Uint8Array[] = [];
    const logs = new Map<string, SignedOperation[]>();
    for (const { device, log, back, fate, body } of steps) {
      const entries = logs.get(`${device}/${log}`) ?? [];
      logs.set(`${device}/${log}`, entries);
      const next = signNext(entries.at(-1 - back), { key: keyOf(device), logId: logIdOf(log), body });
      const said = fate === 'unsigned' ? withBadSignature(next) : next;
      operations.push(said);
      messages.push(joinOperation(said));
      if (fate === 'other body') messages.push(withOtherBody(said));
      if (fate === 'cut short') messages.push(joinOperation(said).slice(0, -1));
      if (fate !== 'unsigned' || onUnsigned) entries.push(said);
    }
    return { operations, messages };
  });

/**
 * What any node must come to that has all of a world, in the plainest words: of each log the longest start in which
 * every operation is signed, follows the one before, and is the only signed one for its place.
 */
export function rootInputsOf({ operations }: World): string[] {
  const logs = Map.groupBy(operations, ({ header }) => toHex(header.publicKey) + toHex(header.extensions!.logId));
  return [...logs.values()]
    .flatMap((entries) => {
      const signed = entries.filter((operation) => isSigned({ ed25519 }, operation));
      let last: SignedOperation | undefined;
      let frozenFrom: number | undefined;
      for (let seq = 0; ; seq++) {
        const here = signed.filter(({ header }) => header.seq === seq);
        const follows = here.filter(({ header }) => !last || equalBytes(header.backlink!, last.id));
        if (follows.length === 0) break;
        if (new Set(here.map(({ id }) => toHex(id))).size > 1) {
          frozenFrom = seq;
          break;
        }
        last = follows[0];
      }
      const { publicKey: author, extensions } = entries[0]!.header;
      const tip = last && { seq: last.header.seq, operationId: last.id };
      const state = { ...EMPTY_LOG, tip };
      const isHeard = tip !== undefined || frozenFrom !== undefined;
      return isHeard ? [encodeRootInput({ ...state, author, logId: extensions!.logId, frozenFrom })] : [];
    })
    .map(toHex)
    .toSorted();
}

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isGranaryError, toHex } from '#core/kernel/index.ts';
import {
  ADDRESSES_DEVICES_MAX,
  ADDRESSES_FRAME_BYTES_MAX,
  answerAddresses,
  askAddresses,
  decodeAddresses,
  type DeviceAddresses,
  encodeAddresses,
} from './exchange-addresses.ts';

const device = (byte: number) => new Uint8Array(32).fill(byte);

const devices = fc.uniqueArray(
  fc.record({
    device: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    addresses: fc.array(
      fc.string({ maxLength: 60 }).map((text) => `/${text.toWellFormed()}`),
      { maxLength: 8 },
    ),
  }),
  { selector: (entry) => toHex(entry.device), maxLength: 20 },
);

test('what was encoded is read again, in the order of devices', () => {
  fc.assert(
    fc.property(devices, (given) => {
      const sorted = given.toSorted((left, right) => (toHex(left.device) < toHex(right.device) ? -1 : 1));
      expect(decodeAddresses(encodeAddresses(given))).toEqual(sorted);
    }),
  );
});

test('other bytes are refused, and nothing is read beyond them', () => {
  const bytes = encodeAddresses([{ device: device(1), addresses: ['/ip4/10.0.0.1/tcp/1'] }]);
  const refused = (other: Uint8Array) => {
    try {
      decodeAddresses(other);
      return false;
    } catch (error) {
      return isGranaryError(error, 'OPERATION_INVALID');
    }
  };
  for (let length = 0; length < bytes.length; length++) expect(refused(bytes.subarray(0, length))).toBe(true);
  expect(refused(new Uint8Array([...bytes, 0]))).toBe(true);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (random) => {
      if (!refused(random)) expect(encodeAddresses(decodeAddresses(random))).toEqual(random);
    }),
  );
});

test('the longest list fits into a frame', () => {
  const longest = `/${'x'.repeat(255)}`;
  const many: DeviceAddresses[] = Array.from({ length: ADDRESSES_DEVICES_MAX + 5 }, (_, i) => ({
    device: Uint8Array.from({ length: 32 }, (__, j) => (j === 0 ? i >> 8 : j === 1 ? i & 255 : 7)),
    addresses: Array.from({ length: 9 }, () => longest),
  }));
  const bytes = encodeAddresses(many);
  expect(bytes.length).toBeLessThanOrEqual(ADDRESSES_FRAME_BYTES_MAX);
  expect(decodeAddresses(bytes)).toHaveLength(ADDRESSES_DEVICES_MAX);
});

/** Two ends of one stream, each with the frames that the other sends. */
function createLine() {
  const queues: [Uint8Array[], Uint8Array[]] = [[], []];
  const waiting: (() => void)[] = [];
  const end = (own: 0 | 1, peer: Uint8Array) => ({
    peer,
    async send(frame: Uint8Array) {
      queues[1 - own]!.push(frame);
      for (const wake of waiting.splice(0)) wake();
    },
    frames: (async function* () {
      for (;;) {
        const frame = queues[own]!.shift();
        if (frame) yield frame;
        else await new Promise<void>((resolve) => waiting.push(resolve));
      }
    })(),
    close: async () => undefined,
    abort: () => undefined,
  });
  return [end(0, device(2)), end(1, device(1))] as const;
}

function createSide(self: number, shared: readonly number[], known: Record<number, string[]>) {
  const learned = new Map<string, readonly string[]>();
  const counts: string[] = [];
  const transport = {
    self: device(self),
    addresses: () => known[self] ?? [],
    knownAddresses: (peer: Uint8Array) => known[peer[0]!] ?? [],
    addAddresses: (peer: Uint8Array, addresses: readonly string[]) => void learned.set(toHex(peer), addresses),
  };
  const spaces = { membersSharedWith: () => shared.map(device) };
  return { learned, counts, deps: { transport, spaces, count: (event: string) => void counts.push(event) } as never };
}

test('two members learn of the others that both share, and of nobody else', async () => {
  const [near, far] = createLine();
  const asking = createSide(1, [1, 2, 3], { 1: ['/a/1'], 3: ['/a/3'], 9: ['/a/9'] });
  const answering = createSide(2, [1, 2], { 2: ['/a/2'], 3: ['/a/three'] });
  const opened = { open: async () => near };
  const deps = asking.deps as { transport: object };
  await Promise.all([
    askAddresses({ ...deps, transport: { ...deps.transport, ...opened } } as never, device(2)),
    answerAddresses(answering.deps, far as never),
  ]);
  expect([...asking.learned]).toEqual([[toHex(device(2)), ['/a/2']]]);
  // The answering side shares no space with device 3: it is not told where to dial by a peer.
  expect([...answering.learned]).toEqual([[toHex(device(1)), ['/a/1']]]);
  expect(answering.counts).toContain('foreign');
});

import { expect, test } from 'vitest';
import { toHex } from '#core/kernel/index.ts';
import { answerAddresses, askAddresses } from './exchange-addresses.ts';

const device = (byte: number) => new Uint8Array(32).fill(byte);

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

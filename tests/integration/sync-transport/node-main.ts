/** A device in a process of its own, which does what its parent says. `process.argv[2]` is its set-up as JSON. */
import { fromHex, toHex } from '#core/kernel/index.ts';
import type { Libp2pConfig } from '#sync/transport/index.ts';
import { echo, frameOf } from '#sync/transport/testing/transport-contract.ts';
import { openLibp2p } from '#sync/transport/testing/fixtures.ts';

export interface NodeSetUp {
  readonly seed: number;
  readonly config: Omit<Libp2pConfig, 'networkKey'> & { readonly networkKey?: string };
}

const PROTOCOL = '/granary/echo/1';
const { seed, config } = JSON.parse(process.argv[2]!) as NodeSetUp;
const { networkKey, ...others } = config;
const transport = await openLibp2p(seed, { ...others, ...(networkKey && { networkKey: fromHex(networkKey) }) });
transport.handle(PROTOCOL, { maxFrameBytes: 2 ** 20, maxStreamsPerPeer: 4 }, echo);
transport.onChange(({ kind, peer }) => process.send!({ event: `${kind} ${toHex(peer)}` }));

const commands = {
  addresses: () => transport.addresses(),
  know: (peer: string, addresses: string[]) => transport.addAddresses(fromHex(peer), addresses),
  keep: (peers: string[]) => transport.keepConnected(new Set(peers)),
  peers: () => transport.peers().map(({ peer, address, isLimited }) => ({ peer: toHex(peer), address, isLimited })),
  counts: () => transport.counts(),
  /** Sends frames of these sizes one after another, each when the one before has come back. */
  async exchange(peer: string, sizes: number[]) {
    const stream = await transport.open(fromHex(peer), PROTOCOL);
    const frames = stream.frames[Symbol.asyncIterator]();
    const back: number[] = [];
    for (const size of sizes) {
      await stream.send(frameOf(size));
      const { done, value } = await frames.next();
      if (done) break;
      back.push(value.length);
    }
    await stream.close();
    return { back, isLimited: stream.isLimited };
  },
  /** Sends frames without waiting for each, and returns the bytes that came back. */
  async flood(peer: string, frameCount: number, byteCount: number) {
    const stream = await transport.open(fromHex(peer), PROTOCOL);
    const sending = (async () => {
      for (let i = 0; i < frameCount; i++) await stream.send(frameOf(byteCount, i));
    })();
    let [bytes, frames] = [0, 0];
    for await (const frame of stream.frames) {
      bytes += frame.length;
      if (++frames === frameCount) break;
    }
    await sending;
    await stream.close();
    return bytes;
  },
  async stop() {
    await transport[Symbol.asyncDispose]();
    setImmediate(() => process.disconnect());
  },
};
export type NodeCommands = typeof commands;

process.on('message', async ({ id, name, args }: { id: number; name: keyof NodeCommands; args: never[] }) => {
  try {
    const value = await (commands[name] as (...words: never[]) => unknown)(...args);
    process.send!({ id, value });
  } catch (error) {
    process.send!({ id, error: error instanceof Error ? error.message : String(error) });
  }
});
process.on('disconnect', () => process.exit());
process.send!({ event: 'ready' });

import { blake3 } from '#sync/log/testing/fixtures.ts';
import { systemWait } from '#core/platform/index.ts';
import { createMemoryNetwork } from './memory-transport.ts';
import type { Transport } from './ports.ts';
import { createMovableClock, keyOf, realRandom } from './testing/fixtures.ts';
import { describeTransport } from './testing/transport-contract.ts';

describeTransport('the memory transport', async () => {
  const { clock, pass } = createMovableClock();
  const network = createMemoryNetwork({ blake3, clock, random: realRandom, wait: systemWait });
  const joined: Transport[] = [];
  return {
    pass,
    async join() {
      const transport = network.join(keyOf(joined.length + 1));
      joined.push(transport);
      return transport;
    },
    async close() {
      for (const transport of joined) await transport[Symbol.asyncDispose]();
    },
  };
});

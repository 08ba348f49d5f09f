import type { Transport } from '../ports.ts';
import { createMovableClock, openLibp2p } from '../testing/fixtures.ts';
import { describeTransport } from '../testing/transport-contract.ts';

describeTransport('the libp2p transport', async () => {
  const joined: Transport[] = [];
  const { clock, pass } = createMovableClock();
  return {
    pass,
    async join() {
      const transport = await openLibp2p(joined.length + 1, {}, { clock });
      joined.push(transport);
      return transport;
    },
    async close() {
      for (const transport of joined) await transport[Symbol.asyncDispose]();
    },
  };
});

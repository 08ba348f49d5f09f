// A process to be killed. It fetches one sealed segment from a server on this machine and says when it is whole.
//
// usage: node fetch-until-killed.ts FOLDER PORT NAME
import { connect } from 'node:net';
import { systemClock } from '#core/platform/index.ts';
import { createWasmBlake3 } from '#sync/log/adapters/wasm-blake3.ts';
import { createNodeSealedFolder } from '#sync/segments/adapters/node-sealed-folder.ts';
import { systemWait } from '#core/platform/index.ts';
import { createSegmentFetcher, type SealedName } from '#sync/segments/index.ts';
import { createSocketChannel } from '#sync/segments/testing/socket-channel.ts';

const [folder, port, name] = process.argv.slice(2) as [string, string, SealedName];
const fetcher = createSegmentFetcher({
  folder: createNodeSealedFolder(folder),
  blake3: await createWasmBlake3(),
  clock: systemClock,
  wait: systemWait,
  count: () => undefined,
});
fetcher.addPeer('server', createSocketChannel(connect(Number(port), '127.0.0.1')));
await fetcher.fetch(name);
process.stdout.write('whole\n');
await fetcher.close();

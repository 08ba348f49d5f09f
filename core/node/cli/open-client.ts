import { VERSION } from '../version.ts';
import { createHttpClient } from '#core/api/adapters/http-client.ts';
import { type Client, createLocalClient } from '#core/api/index.ts';
import { GranaryError, isGranaryError } from '#core/kernel/index.ts';
import { createNodeFileSystem } from '#core/platform/index.ts';
import { createNode, type NodeOptions } from '../create-node.ts';
import { type Holder, readHolder } from '../holder.ts';

const DEVICE_INFO = `granary-cli/${VERSION}`;

/**
 * Opens the home for one command, or connects to the node that holds it. Errors: those of {@link createNode};
 * `HOME_LOCKED`, naming the holder, when that one serves no API.
 */
export async function openClient(options: NodeOptions): Promise<Client> {
  const { home } = options;
  try {
    const node = await createNode(options);
    const local = createLocalClient(node.registry, { ...node.owner, deviceInfo: DEVICE_INFO });
    return {
      call: (operation, input, options) => local.call(operation, input, options),
      [Symbol.asyncDispose]: () => node[Symbol.asyncDispose](),
    };
  } catch (error) {
    if (!isGranaryError(error, 'HOME_LOCKED')) throw error;
    const holder = await readHolder(createNodeFileSystem(), home);
    if (holder?.api) return createHttpClient({ ...holder.api, deviceInfo: DEVICE_INFO });
    throw new GranaryError('HOME_LOCKED', describeHolder(home, holder), { home }, { cause: error });
  }
}

/** Who holds the home, in a sentence. */
export function describeHolder(home: string, holder: Holder | undefined): string {
  const who = holder ? `process ${holder.pid} ("${holder.command}")` : 'another process';
  return `${home} is held by ${who}. Wait until it ends, or stop it.`;
}

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ip = (line: string) => run('ip', line.split(' '));

/** A network namespace on a wire of its own to the other one: a host in a network of two. */
export interface TestHost {
  readonly address: string;
  /** A command line that runs the rest of it on this host. */
  readonly prefix: readonly string[];
  setLink(state: 'up' | 'down'): Promise<void>;
  /** Disturbs what leaves this host, such as `delay 50ms loss 2%`. */
  disturb(rules: string): Promise<void>;
}

/** Two hosts that reach each other and nothing else, gone at the end of the scope. */
export async function createTestHosts(): Promise<AsyncDisposable & { readonly hosts: readonly [TestHost, TestHost] }> {
  const names = ['a', 'b'].map((side) => `granary-${process.pid}-${side}`) as [string, string];
  const remove = async () => {
    for (const name of names) await ip(`netns del ${name}`).catch(() => undefined);
  };
  try {
    for (const name of names) await ip(`netns add ${name}`);
    await ip(`link add wire netns ${names[0]} type veth peer name wire netns ${names[1]}`);
    const createHost = async (name: string, address: string): Promise<TestHost> => {
      const prefix = ['ip', 'netns', 'exec', name];
      const setLink = async (state: 'up' | 'down') => {
        await ip(`-n ${name} link set wire ${state}`);
      };
      await ip(`-n ${name} addr add ${address}/24 dev wire`);
      await ip(`-n ${name} link set lo up`);
      await setLink('up');
      await ip(`-n ${name} route add 224.0.0.0/4 dev wire`);
      return {
        address,
        prefix,
        setLink,
        async disturb(rules) {
          await run('tc', `-n ${name} qdisc replace dev wire root netem ${rules}`.split(' '));
        },
      };
    };
    const hosts = [await createHost(names[0], '10.77.0.1'), await createHost(names[1], '10.77.0.2')] as const;
    return { hosts, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** What this machine lets tests do; they say what they could not by `test.runIf`. */
export async function findHostTools(): Promise<{ readonly hosts: boolean; readonly disturbance: boolean }> {
  try {
    await using made = await createTestHosts();
    const disturbance = made.hosts[0].disturb('delay 1ms').then(
      () => true,
      () => false,
    );
    return { hosts: true, disturbance: await disturbance };
  } catch {
    return { hosts: false, disturbance: false };
  }
}

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { toHex } from '#core/kernel/index.ts';
import { keyOf } from '#sync/transport/testing/fixtures.ts';
import type { NodeCommands, NodeSetUp } from './node-main.ts';

type Answer<Name extends keyof NodeCommands> = Awaited<ReturnType<NodeCommands[Name]>>;

export interface NodeProcess extends AsyncDisposable {
  /** Public key in hexadecimal. */
  readonly key: string;
  call<Name extends keyof NodeCommands>(name: Name, ...args: Parameters<NodeCommands[Name]>): Promise<Answer<Name>>;
  /** Resolves with the first event of this kind about the other that comes from now on. */
  event(kind: 'connected' | 'disconnected', other: NodeProcess): Promise<void>;
  /** Resolves when the device of this seed is heard on the local network. */
  discovered(seed: number): Promise<void>;
  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void;
  readonly exited: Promise<void>;
}

/** Starts a device; `prefix` is a command that runs the rest of its line somewhere else. */
export async function startNode(
  seed: number,
  config: NodeSetUp['config'] = {},
  prefix: readonly string[] = [],
): Promise<NodeProcess> {
  const setUp = JSON.stringify({
    seed,
    config: { listen: ['/ip4/127.0.0.1/tcp/0'], ...config },
  } satisfies NodeSetUp);
  const script = join(import.meta.dirname, 'node-main.ts');
  const [program, ...words] = [...prefix, process.execPath, '--disable-warning=ExperimentalWarning', script, setUp];
  const child: ChildProcess = spawn(program!, words, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const key = toHex(keyOf(seed));
  const calls = new Map<number, PromiseWithResolvers<never>>();
  const waiting = new Set<{ readonly event: string; resolve(): void }>();
  let lastCall = 0;
  const exited = new Promise<void>((resolve) => {
    child.on('exit', () => resolve());
  });

  const waitFor = (event: string) =>
    new Promise<void>((resolve) => {
      waiting.add({ event, resolve });
    });
  child.on('message', (message: { event?: string; id?: number; value?: never; error?: string }) => {
    for (const waiter of waiting) {
      if (waiter.event !== message.event) continue;
      waiting.delete(waiter);
      waiter.resolve();
    }
    const call = calls.get(message.id ?? 0);
    if (message.error !== undefined) call?.reject(new Error(message.error));
    else call?.resolve(message.value as never);
  });

  await Promise.race([
    waitFor('ready'),
    exited.then(() => {
      throw new Error('The device ended before it was ready.');
    }),
  ]);
  return {
    key,
    call(name, ...args) {
      const answer = Promise.withResolvers<never>();
      calls.set(++lastCall, answer);
      child.send({ id: lastCall, name, args });
      return answer.promise;
    },
    event: (kind, other) => waitFor(`${kind} ${other.key}`),
    discovered: (seed) => waitFor(`discovered ${toHex(keyOf(seed))}`),
    signal: (name) => child.kill(name),
    exited,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Lets the first device know where the second one is. */
export const introduce = async (who: NodeProcess, whom: NodeProcess): Promise<void> =>
  who.call('know', whom.key, await whom.call('addresses'));

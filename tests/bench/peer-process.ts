import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { PeerFigures } from './bench-peer.ts';

export interface PeerProcess extends AsyncDisposable {
  readonly addresses: readonly string[];
  /** What it has used since the last time. */
  figures(): Promise<PeerFigures>;
}

/** Starts `bench-peer.ts` on a home; `victim` is a device and its address. */
export async function startPeer(home: string, victim: readonly string[] = []): Promise<PeerProcess> {
  const path = fileURLToPath(new URL('./bench-peer.ts', import.meta.url));
  const child = fork(path, [home, ...victim], { execArgv: ['--disable-warning=ExperimentalWarning'] });
  const [{ addresses }] = (await once(child, 'message')) as [{ addresses: readonly string[] }];
  return {
    addresses,
    async figures() {
      const answer = once(child, 'message');
      child.send('figures');
      const [figures] = (await answer) as [PeerFigures];
      return figures;
    },
    async [Symbol.asyncDispose]() {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}

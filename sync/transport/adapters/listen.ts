import { multiaddr } from '@multiformats/multiaddr';
import type { Carriers } from './create-node.ts';

/** Why the transport listens elsewhere than it was told to, or not at all; `instead` is where it does. */
export interface ListenWarning {
  readonly address: string;
  readonly instead: string | undefined;
  /** In one line. */
  readonly cause: string;
}

const PORT = /\/tcp\/(?!0\b)\d+/;

/** Listens on each address; on a free port where the named one is taken. */
export async function listen(
  carriers: Carriers,
  addresses: readonly string[],
  onWarning: (warning: ListenWarning) => void,
): Promise<void> {
  for (const address of addresses) {
    try {
      await carriers.listen([multiaddr(address)]);
    } catch (cause) {
      const onFreePort = address.replace(PORT, '/tcp/0');
      const instead =
        onFreePort === address
          ? undefined
          : await carriers.listen([multiaddr(onFreePort)]).then(
              () => onFreePort,
              () => undefined,
            );
      onWarning({ address, instead, cause: describeCause(cause) });
    }
  }
}

/** The library puts its advice and a stack into the message; what happened stands behind the name of the address. */
function describeCause(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  return /Error: ([^\n]*)/.exec(message)?.[1] ?? message.split('\n')[0]!;
}

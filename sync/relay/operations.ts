import { z } from 'zod';
import { defineOperation, type Operation } from '#core/kernel/index.ts';
import { describeRelay, type DescribeRelayDeps } from './describe-relay.ts';
import type { Relay } from './keep-segments.ts';

const relayOutput = z.object({
  /** False for a node that keeps operations alone. */
  keepsSegments: z.boolean(),
  /** Bytes of sealed files that each space may take. */
  bytesMax: z.number(),
  /** Those that this device may not read. */
  spaces: z.array(
    z.object({
      space: z.string(),
      name: z.string(),
      logCount: z.int(),
      operationCount: z.int(),
      operationBytes: z.number(),
      /** Segments that members may want to have from here. */
      announcedCount: z.int(),
      heldCount: z.int(),
      heldBytes: z.number(),
      /** Of those held, what a member was promised. */
      pledgedCount: z.int(),
    }),
  ),
  /** What happened to segments since the start, by event. */
  counts: z.record(z.string(), z.int()),
});

export type RelayOutput = z.output<typeof relayOutput>;

export interface RelayOperationsDeps extends DescribeRelayDeps {
  readonly bytesMax: number;
  /** Undefined while this node does not keep segments. */
  readonly relay: () => Pick<Relay, 'counts'> | undefined;
}

export function relayOperations(deps: RelayOperationsDeps): readonly Operation[] {
  return [
    defineOperation({
      name: 'getRelay',
      description: 'What this node stores and forwards of spaces that it may not read.',
      input: z.strictObject({}),
      output: relayOutput,
      permission: 'read',
      async handler() {
        const relay = deps.relay();
        return {
          keepsSegments: relay !== undefined,
          bytesMax: deps.bytesMax,
          spaces: await describeRelay(deps),
          counts: Object.fromEntries(relay?.counts ?? []),
        };
      },
    }),
  ];
}

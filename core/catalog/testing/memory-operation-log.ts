import { hash } from 'node:crypto';
import { toUtf8 } from '#core/kernel/index.ts';
import { type KeyValueStore, prefixRange } from '#core/platform/ports.ts';
import type { OperationLog } from '../ports.ts';

const PREFIX = 'test-operation/';

/** A log without signatures: bodies in order, ids from their content and place. */
export interface MemoryOperationLog extends OperationLog {
  bodies(): Promise<unknown[]>;
}

export function createMemoryOperationLog(store: KeyValueStore): MemoryOperationLog {
  return {
    async append(body, commit) {
      const pending = commit.writes.filter(({ key }) => key.startsWith(PREFIX)).length;
      const tip = await store.get('test-operation-count');
      const place = Number(tip ? new TextDecoder().decode(tip) : 0) + pending;
      commit.put(PREFIX + String(place).padStart(10, '0'), body);
      commit.put('test-operation-count', toUtf8(String(place + 1)));
      return { operationId: hash('sha256', `${place}:${Buffer.from(body).toString('hex')}`, 'hex') };
    },
    async bodies() {
      const bodies: unknown[] = [];
      for await (const [, body] of store.entries(prefixRange(PREFIX))) {
        bodies.push(JSON.parse(new TextDecoder().decode(body)));
      }
      return bodies;
    },
  };
}

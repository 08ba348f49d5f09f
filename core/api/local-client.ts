import type { Caller } from '#core/kernel/index.ts';
import { type Client, noFiles } from './client.ts';
import { dispatch } from './dispatch.ts';
import type { Registry } from './registry.ts';

/** Calls operations of a node in this process, through the same dispatcher as every other door. */
export function createLocalClient(registry: Registry, caller: Caller): Client {
  return {
    call(operation, input, { files = noFiles(), report = () => undefined, write = discard, signal } = {}) {
      const context = { caller, signal: signal ?? new AbortController().signal, report, files, write };
      return dispatch(registry, operation, input, context);
    },
    async [Symbol.asyncDispose]() {},
  };
}

async function discard(): Promise<void> {}

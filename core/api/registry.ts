import { GranaryError, type Operation } from '#core/kernel/index.ts';

/** Every operation of the node by name: the one list that the command line, HTTP and all later doors translate. */
export interface Registry {
  /** Errors: `OPERATION_UNKNOWN`. */
  get(name: string): Operation;
  readonly operations: readonly Operation[];
}

/** Errors: `INTERNAL` when two operations share a name. */
export function createRegistry(operations: readonly Operation[]): Registry {
  const byName = new Map<string, Operation>();
  for (const operation of operations) {
    if (byName.has(operation.name)) {
      throw new GranaryError('INTERNAL', `Two operations are called "${operation.name}".`);
    }
    byName.set(operation.name, operation);
  }
  return {
    operations: [...byName.values()],
    get(name) {
      const operation = byName.get(name);
      if (operation) return operation;
      throw new GranaryError('OPERATION_UNKNOWN', `There is no operation "${name}". GET /v1/operations lists them.`);
    },
  };
}

import type { z } from 'zod';
import {
  asGranaryError,
  GranaryError,
  type Operation,
  type OperationContext,
  throwIfAborted,
} from '#core/kernel/index.ts';
import type { Registry } from './registry.ts';

/**
 * Runs one operation: checks that the caller may, that the input fits, and that the output does. Every door calls
 * this and nothing behind it. Errors: those of the operation, `OPERATION_UNKNOWN`, `FORBIDDEN`, `INPUT_INVALID`,
 * `CANCELLED`; anything unexpected comes out as `INTERNAL`.
 */
export async function dispatch(
  registry: Registry,
  name: string,
  input: unknown,
  context: OperationContext,
): Promise<unknown> {
  const operation = registry.get(name);
  if (!context.caller.permissions.has(operation.permission)) {
    throw new GranaryError('FORBIDDEN', `"${name}" needs the permission "${operation.permission}".`, {
      operation: name,
      permission: operation.permission,
    });
  }
  const parsed = parseInput(operation, input);
  throwIfAborted(context.signal);
  try {
    const output = await operation.handler(parsed, context);
    return operation.output.parse(output);
  } catch (error) {
    // Work that fails because it was told to stop reports the stop, not the debris.
    throwIfAborted(context.signal);
    throw asGranaryError(error);
  }
}

function parseInput(operation: Operation, input: unknown): unknown {
  const result = operation.input.safeParse(input);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw new GranaryError('INPUT_INVALID', `${operation.name}: ${describeIssue(issue)}`, {
    operation: operation.name,
    field: issue.path.join('.'),
  });
}

/** One validation issue as a sentence that names the field. */
export function describeIssue(issue: z.core.$ZodIssue): string {
  const field = issue.path.join('.');
  return field === '' ? issue.message : `"${field}": ${issue.message}`;
}

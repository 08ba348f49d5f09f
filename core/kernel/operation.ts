import type { z } from 'zod';
import type { AccessPurpose } from './access-purpose.ts';
import type { ReportProgress } from './progress.ts';

/** What a caller must hold to run an operation. */
export type Permission = 'read' | 'write' | 'admin';

/** Who calls, for what, and from where; written to the audit trail. */
export interface Caller {
  readonly userId: string | null;
  readonly purpose: AccessPurpose;
  readonly permissions: ReadonlySet<Permission>;
  /** The address a network call came from; null for a call within the process. */
  readonly sourceIp: string | null;
  /** The program that calls, such as `granary-cli/0.1.0`. */
  readonly deviceInfo: string | null;
}

/** Bytes that come with a call: a file of the caller's, opened by the caller and not by the node. */
export interface InputFile {
  /** The name as the caller knows it. Never opened by the node. */
  readonly name: string;
  /** Absent while unknown (standard input). */
  readonly byteCount?: number | undefined;
  /** The bytes from the start; may be called again only when `replayable`. */
  read(): AsyncIterable<Uint8Array>;
  /** True when `read` can be called more than once: the file can be spared a copy. */
  readonly replayable: boolean;
}

export interface OperationContext {
  readonly caller: Caller;
  readonly signal: AbortSignal;
  readonly report: ReportProgress;
  /** The files that came with the call, in order; empty for most operations. */
  readonly files: AsyncIterable<InputFile>;
  /** Writes bytes of the call's output stream; resolves when more may be written. */
  readonly write: (chunk: Uint8Array) => Promise<void>;
}

/**
 * One public command or query of a slice. Everything outside (command line, HTTP, later GraphQL, REST, gRPC and IPC)
 * reaches a slice through its operations and through nothing else.
 */
export interface Operation<Input extends z.ZodType = z.ZodType, Output extends z.ZodType = z.ZodType> {
  /** Lower camel case, unique: `ingestFiles`. */
  readonly name: string;
  readonly description: string;
  readonly input: Input;
  readonly output: Output;
  readonly permission: Permission;
  /** What the bytes written to the context's `write` are; absent when the operation writes none. */
  readonly streams?: string;
  readonly handler: (input: z.output<Input>, context: OperationContext) => Promise<z.input<Output>>;
}

/**
 * Declares an operation: the handler's types follow from the schemas, and are then forgotten, so that operations of
 * every shape stand in one list. The dispatcher checks input and output against the schemas.
 */
export function defineOperation<Input extends z.ZodType, Output extends z.ZodType>(
  operation: Operation<Input, Output>,
): Operation {
  return operation as unknown as Operation;
}

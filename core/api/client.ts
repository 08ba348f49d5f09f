import type { AbortOptions, InputFile, ReportProgress } from '#core/kernel/index.ts';

export interface CallOptions extends AbortOptions {
  readonly files?: AsyncIterable<InputFile>;
  readonly report?: ReportProgress;
  /** Takes the bytes of the output stream, in order. */
  readonly write?: (chunk: Uint8Array) => Promise<void>;
}

/** What comes with a call that brings no files. */
export async function* noFiles(): AsyncGenerator<InputFile> {}

/** A way to call operations: in this process, or in the node that holds the home. */
export interface Client extends AsyncDisposable {
  /** Resolves to the operation's output. Errors: those of the operation, `NODE_UNREACHABLE`. */
  call(operation: string, input: unknown, options?: CallOptions): Promise<unknown>;
}

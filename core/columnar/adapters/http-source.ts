import { type AbortOptions, GranaryError, throwIfAborted } from '#core/kernel/index.ts';
import type { ByteSource } from '#core/platform/ports.ts';

/** What is used of the platform's `fetch`; tests and callers with headers of their own hand in another. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

const CONTENT_RANGE = /^bytes (\d+)-(\d+)\/(\d+)$/;

/**
 * A file behind a web server that serves byte ranges (RFC 9110 section 14): each read is one request for exactly its
 * bytes, and opening it asks for one byte to learn the size. From a page of another origin the server must expose the
 * header `Content-Range`. Errors: `IO_FAILED`, also for a server without ranges; `CANCELLED`.
 */
export async function openHttpSource(
  url: string,
  { signal, fetch = globalThis.fetch }: AbortOptions & { readonly fetch?: Fetch } = {},
): Promise<ByteSource> {
  const { total } = await readRange(fetch, url, 0, 1, signal);
  return {
    byteCount: total,
    async read(offset, byteCount, options = {}) {
      if (byteCount === 0) return new Uint8Array(0);
      const part = await readRange(fetch, url, offset, byteCount, options.signal);
      if (part.total !== total) throw failed(url, 'it changed while it was read');
      return part.bytes;
    },
    close: async () => undefined,
  };
}

const failed = (url: string, why: string, cause?: unknown): GranaryError =>
  new GranaryError('IO_FAILED', `Cannot read ${JSON.stringify(url)}: ${why}.`, { url }, { cause });

async function readRange(
  fetch: Fetch,
  url: string,
  offset: number,
  byteCount: number,
  signal: AbortSignal | undefined,
): Promise<{ bytes: Uint8Array; total: number }> {
  throwIfAborted(signal);
  const last = offset + byteCount - 1;
  try {
    const headers = { range: `bytes=${offset}-${last}` };
    const response = await fetch(url, { headers, ...(signal ? { signal } : {}) });
    const range = CONTENT_RANGE.exec(response.headers.get('content-range') ?? '');
    if (response.status !== 206 || !range) {
      await response.body?.cancel();
      const ranges = response.ok ? 'the server does not serve byte ranges' : `the server answers ${response.status}`;
      throw failed(url, ranges);
    }
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (Number(range[1]) !== offset || bytes.length !== byteCount) throw failed(url, 'the server sent another range');
    return { bytes, total: Number(range[3]) };
  } catch (error) {
    throwIfAborted(signal);
    if (error instanceof GranaryError) throw error;
    throw failed(url, error instanceof Error ? error.message : String(error), error);
  }
}

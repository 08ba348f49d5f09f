import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A web server on the loopback that serves files of the memory with byte ranges, and counts. */
export interface FileServer extends AsyncDisposable {
  readonly url: string;
  /** The bodies that were sent, in bytes, one for each request. */
  readonly sent: number[];
}

const CONTENT_TYPES: Readonly<Record<string, string>> = { html: 'text/html; charset=utf-8', webm: 'video/webm' };

export async function serveFiles(
  files: Readonly<Record<string, Uint8Array | string>>,
  { ranges = true } = {},
): Promise<FileServer> {
  const sent: number[] = [];
  const server = createServer((request, response) => {
    const name = decodeURIComponent(request.url!.slice(1));
    const file = files[name];
    if (file === undefined) {
      response.writeHead(404).end();
      return;
    }
    const bytes = Buffer.from(file);
    const type = CONTENT_TYPES[name.split('.').at(-1)!] ?? 'application/octet-stream';
    const range = ranges && /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    if (!range) {
      sent.push(bytes.length);
      response.writeHead(200, { 'content-type': type, 'content-length': bytes.length }).end(bytes);
      return;
    }
    const start = Number(range[1]);
    const end = range[2] === '' ? bytes.length : Math.min(Number(range[2]) + 1, bytes.length);
    if (start >= end) {
      response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
      return;
    }
    const part = bytes.subarray(start, end);
    sent.push(part.length);
    const headers = { 'content-range': `bytes ${start}-${end - 1}/${bytes.length}`, 'content-length': part.length };
    response.writeHead(206, { 'content-type': type, 'accept-ranges': 'bytes', ...headers }).end(part);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sent,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

import type { Browser, Page } from 'playwright-core';
import type { ReaderCalls } from '#tests/e2e/harness/reader-calls.ts';
import { bundleForBrowser } from '../../scripts/bundle.ts';
import { type FileServer, serveFiles } from './file-server.ts';

/** The reader in a page of a real browser, and the server that the page and its files come from. */
export interface ReaderPage extends AsyncDisposable {
  readonly page: Page;
  readonly server: FileServer;
  /** Calls a function of the reader in the page. Rejects with the error that the function throws there. */
  call<Name extends keyof ReaderCalls>(
    name: Name,
    ...args: Parameters<ReaderCalls[Name]>
  ): Promise<Awaited<ReturnType<ReaderCalls[Name]>>>;
}

export async function openReaderPage(
  browser: Browser,
  files: Readonly<Record<string, Uint8Array>>,
): Promise<ReaderPage> {
  const script = await bundleForBrowser('tests/e2e/harness/browser-reader.ts');
  const server = await serveFiles({ ...files, 'index.html': '<!doctype html><title>Reader</title>' });
  const page = await browser.newPage();
  await page.goto(`${server.url}/index.html`);
  await page.addScriptTag({ content: script });
  return {
    page,
    server,
    call: (name, ...args) =>
      page.evaluate(
        ([name, args]) => {
          const { reader } = globalThis as unknown as { reader: Record<string, (...args: unknown[]) => unknown> };
          return reader[name]!(...args);
        },
        [name, args] as const,
      ) as never,
    async [Symbol.asyncDispose]() {
      await page.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Field, Schema, Utf8, vectorFromArray } from 'apache-arrow';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { batchOf } from '#core/columnar/rebatch.ts';
import { encodeOne, sampleBatch } from '#core/columnar/testing/sample-table.ts';
import { buildPage } from '../../scripts/build-page.ts';
import { launchBrowser } from '#tests/support/browser.ts';
import { temporaryFolder } from '#tests/support/granary.ts';

const GOLDEN = join(import.meta.dirname, '../golden');
const browser = await launchBrowser();

describe.runIf(browser)('the segment page, opened from disk', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let page: Page;
  const complaints: string[] = [];
  const requests: string[] = [];

  beforeAll(async () => {
    folder = await temporaryFolder();
    page = await browser!.newPage();
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => requests.push(request.url()));
    const url = pathToFileURL(await buildPage(join(folder.path, 'page.html'))).href;
    await page.goto(url);
    requests.length = 0;
  });
  afterAll(async () => {
    await browser!.close();
    await folder[Symbol.asyncDispose]();
  });

  async function show(path: string): Promise<void> {
    await page.evaluate('delete document.body.dataset.shown');
    await page.setInputFiles('#file', path);
    await page.waitForSelector('body[data-shown]');
  }
  const texts = (selector: string) => page.locator(selector).allTextContents();

  test('shows schema, statistics, encodings, pictures and first rows', async () => {
    const path = join(folder.path, 'sample.webm');
    const batch = sampleBatch(140_000);
    await writeFile(path, (await encodeOne(batch, 70_000)).bytes);
    await show(path);
    expect(await page.locator('#error').isHidden()).toBe(true);
    expect(await texts('dd')).toEqual(expect.arrayContaining(['sample.webm', '140,000', '9', '2', 'version 1']));
    const serial = await texts('#columns tbody tr:first-child > *');
    expect([serial[0], serial[2], serial[6]]).toEqual(['serial', 'Int32', '0']);
    expect(serial[3]).toMatch(/^integer, \w+\npredictor delta/);
    const asked = (column: number) => String(batch.getChildAt(column)!.get(0));
    const firstRow = await texts('#rows tbody tr:first-child > *');
    expect(firstRow.slice(0, 7)).toEqual(['1', ...[0, 1, 2, 3, 4, 5].map(asked)]);
    expect(firstRow.slice(7)).toEqual(['2023-11-14 22:13:20.000 UTC', '4', '[0, 1]']);
    expect(await page.locator('#rows tbody tr').count()).toBe(50);
    const decoders = await page
      .locator('canvas[data-decoder]')
      .evaluateAll((all) => all.map((one) => one.dataset['decoder']));
    expect(new Set(decoders)).toEqual(new Set(['platform']));
    expect(decoders.length).toBeGreaterThan(0);
    expect(await page.locator('canvas.values').count()).toBe(9);
    expect(await texts('.note')).toEqual(
      expect.arrayContaining([expect.stringContaining('frames by the decoder of this browser')]),
    );
    await page.getByText('Next').click();
    await page.locator('#rows tbody tr:first-child th', { hasText: '70,001' }).waitFor();
  });

  test('says what a copy by another program lost', async () => {
    await show(join(GOLDEN, 'segment-v1-remuxed/ffmpeg.webm'));
    expect(await texts('#segment > .note')).toEqual(['This file was remuxed. Nothing was lost: every value is there.']);
    await show(join(GOLDEN, 'segment-v1-remuxed/ffmpeg-two-tracks-reversed.webm'));
    expect((await texts('#segment > .warning'))[0]).toMatch(/lost 14 of 18 chunks: serial of row group 1, random of/);
    expect((await texts('#rows tbody tr:first-child > *'))[5]).toBe('null');
  });

  test.each(['flat-types', 'flat-types-many-groups', 'nested-types', 'one-row', 'no-rows', 'no-columns'])(
    'shows the golden file %s',
    async (name) => {
      await show(join(GOLDEN, `segment-v1/${name}.webm`));
      expect(await page.locator('#error').isHidden()).toBe(true);
      expect(await texts('.warning')).toEqual([]);
      const { schema } = JSON.parse(await readFile(join(GOLDEN, `segment-v1/${name}.json`), 'utf8')) as {
        schema: { fields: { name: string }[] };
      };
      expect(await texts('#columns tbody th')).toEqual(schema.fields.slice(0, 50).map((field) => field.name));
    },
  );

  test('refuses other and damaged files with a reason, and goes on', async () => {
    const intact = await readFile(join(GOLDEN, 'segment-v1/every-method.webm'));
    const cases: readonly (readonly [name: string, bytes: Uint8Array, reason: RegExp])[] = [
      ['empty.webm', new Uint8Array(0), /not a WebM file/],
      ['picture.webm', Uint8Array.of(0x89, 0x50, 0x4e, 0x47), /not a WebM file/],
      ['short.webm', intact.subarray(0, 900), /ends early/],
    ];
    for (const [name, bytes, reason] of cases) {
      const path = join(folder.path, name);
      await writeFile(path, bytes);
      await show(path);
      expect(await page.locator('#error').textContent()).toMatch(reason);
      expect(await texts('#segment *')).toEqual([]);
    }
    const damaged = Buffer.from(intact);
    for (let at = damaged.length - 3000; at < damaged.length; at += 7) damaged[at]! ^= 255;
    await writeFile(join(folder.path, 'damaged.webm'), damaged);
    await show(join(folder.path, 'damaged.webm'));
    await page.getByText('Next').click();
    await page.waitForSelector('td.warning');
    expect((await texts('td.warning'))[0]).toMatch(/of row group 1 is damaged/);
    await show(join(GOLDEN, 'segment-v1/every-method.webm'));
    expect(await texts('.warning')).toEqual([]);
  });

  test('shows markup in names and values as text', async () => {
    const markup = '<img src=x onerror="document.title=1"><script>document.title=2</script>';
    const column = vectorFromArray([markup], new Utf8());
    const batch = batchOf(new Schema([new Field(markup, column.type, true)]), 1, [column.data[0]!]);
    const path = join(folder.path, 'markup.webm');
    await writeFile(path, (await encodeOne(batch)).bytes);
    await show(path);
    expect(await texts('#columns tbody th')).toEqual([markup]);
    expect(await texts('#rows tbody td')).toEqual([markup]);
    expect(await page.locator('#segment img, #segment script').count()).toBe(0);
    expect(await page.title()).toBe('Granary segment');
  });

  test('takes a file that is dropped on it', async () => {
    const bytes = (await readFile(join(GOLDEN, 'segment-v1/one-row.webm'))).toString('base64');
    await page.evaluate(`{
      delete document.body.dataset.shown;
      const dataTransfer = new DataTransfer();
      const bytes = Uint8Array.from(atob('${bytes}'), (character) => character.charCodeAt(0));
      dataTransfer.items.add(new File([bytes], 'dropped.webm'));
      document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
    }`);
    await page.waitForSelector('body[data-shown="dropped.webm"]');
    expect(await texts('dd')).toContain('dropped.webm');
  });

  test('asks for nothing over the network and breaks no rule of its policy', () => {
    expect(requests).toEqual([]);
    expect(complaints).toEqual([]);
  });
});

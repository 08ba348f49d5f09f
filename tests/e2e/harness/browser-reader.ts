/** Runs in a browser: the reader from its source, offered to the test as `reader`. */
import { decodeLuma } from '#core/columnar/av1/luma.ts';
import {
  browserZstd,
  createFrameDecoder,
  decodeChunk,
  installZstd,
  openHttpSource,
  openSegment,
  probeFrameDecoders,
} from '#core/columnar/browser.ts';
import { rowsOf } from '#core/columnar/testing/rows-of.ts';
import type { ReaderCalls } from './reader-calls.ts';

installZstd(browserZstd);

const open = async (url: string) => openSegment(await openHttpSource(url));

const same = (left: Uint8Array, right: Uint8Array) =>
  left.length === right.length && left.every((pixel, i) => pixel === right[i]);

const reader: ReaderCalls = {
  probe: () => probeFrameDecoders(),

  async rows(url: string): Promise<string[][]> {
    const segment = await open(url);
    const columns: string[][] = segment.header.schema.fields.map(() => []);
    for (const rowGroup of segment.header.rowGroups.keys())
      for (const [column, rows] of columns.entries()) rows.push(...rowsOf(await segment.readChunk(rowGroup, column)));
    return columns;
  },

  async chunkRows(url: string, rowGroup: number, column: number): Promise<string[]> {
    return rowsOf(await (await open(url)).readChunk(rowGroup, column));
  },

  async compareFrames(url: string): Promise<{ methods: Record<string, number>; different: string[] }> {
    const segment = await open(url);
    const platform = createFrameDecoder('platform');
    const methods: Record<string, number> = {};
    const different: string[] = [];
    for (const [rowGroup, { chunks }] of segment.header.rowGroups.entries()) {
      for (const [column, { encoding }] of chunks.entries()) {
        const unit = await segment.readUnit(rowGroup, column);
        const [ours, theirs] = [decodeLuma(unit), await platform.decode(unit)];
        methods[encoding.method] = (methods[encoding.method] ?? 0) + 1;
        const fits = ours.width === theirs.width && ours.height === theirs.height && same(ours.pixels, theirs.pixels);
        if (!fits) different.push(`column ${column} of row group ${rowGroup}`);
      }
    }
    return { methods, different };
  },

  async measure(url: string, repeats: number): Promise<{ values: number; own: number; platform: number }> {
    const segment = await open(url);
    const units = await Promise.all(segment.header.rowGroups.map((_, rowGroup) => segment.readUnit(rowGroup, 0)));
    const best = async (work: () => Promise<number>): Promise<number> => {
      let rate = 0;
      for (let i = 0; i < repeats; i++) {
        const start = performance.now();
        const count = await work();
        rate = Math.max(rate, count / (performance.now() - start) / 1000);
      }
      return rate;
    };
    const frames = (name: 'granary' | 'platform') => async () => {
      const decoder = createFrameDecoder(name);
      let pixels = 0;
      for (const unit of units) pixels += (await decoder.decode(unit)).pixels.length;
      return pixels;
    };
    for (const unit of units) {
      const [ours, theirs] = await Promise.all([
        createFrameDecoder('granary').decode(unit),
        createFrameDecoder('platform').decode(unit),
      ]);
      if (!same(ours.pixels, theirs.pixels)) throw new Error('The decoders differ.');
    }
    return {
      values: await best(async () => {
        let rows = 0;
        for (const [rowGroup, unit] of units.entries()) rows += decodeChunk(segment.header, rowGroup, 0, unit).length;
        return rows;
      }),
      own: await best(frames('granary')),
      platform: await best(frames('platform')),
    };
  },

  async picture(url, seconds, side) {
    const video = document.createElement('video');
    video.muted = true;
    document.body.append(video);
    const event = (name: string) =>
      new Promise<void>((resolve, reject) => {
        video.addEventListener(name, () => resolve(), { once: true });
        video.addEventListener('error', () => reject(new Error(video.error?.message)), { once: true });
      });
    const loaded = event('loadedmetadata');
    video.src = url;
    await loaded;
    const sought = event('seeked');
    video.currentTime = seconds;
    await sought;
    const { videoWidth, videoHeight, duration } = video;
    const [width, height] = [side ?? videoWidth, side ?? videoHeight];
    const canvas = new OffscreenCanvas(width, height).getContext('2d')!;
    canvas.imageSmoothingEnabled = false;
    canvas.drawImage(video, 0, 0, width, height);
    const { data } = canvas.getImageData(0, 0, width, height);
    let red = '';
    for (let i = 0; i < data.length; i += 4) red += String.fromCharCode(data[i]!);
    video.remove();
    return { width, height, duration, red };
  },

  async play(url: string): Promise<{ ended: boolean; frames: number[] }> {
    const video = document.createElement('video');
    video.muted = true;
    video.playbackRate = 4;
    document.body.append(video);
    const frames: number[] = [];
    const watch = () =>
      video.requestVideoFrameCallback((_, { mediaTime }) => {
        frames.push(mediaTime);
        watch();
      });
    watch();
    video.src = url;
    const ended = new Promise((resolve) => {
      video.addEventListener('ended', resolve, { once: true });
    });
    await video.play();
    await ended;
    video.remove();
    return { ended: video.ended, frames };
  },
};

(globalThis as unknown as { reader: ReaderCalls }).reader = reader;

import { z } from 'zod';
import {
  blobSource,
  browserZstd,
  createFrameDecoder,
  installZstd,
  openSegment,
  probeFrameDecoders,
} from '#core/columnar/browser.ts';
import { byId, element } from './dom.ts';
import { showSegment } from './show-segment.ts';

// The policy of the page forbids code from text, which zod would try to make.
z.config({ jitless: true });
installZstd(browserZstd);

const input = byId('file', HTMLInputElement);
const drop = byId('drop', HTMLLabelElement);
const error = byId('error', HTMLParagraphElement);
const target = byId('segment', HTMLDivElement);

/** The browser's own decoder first, to show that it reads our frames; ours where it has none. */
async function frameDecoders() {
  const supported = (await probeFrameDecoders()).filter((decoder) => decoder.supported);
  return supported.reverse().map(({ name }) => createFrameDecoder(name));
}

let latest: File | undefined;

async function show(file: File): Promise<void> {
  latest = file;
  error.hidden = true;
  target.replaceChildren(element('p', { className: 'note', textContent: 'Reading…' }));
  try {
    const segment = await openSegment(blobSource(file));
    const decoders = await frameDecoders();
    if (latest === file) await showSegment(target, file, segment, decoders);
  } catch (failure) {
    if (latest !== file) return;
    target.replaceChildren();
    error.hidden = false;
    error.textContent = `${file.name} cannot be shown: ${failure instanceof Error ? failure.message : String(failure)}`;
  }
  if (latest === file) document.body.dataset['shown'] = file.name;
}

input.addEventListener('change', () => {
  const file = input.files?.[0];
  if (file) void show(file);
});
for (const name of ['dragenter', 'dragover', 'dragleave', 'drop'])
  document.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.toggle('over', name === 'dragenter' || name === 'dragover');
  });
document.addEventListener('drop', (event) => {
  const file = event.dataTransfer?.files[0];
  if (file) void show(file);
});

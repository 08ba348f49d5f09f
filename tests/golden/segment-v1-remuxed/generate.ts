/**
 * Writes what ffmpeg and mkvmerge make of a golden segment: `node tests/golden/segment-v1-remuxed/generate.ts`. Needs both
 * tools. A file that exists is left alone; its answer is that of the segment it was made from.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const REMUXED_FROM = fileURLToPath(new URL('../segment-v1/every-method.webm', import.meta.url));

const ffmpeg = (options: readonly string[], input: readonly string[] = []) => [
  'ffmpeg',
  '-v',
  'error',
  '-bitexact',
  ...input,
  '-i',
  REMUXED_FROM,
  ...options,
  '-c',
  'copy',
];

/** The command that makes each file; its name comes last. */
export const REMUXES: Readonly<Record<string, readonly string[]>> = {
  'ffmpeg.webm': ffmpeg(['-map', '0']),
  'ffmpeg-matroska.mkv': ffmpeg(['-map', '0']),
  'ffmpeg-live.webm': ffmpeg(['-map', '0', '-live', '1']),
  'ffmpeg-one-track.webm': ffmpeg([]),
  'ffmpeg-two-tracks-reversed.webm': ffmpeg(['-map', '0:4', '-map', '0:1']),
  'ffmpeg-second-row-group.webm': ffmpeg(['-map', '0'], ['-ss', '1']),
  'ffmpeg-without-tags.webm': ffmpeg(['-map', '0', '-map_metadata', '-1']),
  'mkvmerge.webm': ['mkvmerge', '-q', '--deterministic', '1', '--webm', REMUXED_FROM, '-o'],
};

if (import.meta.main) {
  for (const [name, [program, ...args]] of Object.entries(REMUXES)) {
    const file = fileURLToPath(new URL(`./${name}`, import.meta.url));
    if (!existsSync(file)) execFileSync(program!, [...args, file], { stdio: 'inherit' });
  }
}

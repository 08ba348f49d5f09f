import { countOf } from './progress-bar.ts';

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
] as const;

/** A shorter time ago is now: nobody acts on the difference. */
const JUST_NOW_MS = 10_000;

/** Milliseconds in the largest unit of which there is one, rounded down: `3 days`, `1 hour`, `0 seconds`. */
export function formatSpan(milliseconds: number): string {
  const [noun, size] = UNITS.find(([, unit]) => milliseconds >= unit) ?? UNITS.at(-1)!;
  return countOf(Math.max(0, Math.floor(milliseconds / size)), noun);
}

/** How long before `now` a time of ISO 8601 was: `5 minutes ago`. A time to come, of a clock set back, is just now. */
export function formatAgo(time: string, now: number): string {
  const span = now - Date.parse(time);
  return span < JUST_NOW_MS ? 'just now' : `${formatSpan(span)} ago`;
}

/** A time of ISO 8601 as the clock on the wall shows it: `2026-12-01 14:05`. */
export function formatTime(time: string): string {
  const date = new Date(time);
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

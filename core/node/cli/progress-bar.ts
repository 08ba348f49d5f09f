import type { Progress, ReportProgress } from '#core/kernel/index.ts';
import { printable } from './render-rows.ts';
import type { Terminal } from './terminal.ts';

const BAR_CELLS = 24;
const REDRAW_MS = 80;

/** A bar on the last line of the terminal; without a terminal one line as each stage completes. */
export function createProgressBar(terminal: Terminal, monotonic: () => number): ReportProgress {
  let drawnAt = -Infinity;
  let finished = '';
  return (progress) => {
    const complete = progress.total !== undefined && progress.done >= progress.total;
    if (terminal.interactive) {
      if (!complete && monotonic() - drawnAt < REDRAW_MS) return;
      drawnAt = monotonic();
      terminal.status(renderProgress(progress));
      return;
    }
    const stage = `${progress.stage} ${progress.subject ?? ''}`;
    if (!complete || stage === finished) return;
    finished = stage;
    terminal.errorLine(renderProgress(progress));
  };
}

/** `reading  a.csv  ██████░░░░  61 %  1.2 MB of 2.0 MB`. The subject may be a name that another device gave itself. */
export function renderProgress({ stage, subject, done, total, unit, byteCount }: Progress): string {
  const parts = [stage.padEnd(10)];
  if (subject !== undefined) parts.push(printable(subject));
  if (total !== undefined && total > 0) {
    const share = Math.min(1, done / total);
    const cells = Math.round(share * BAR_CELLS);
    parts.push('█'.repeat(cells) + '░'.repeat(BAR_CELLS - cells), `${Math.floor(share * 100)} %`.padStart(5));
    parts.push(`${formatAmount(done, unit)} of ${formatAmount(total, unit)}`);
  } else {
    parts.push(formatAmount(done, unit));
  }
  if (byteCount !== undefined) parts.push(formatBytes(byteCount));
  return parts.join('  ');
}

const formatAmount = (amount: number, unit: Progress['unit']): string =>
  unit === 'bytes' ? formatBytes(amount) : `${formatCount(amount)} ${unit}`;

/** `1,234,567` */
export const formatCount = (count: number): string => count.toLocaleString('en-US');

/** `1 row`, `1,234 rows` */
export const countOf = (count: number, noun: string): string =>
  `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;

/** `512 B`, `1.2 kB`, `34.5 MB`; decimal units. */
export function formatBytes(byteCount: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = byteCount;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

import type { Clock, Logger } from '#core/kernel/index.ts';

/**
 * A logger that hands one line of JSON a call, newline included, to `write`: `time` (ISO 8601), `level`, `message`, then
 * the fields. Fields that JSON cannot carry are written as text or left out, so that logging never fails.
 */
export function createJsonLogger(deps: { clock: Clock; write: (line: string) => void }): Logger {
  const log = (level: 'info' | 'warn', message: string, fields?: Readonly<Record<string, unknown>>) => {
    const line = { ...fields, time: new Date(deps.clock.now()).toISOString(), level, message };
    let text: string;
    try {
      text = JSON.stringify(line, jsonSafe);
    } catch {
      text = JSON.stringify({ time: line.time, level, message, fields: 'cannot be written as JSON' });
    }
    deps.write(`${text}\n`);
  };
  return {
    info: (message, fields) => log('info', message, fields),
    warn: (message, fields) => log('warn', message, fields),
  };
}

function jsonSafe(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Error) return 'code' in value ? { code: value.code, message: value.message } : value.message;
  return value;
}

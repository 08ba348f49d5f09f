import type { Random } from '#core/kernel/index.ts';
import { REDIAL_MILLISECONDS_MAX, REDIAL_MILLISECONDS_MIN } from './limits.ts';

/**
 * Milliseconds until the next try after so many failures in a row (0 for none): doubled with each, and spread over half of
 * it to each side so that devices which lost the same relay do not come back in step.
 */
export function backoffMilliseconds(failures: number, random: Random): number {
  const middle = Math.min(REDIAL_MILLISECONDS_MIN * 2 ** failures, REDIAL_MILLISECONDS_MAX / 1.5);
  const [low, high] = random.bytes(2);
  return Math.round(middle * (0.5 + (low! * 256 + high!) / 65_536));
}

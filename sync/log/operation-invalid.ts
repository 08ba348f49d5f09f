import { type ErrorDetails, GranaryError } from '#core/kernel/index.ts';

/** The refusal of an operation; `fault` completes the sentence "The operation was refused: …". */
export function operationInvalid(fault: string, details: ErrorDetails = {}, cause?: unknown): GranaryError {
  return new GranaryError(
    'OPERATION_INVALID',
    `The operation was refused: ${fault}.`,
    details,
    cause === undefined ? undefined : { cause },
  );
}

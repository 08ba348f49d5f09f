import { asGranaryError, type ErrorCode, type ErrorDetails, GranaryError } from '#core/kernel/index.ts';

/** An error as it travels between threads. */
export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: ErrorDetails;
}

export function toWireError(error: unknown): WireError {
  const { code, message, details } = asGranaryError(error);
  return { code, message, details };
}

export const fromWireError = ({ code, message, details }: WireError): GranaryError =>
  new GranaryError(code, message, details);

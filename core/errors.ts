import { printableLine } from './printable.ts';

/**
 * Every failure that a person or a peer can meet. `code` is stable (scripts match on it), the message names what
 * failed and why, `hint` says what to do about it. One table at each edge maps codes to an HTTP status, an errno
 * or an exit code.
 */
export class HoldfastError extends Error {
  override readonly name = 'HoldfastError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }
}

/** Code → process exit code (of sysexits.h where one fits) and HTTP status; docs/errors.md explains each. */
export const errorCodes = {
  USAGE: { exit: 64, http: 400 },
  INVALID_INPUT: { exit: 65, http: 400 },
  CORRUPT: { exit: 65, http: 500 },
  NOT_FOUND: { exit: 66, http: 404 },
  UNAVAILABLE: { exit: 69, http: 503 },
  INTERNAL: { exit: 70, http: 500 },
  NO_SPACE: { exit: 73, http: 507 },
  IO: { exit: 74, http: 500 },
  TIMEOUT: { exit: 75, http: 504 },
  THROTTLED: { exit: 75, http: 429 },
  PROTOCOL: { exit: 76, http: 400 },
  UNAUTHENTICATED: { exit: 77, http: 401 },
  FORBIDDEN: { exit: 77, http: 403 },
  CONFIG: { exit: 78, http: 500 },
  CONFLICT: { exit: 79, http: 409 },
  GONE: { exit: 80, http: 410 },
  TOO_LARGE: { exit: 81, http: 413 },
  BUSY: { exit: 82, http: 409 },
  WRONG_TARGET: { exit: 83, http: 409 },
  UNSUPPORTED: { exit: 84, http: 501 },
  OFFLINE: { exit: 85, http: 409 },
  STEP_FAILED: { exit: 1, http: 500 },
} as const satisfies Record<string, { exit: number; http: number }>;

export type ErrorCode = keyof typeof errorCodes;

/** Any thrown value as a HoldfastError; what is not one becomes INTERNAL and keeps its cause. */
export function asHoldfastError(thrown: unknown): HoldfastError {
  if (thrown instanceof HoldfastError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new HoldfastError('INTERNAL', message || 'unknown error', { cause: thrown });
}

/** `error: CODE: message — hint`: the one line that a user sees. */
export function errorLine(error: HoldfastError): string {
  return printableLine(`error: ${error.code}: ${error.message}${error.hint ? ` — ${error.hint}` : ''}`);
}

import { asHoldfastError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { CommandOutcome } from '../../core/messages.ts';
import type { CommandOutput } from './executor.ts';

const textMax = 500;

export function succeeded(output: CommandOutput | undefined): CommandOutcome {
  if (!output) return { status: 'SUCCEEDED' };
  const bytes = Buffer.byteLength(JSON.stringify(output));
  // The work is done: a result that is too long to send must not turn it into a failure.
  if (bytes > limits.commandBodyBytes) return { status: 'SUCCEEDED', output: { omittedBytes: bytes } };
  return { status: 'SUCCEEDED', output };
}

/** The outcome with an error as people see it: bounded, one code, what to do. */
export function ended(
  status: Exclude<CommandOutcome['status'], 'SUCCEEDED'>,
  thrown: unknown,
): CommandOutcome {
  const { code, message, hint } = asHoldfastError(thrown);
  return {
    status,
    error: {
      code,
      message: message.slice(0, textMax),
      ...(hint === undefined ? {} : { hint: hint.slice(0, textMax) }),
    },
  };
}

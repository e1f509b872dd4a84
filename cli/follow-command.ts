import type { CommandView } from '../core/api.ts';
import { HoldfastError, type ErrorCode } from '../core/errors.ts';
import { finalCommandStates } from '../core/model.ts';
import { printableLine } from '../core/printable.ts';
import { percentText } from '../core/readable.ts';
import { pollUntil } from './poll-until.ts';
import type { Session } from './program.ts';

const pollMs = 250;

interface Following {
  timeoutMs: number;
  /** Resolves when whoever waits has enough of it. */
  interrupted: () => Promise<void>;
  /** Told what is seen of it, until it is final. */
  seen?: (command: CommandView) => void;
  /** What is thrown where the time is over. @default TIMEOUT; the command goes on */
  late?: (command: CommandView) => HoldfastError | undefined;
}

export const isFinal = (command: CommandView): boolean =>
  (finalCommandStates as readonly string[]).includes(command.state);

/**
 * Polls until the command's state is final. Throws TIMEOUT, STEP_FAILED when interrupted, and what was in the way for the
 * rest of the time; the command goes on.
 */
export async function follow(
  session: Session,
  from: CommandView,
  { timeoutMs, interrupted, seen, late }: Following,
): Promise<CommandView> {
  if (isFinal(from)) return from;
  const { gatewayId, commandId } = from;
  const what = `command ${commandId}`;
  const look = session.toType(`holdfast commands show ${gatewayId} ${commandId}`);
  const params = { gatewayId, commandId };
  const stop = new AbortController();
  void interrupted().then(() => stop.abort());
  try {
    return await pollUntil(session.deps, {
      ...{ what, look, from, timeoutMs, everyMs: pollMs, stop: stop.signal },
      ask: async (signal) => (await session.api.call('getCommand', { params, signal })).command,
      isOver: isFinal,
      seen: (command) => void (isFinal(command) || seen?.(command)),
      ...(late ? { late } : {}),
    });
  } catch (thrown) {
    if (!stop.signal.aborted) throw thrown;
    throw new HoldfastError('STEP_FAILED', `stopped waiting for ${what}`, { hint: `it goes on: ${look}` });
  }
}

/** Writes a line for each change of what the cloud knows of a command; `waiting` is that of one in the queue. */
export function progressTeller(
  write: (line: string) => void,
  waiting: string,
): (command: CommandView) => void {
  let last = '';
  return (command) => {
    const line = progressLine(command, waiting);
    if (line !== last) write(line);
    last = line;
  };
}

function progressLine({ kind, state, progress }: CommandView, waiting: string): string {
  if (state === 'QUEUED') return waiting;
  if (!progress) return 'the gateway was asked';
  return `${percentText(progress.fraction).padStart(5)}  ${printableLine(progress.note ?? kind)}`;
}

const failureCodes: Partial<Record<CommandView['state'], ErrorCode>> = {
  TIMED_OUT: 'TIMEOUT',
  EXPIRED: 'OFFLINE',
  CANCELED: 'CONFLICT',
};

/** Throws what the outcome's error says. */
export function failUnlessSucceeded(command: CommandView): void {
  if (command.state === 'SUCCEEDED') return;
  const error = command.outcome?.error;
  throw new HoldfastError(
    failureCodes[command.state] ?? 'STEP_FAILED',
    `${command.kind} ${command.state}${error ? `: ${error.code}: ${error.message}` : ''}`,
    error?.hint ? { hint: error.hint } : {},
  );
}

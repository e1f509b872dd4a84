import { commandSpecs, type CommandKind } from '../../core/command-kinds.ts';
import { HoldfastError } from '../../core/errors.ts';

/** Commands that may wait on one gateway. */
const openMax = 100;

/** Why a command is not begun, if there is a reason: its parameters, or too many before it. */
export function refusalOf(kind: CommandKind, params: unknown, openCount: number): HoldfastError | undefined {
  const parsed = commandSpecs[kind].params.safeParse(params);
  if (!parsed.success) {
    const issues = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
    return new HoldfastError('INVALID_INPUT', `${kind}: ${issues.join('; ')}`, { cause: parsed.error });
  }
  if (openCount >= openMax)
    return new HoldfastError('BUSY', `${openMax} commands wait on this gateway already`, {
      hint: 'send it again later',
    });
  return undefined;
}

/** The cloud is newer than the agent. */
export const unknownKind = (kind: string): HoldfastError =>
  new HoldfastError('UNSUPPORTED', `this gateway’s agent knows no ${kind}`, {
    hint: 'update the agent, then send it again',
  });

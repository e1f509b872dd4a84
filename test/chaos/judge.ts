import { commandSpecs, type CommandKind } from '../../core/command-kinds.ts';
import { isFinal } from '../../core/commands/states.ts';
import type { CommandState } from '../../core/model.ts';

/** A command that was accepted, and what the cloud says of it in the end. */
export interface Sent {
  gatewayId: string;
  commandId: string;
  kind: CommandKind;
  /** Undefined: the cloud knows no such command. */
  state: CommandState | undefined;
  /** Somebody asked for its end, so that it may have come to it before it ran. */
  isCanceled?: boolean;
  /** How its outcome is worded, where it is an error. */
  error?: string | undefined;
}
/** What an agent's journal says of a command. */
export interface Remembered {
  starts: number;
  startedAt?: number | undefined;
  endedAt?: number | undefined;
  status?: CommandState | undefined;
}
/** gatewayId → commandId → what its journal says. */
export type Journals = ReadonlyMap<string, ReadonlyMap<string, Remembered>>;

/** What is wrong with the end of each command; none where all is well. */
export function violationsOf(sent: readonly Sent[], journals: Journals): string[] {
  const restarts = restartsOf(sent, journals);
  return sent.flatMap((command) => {
    const problems = problemsOf(command, journals, restarts.get(command.gatewayId) ?? []);
    return problems.map(
      (problem) => `${command.kind} ${command.commandId} of ${command.gatewayId}: ${problem}`,
    );
  });
}

function problemsOf(command: Sent, journals: Journals, restarts: Remembered[]): string[] {
  const { gatewayId, commandId, kind, state } = command;
  if (state === undefined) return ['is lost'];
  if (!isFinal(state)) return [`is still ${state}`];
  const problems: string[] = [];
  const entry = journals.get(gatewayId)?.get(commandId);
  const starts = entry?.starts ?? 0;
  for (const [other, journal] of journals)
    if (other !== gatewayId && journal.has(commandId)) problems.push(`also reached ${other}`);
  const wasCanceled = state === 'CANCELED' && command.isCanceled === true;
  if (wasCanceled ? entry !== undefined && entry.status !== 'CANCELED' : entry?.status !== state)
    problems.push(`is ${state}, but ${entry?.status ?? 'has no end'} in the journal`);
  if (state === 'SUCCEEDED' && starts === 0) problems.push('succeeded without a start');
  if (!commandSpecs[kind].idempotent && starts > 1) problems.push(`was started ${starts} times`);
  const wasStopped = kind === 'snapshot.create' && restarts.some((restart) => overlaps(entry, restart));
  if (state !== 'SUCCEEDED' && !wasCanceled && !(wasStopped && endsOfStopped.has(state)))
    problems.push(`ended ${state}: ${command.error ?? 'without a word'}`);
  return problems;
}

function restartsOf(sent: readonly Sent[], journals: Journals): Map<string, Remembered[]> {
  const restarts = new Map<string, Remembered[]>();
  for (const { kind, gatewayId, commandId } of sent) {
    const entry = journals.get(gatewayId)?.get(commandId);
    if (kind === 'service.restart' && entry)
      restarts.set(gatewayId, [...(restarts.get(gatewayId) ?? []), entry]);
  }
  return restarts;
}

/** What becomes of a snapshot that a restart of its agent meets under way. */
const endsOfStopped: ReadonlySet<CommandState> = new Set(['FAILED', 'INDETERMINATE']);

const overlaps = (one: Remembered | undefined, other: Remembered): boolean =>
  one?.startedAt !== undefined &&
  other.startedAt !== undefined &&
  one.startedAt <= (other.endedAt ?? Infinity) &&
  other.startedAt <= (one.endedAt ?? Infinity);

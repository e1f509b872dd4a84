import type { CommandKind, CommandParams } from '../../core/command-kinds.ts';
import type { CommandOutcome } from '../../core/messages.ts';

export type CommandOutput = NonNullable<CommandOutcome['output']>;

/** What an executor may use while it runs one command. */
export interface Execution {
  readonly commandId: string;
  /** Aborted when the command is canceled, runs out of time, or the agent stops. */
  readonly signal: AbortSignal;
  /** True where the agent died while it ran this command before. */
  readonly isRerun: boolean;
  /** Tells the server how far it is, 0 … 1; sent now and then. */
  progress(fraction: number, note?: string): void;
  /** Keeps something for `recover`; on stable storage once it resolves. */
  note(note: Record<string, string>): Promise<void>;
}

/** What is known of a command that was running when the agent died. */
export interface Interrupted {
  startedAt: number;
  note: Record<string, string>;
}

export interface Executor<K extends CommandKind> {
  /** Resolves with the output of a success; throws what the outcome's error says. */
  run(params: CommandParams<K>, execution: Execution): Promise<CommandOutput | undefined>;
  /**
   * For kinds that are not repeated: the true outcome of a command that was interrupted, where something durable
   * tells it. Undefined: nobody can know, the command is INDETERMINATE.
   */
  recover?(params: CommandParams<K>, interrupted: Interrupted): Promise<CommandOutcome | undefined>;
}

export type Executors = { readonly [K in CommandKind]: Executor<K> };

/** Thrown by an executor whose end is the end of this process: the next one tells the outcome (`recover`). */
export class EndsWithProcess extends Error {
  override readonly name = 'EndsWithProcess';
}

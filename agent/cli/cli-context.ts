import type { Readable } from 'node:stream';
import type { Command } from 'commander';

/** What a command may use of its process; built once in the entry point, replaced in tests. */
export interface CliContext {
  env: Record<string, string | undefined>;
  stdin: Readable & { isTTY?: boolean };
  /** Results, for people and programs. */
  stdout: (text: string) => void;
  /** Prompts, progress and errors. */
  stderr: (text: string) => void;
  now: () => number;
  /** Aborted by the first SIGINT or SIGTERM. */
  signal: AbortSignal;
  /** True where stderr is a terminal: progress bars are drawn there alone. */
  interactive: boolean;
  /** Replaces this process by a fresh one with the same arguments; returns only where that cannot be done. */
  restartProcess: () => void;
}

/** Each module of commands exports one of these; it throws HoldfastErrors, the program prints them. */
export type AddCommands = (program: Command, cli: CliContext) => void;

import { Readable } from 'node:stream';
import { runAgentCli } from '../../agent/cli/program.ts';
import type { CliContext } from '../../agent/cli/cli-context.ts';

export interface CliRun {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs the agent's command line in this process. */
export async function runCli(
  args: string[],
  options: {
    stdin?: string;
    env?: Record<string, string>;
    signal?: AbortSignal;
    onStdout?: (text: string) => void;
  } = {},
): Promise<CliRun> {
  const run = { stdout: '', stderr: '' };
  const cli: CliContext = {
    env: options.env ?? {},
    stdin: Readable.from([options.stdin ?? '']),
    stdout: (text) => {
      run.stdout += text;
      options.onStdout?.(text);
    },
    stderr: (text) => void (run.stderr += text),
    now: Date.now,
    signal: options.signal ?? new AbortController().signal,
    interactive: false,
    restartProcess: () => undefined,
  };
  return { code: await runAgentCli(args, cli), ...run };
}

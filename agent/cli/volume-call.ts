import type { Command } from 'commander';
import { callAgent } from '../control/control-client.ts';
import type { CliContext } from './cli-context.ts';
import { exampleText } from './example-text.ts';
import { stateDirOption, statePathOf } from './state-option.ts';

/** What the commands below `volume` share: their options, the call to the running agent, how they print. */
export interface Common {
  stateDir?: string;
  json?: boolean;
}

export const sub = (volume: Command, usage: string, summary: string, examples: string[]): Command =>
  volume
    .command(usage)
    .description(summary)
    .option('--json', 'print JSON; JSON lines where it takes long')
    .addOption(stateDirOption())
    .addHelpText('after', exampleText(...examples.map((line) => `volume ${line}`)));

export async function call<T>(
  cli: CliContext,
  options: Common,
  method: string,
  params: Record<string, unknown>,
  onProgress?: (progress: Record<string, unknown>) => void,
): Promise<T> {
  return (await callAgent(statePathOf(options, cli), method, params, {
    signal: cli.signal,
    onProgress,
  })) as T;
}

/** The last of the JSON lines that a long command prints. */
export function printEnd(
  cli: CliContext,
  { json }: Common,
  event: string,
  value: object,
  text: string,
): void {
  cli.stdout(json ? `${JSON.stringify({ event, ...value })}\n` : text);
}

export function print(cli: CliContext, { json }: Common, value: unknown, text: string): void {
  cli.stdout(json ? `${JSON.stringify(value, null, 2)}\n` : text);
}

export const numbers = (from: Record<string, unknown>): Record<string, number> =>
  Object.fromEntries(
    Object.entries(from).filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
  );

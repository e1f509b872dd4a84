import { Option } from 'commander';
import { stateDirectoryPath } from '../state/state-directory.ts';
import type { CliContext } from './cli-context.ts';

/** `--state-dir DIR`, on each command that needs the agent's state or the running agent. */
export const stateDirOption = (): Option =>
  new Option(
    '--state-dir <dir>',
    'state directory (default: $HOLDFAST_AGENT_STATE, else ~/.local/state/holdfast-agent)',
  );

export const statePathOf = (options: { stateDir?: string }, cli: CliContext): string =>
  stateDirectoryPath(options.stateDir, cli.env);

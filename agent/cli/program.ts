import { Command, CommanderError, Help, type Option } from 'commander';
import { asHoldfastError, errorCodes, errorLine } from '../../core/errors.ts';
import { requireProxyUrls } from '../../core/proxies.ts';
import { refuseRepeated, usageError } from '../../core/usage-error.ts';
import { agentVersion } from '../version.ts';
import { addActivateCommand } from './activate-command.ts';
import type { AddCommands, CliContext } from './cli-context.ts';
import { addInspectCommand } from './inspect-command.ts';
import { addRestoreCommand } from './restore-command.ts';
import { addRunCommand } from './run-command.ts';
import { addServeCommand } from './serve-command.ts';
import { addSnapshotCommands } from './snapshot-commands.ts';
import { addStatusCommand } from './status-command.ts';
import { addVolumeCommand } from './volume-command.ts';
import { exampleText } from './example-text.ts';

const modules: readonly AddCommands[] = [
  addActivateCommand,
  addRunCommand,
  addStatusCommand,
  addVolumeCommand,
  addSnapshotCommands,
  addServeCommand,
  addRestoreCommand,
  addInspectCommand,
];

/** The command `holdfast-agent` with everything below it. */
export function agentProgram(cli: CliContext): Command {
  const program = new Command('holdfast-agent')
    .description('The agent of a Holdfast storage gateway: its volumes, their snapshots, and its connection.')
    .version(agentVersion)
    .showSuggestionAfterError()
    .hook('preAction', () => requireProxyUrls(cli.env))
    .addHelpText(
      'after',
      exampleText(
        'activate --server https://holdfast.example.com --code-file code.txt',
        'run',
        'volume create vol1 --path /data/vol1.img --size 10GiB',
        'status',
      ),
    );
  for (const add of modules) add(program, cli);
  return program;
}

/** Runs one command line (without node and script). Resolves to the exit code; never throws. */
export async function runAgentCli(args: readonly string[], cli: CliContext): Promise<number> {
  const program = agentProgram(cli);
  let failing = program;
  for (const command of commandsBelow(program)) {
    refuseRepeated(command);
    command
      .exitOverride((error) => {
        failing = command;
        throw error;
      })
      .configureHelp({ optionDescription, commandDescription, minWidthToWrap })
      .configureOutput({ writeOut: cli.stdout, writeErr: cli.stderr, outputError: () => undefined });
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return 0;
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0;
    const error = thrown instanceof CommanderError ? usageError(thrown, failing) : asHoldfastError(thrown);
    cli.stderr(`${errorLine(error)}\n`);
    return errorCodes[error.code].exit;
  }
}

function* commandsBelow(command: Command): Iterable<Command> {
  yield command;
  for (const child of command.commands) yield* commandsBelow(child);
}

/** Wrapped for the terminal alone, not where our source has its line ends. */
const commandDescription = (command: Command): string => command.description().replaceAll('\n', ' ');

/** Commander would rather run over the terminal's edge than wrap what has less room than 40 columns. */
const minWidthToWrap = 20;

const optionDescription = (option: Option): string =>
  `${new Help().optionDescription(option)}${option.mandatory ? ' (required)' : ''}`;

import { Command, CommanderError } from 'commander';
import { asHoldfastError, errorCodes, errorLine, HoldfastError } from '../../core/errors.ts';
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
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  holdfast-agent activate --server https://holdfast.example.com --code-file code.txt\n' +
        '  holdfast-agent run\n' +
        '  holdfast-agent volume create vol1 --path /data/vol1.img --size 10GiB\n' +
        '  holdfast-agent status',
    );
  for (const add of modules) add(program, cli);
  return program;
}

/** Runs one command line (without node and script). Resolves to the exit code; never throws. */
export async function runAgentCli(args: readonly string[], cli: CliContext): Promise<number> {
  const program = agentProgram(cli);
  for (const command of commandsBelow(program))
    command.exitOverride().configureOutput({
      writeOut: cli.stdout,
      writeErr: cli.stderr,
      outputError: () => undefined,
    });
  try {
    await program.parseAsync(args, { from: 'user' });
    return 0;
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0;
    const error = thrown instanceof CommanderError ? usageError(thrown) : asHoldfastError(thrown);
    cli.stderr(`${errorLine(error)}\n`);
    return errorCodes[error.code].exit;
  }
}

function* commandsBelow(command: Command): Iterable<Command> {
  yield command;
  for (const child of command.commands) yield* commandsBelow(child);
}

function usageError(error: CommanderError): HoldfastError {
  const said = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
  const message = error.code === 'commander.help' ? 'a subcommand is missing' : said;
  return new HoldfastError('USAGE', message, { hint: 'see holdfast-agent --help' });
}

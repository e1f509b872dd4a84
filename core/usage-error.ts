import { HoldfastError } from './errors.ts';
import { typed } from './typed.ts';

/** What the parser of a command line says: its code and its text. */
interface ParserComplaint {
  readonly code: string;
  readonly message: string;
}

/** The part of a parsed command that its complaint is about; the parser's own `args` hold what it did not know. */
interface ParsedCommand {
  readonly args: readonly string[];
  readonly parent: ParsedCommand | null;
  name(): string;
}

/**
 * A complaint of the parser (Commander) as ours. A mistyped option comes before the one that is missing for it.
 * `toType` makes of a program's line what is typed.
 */
export function usageError(
  { code, message }: ParserComplaint,
  command: ParsedCommand,
  toType: (commandLine: string) => string = typed,
): HoldfastError {
  const said = message.replace(/^error: /, '').replaceAll('\n', ' ');
  const unknown =
    code === 'commander.missingMandatoryOptionValue'
      ? command.args.find((word) => /^-./.test(word))
      : undefined;
  const text = unknown === undefined ? said : `unknown option '${unknown}'; ${said}`;
  return new HoldfastError('USAGE', code === 'commander.help' ? 'a subcommand is missing' : text, {
    hint: `see ${toType(`${pathOf(command)} --help`)}`,
  });
}

const pathOf = (command: ParsedCommand): string =>
  command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();

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

interface ParsedOption {
  readonly long?: string | null | undefined;
  readonly short?: string | null | undefined;
  readonly description: string;
  /** Whether a value must, or may, stand behind it. */
  readonly required: boolean;
  readonly optional: boolean;
  name(): string;
}
interface OptionEvents {
  readonly options: readonly ParsedOption[];
  on(event: string, listener: () => void): unknown;
}

export const givenTwice = (flag: string): HoldfastError =>
  new HoldfastError('USAGE', `${flag} is there twice`, { hint: 'it takes one value: give it once' });

/** How the help of a flag says that it may be given more than once. */
const mayBeRepeated = /\brepeat it\b/;

/** Has a command refuse a flag that takes one value and is given twice: the parser would drop the first one in silence. */
export function refuseRepeated(command: OptionEvents): void {
  for (const option of command.options) {
    if (!(option.required || option.optional) || mayBeRepeated.test(option.description)) continue;
    let isGiven = false;
    command.on(`option:${option.name()}`, () => {
      if (isGiven) throw givenTwice(option.long ?? option.short ?? '');
      isGiven = true;
    });
  }
}

const pathOf = (command: ParsedCommand): string =>
  command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();

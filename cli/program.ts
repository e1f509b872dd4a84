import { CommanderError, Help, Option, type Command } from 'commander';
import { asHoldfastError, errorCodes, errorLine } from '../core/errors.ts';
import { examplesOf } from '../core/example-text.ts';
import { givenTwice, refuseRepeated, usageError } from '../core/usage-error.ts';
import { createApiClient, type ApiClient } from './api-client.ts';
import { resolveContext, type CliContext, type ContextFlags } from './context.ts';
import { printable } from '../core/printable.ts';
import { json } from './output.ts';
import { wholeGatewayId } from './whole-id.ts';
import { typed, typedNext } from '../core/typed.ts';

/** What every command gets; a test gives its own. */
export interface CliDeps {
  env: Record<string, string | undefined>;
  stdout: (text: string) => void;
  stderr: (text: string) => void;
  now: () => number;
  readStdin: () => Promise<string>;
}

/** A resolved call of one command: its flags, the API and its output. */
export interface Session {
  context: CliContext;
  api: ApiClient;
  deps: CliDeps;
  /** A command line to be typed next, with the flags that this one was given. */
  toType: (commandLine: string) => string;
  isJson: boolean;
  /** Prints data as JSON with `--json`, else as text. */
  show: (data: unknown, text: () => string) => void;
}

export const exampleText = (examples: readonly string[]): string => examplesOf('holdfast', examples);

/** A command that only holds others. */
export const commandGroup = (parent: Command, name: string, summary: string, examples: string[]): Command =>
  parent.command(name).description(summary).addHelpText('after', exampleText(examples));

/**
 * Adds the flags that every command of the API takes and hands the action its session. Of an argument `<gateway>` the
 * beginning is enough.
 */
export function apiCommand(
  parent: Command,
  signature: string,
  summary: string,
  deps: CliDeps,
  examples: string[],
  /** False: it asks for no tenant, or for all of them. */
  ofTenant = true,
): Command & { run: (action: (session: Session, ...args: string[]) => Promise<void>) => Command } {
  const command = parent
    .command(signature)
    .description(summary)
    .option(
      '--endpoint <url>',
      'the control plane’s HTTP API (default: HOLDFAST_ENDPOINT, else the local one)',
    )
    .option(
      '--token-file <file>',
      'ask as a tenant with this token (default: HOLDFAST_TOKEN_FILE, else as operator)',
    )
    .option(
      '--operator-token-file <file>',
      'ask as an operator of an OIDC issuer (default: HOLDFAST_OPERATOR_TOKEN_FILE, else by AWS credentials)',
    )
    .option(
      '--data-dir <dir>',
      `data directory of a local \`${typed('holdfast up')}\` (default: HOLDFAST_DATA_DIR, else .data)`,
    )
    .option('--json', 'print JSON')
    .addHelpText('after', exampleText(examples));
  if (ofTenant) command.option('--tenant <id>', 'the tenant (default: HOLDFAST_TENANT, else "default")');
  const run = (action: (session: Session, ...args: string[]) => Promise<void>): Command =>
    command.action(async (...args: unknown[]) => {
      const flags = command.opts<ContextFlags & { json?: boolean }>();
      const context = resolveContext(flags, deps.env);
      const isJson = flags.json === true;
      const show = (data: unknown, text: () => string) =>
        deps.stdout(printable(isJson ? json(data) : text()));
      const positional = args.slice(0, -2).map((arg) => String(arg));
      const toType = (commandLine: string) => typedNext(commandLine, flags);
      const api = createApiClient(context, toType);
      const session = { context, api, deps, isJson, show, toType };
      const gateway = command.registeredArguments.findIndex((argument) => argument.name() === 'gateway');
      if (gateway >= 0) positional[gateway] = await wholeGatewayId(session, positional[gateway] ?? '');
      await action(session, ...positional);
    });
  return Object.assign(command, { run });
}

/** Another name of a flag that takes a value, which no help shows: `--out` where it was called so before. */
export function hiddenAlias(command: Command, alias: string, flag: string): void {
  command.addOption(new Option(`${alias} <value>`).hideHelp());
  const attribute = new Option(`${flag} <value>`).attributeName();
  let isGiven = false;
  for (const name of [alias, flag])
    command.on(`option:${name.replace(/^--/, '')}`, (value: string) => {
      if (isGiven) throw givenTwice(name);
      isGiven = true;
      command.setOptionValue(attribute, value);
    });
}

/** Runs a program to its exit code; every failure becomes one line on stderr, below the help of a bare group. */
export async function runProgram(
  program: Command,
  argv: string[],
  deps: CliDeps,
  { toType }: { toType?: (commandLine: string) => string } = {},
): Promise<number> {
  let failing = program;
  const prepare = (command: Command): void => {
    refuseRepeated(command);
    command
      .exitOverride((error) => {
        failing = command;
        throw error;
      })
      .configureHelp({ optionDescription, minWidthToWrap })
      .configureOutput({
        writeOut: (text) => deps.stdout(text.trimEnd()),
        writeErr: (text) => deps.stderr(text.trimEnd()),
        // Commander's own complaints; what is left is the help of a group that was called without a subcommand.
        outputError: () => undefined,
      });
    command.commands.forEach(prepare);
  };
  prepare(program);
  try {
    await program.parseAsync(argv, { from: 'user' });
    return 0;
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      if (thrown.exitCode === 0) return 0;
      deps.stderr(errorLine(usageError(thrown, failing, toType)));
      return errorCodes.USAGE.exit;
    }
    const error = asHoldfastError(thrown);
    deps.stderr(errorLine(error));
    if (deps.env['HOLDFAST_DEBUG'] && error.cause instanceof Error) deps.stderr(String(error.cause.stack));
    return errorCodes[error.code].exit;
  }
}

/** Commander would rather run over the terminal's edge than wrap what has less room than 40 columns. */
const minWidthToWrap = 20;

const optionDescription = (option: Option): string =>
  `${new Help().optionDescription(option)}${option.mandatory ? ' (required)' : ''}`;

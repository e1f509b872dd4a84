import type { Command } from 'commander';
import { commandKinds, commandSpecs, isCommandKind, type CommandKind } from '../core/command-kinds.ts';
import { exampleSend, parameterNames, parametersOf } from '../core/command-parameters.ts';
import { HoldfastError } from '../core/errors.ts';
import { durationText } from '../core/readable.ts';
import { fields, json, paragraph, table } from './output.ts';
import { exampleText, type CliDeps } from './program.ts';

/** What a gateway can be told to do. It asks nobody: the kinds are this version's. */
export function addKindsCommand(group: Command, deps: CliDeps): void {
  const kinds = group
    .command('kinds [kind]')
    .description('the kinds of commands and their parameters')
    .option('--json', 'print JSON')
    .addHelpText('after', exampleText(['commands kinds', 'commands kinds restore.start']))
    .action((kind?: string) => {
      const shown = kind === undefined ? commandKinds : [knownKind(kind)];
      if (kinds.opts<{ json?: boolean }>().json) deps.stdout(json({ kinds: shown.map(kindView) }));
      else deps.stdout(kind === undefined ? kindList() : kindText(knownKind(kind)));
    });
}

export function knownKind(kind: string): CommandKind {
  if (isCommandKind(kind)) return kind;
  throw new HoldfastError('INVALID_INPUT', `no command "${kind}"`, {
    hint: `kinds: ${commandKinds.join(', ')}`,
  });
}

/** Each kind with its parameters; those in brackets may be left out. */
export const kindList = (): string =>
  commandKinds
    .map((kind) =>
      [paragraph(parameterNames(kind), kind.padEnd(21)), paragraph(commandSpecs[kind].summary, '    ')].join(
        '\n',
      ),
    )
    .join('\n');

const kindView = (kind: CommandKind) => {
  const { summary, idempotent, timeoutMs } = commandSpecs[kind];
  return { kind, summary, mayRunTwice: idempotent, timeoutMs, parameters: parametersOf(kind) };
};

function kindText(kind: CommandKind): string {
  const { summary, mayRunTwice, timeoutMs, parameters } = kindView(kind);
  const head = fields(
    {
      kind,
      does: summary,
      'ends within': durationText(timeoutMs),
      'may run twice': mayRunTwice ? 'yes' : 'no: it is started once, and never repeated by itself',
    },
    { wraps: true },
  );
  const rows = parameters.map(({ name, type, isNeeded }) => [name, type, isNeeded ? 'yes' : 'no']);
  const meanings = parameters.map(({ meaning }) => meaning);
  const takes =
    rows.length === 0 ? 'It takes no parameters.' : table(['PARAMETER', 'TYPE', 'NEEDED'], rows, meanings);
  return `${head}\n\n${takes}\n${exampleText([exampleSend(kind)])}`;
}

import type { Command } from 'commander';
import type { CommandView } from '../core/api.ts';
import { exampleSend } from '../core/command-parameters.ts';
import { HoldfastError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { shellWord, typed } from '../core/typed.ts';
import { allCommands } from './all-pages.ts';
import { readParams } from './command-params.ts';
import { commandTable, commandText } from './command-text.ts';
import { parseDurationMs } from './duration.ts';
import { failUnlessSucceeded, follow, isFinal, progressTeller } from './follow-command.ts';
import { addKindsCommand, kindList, knownKind } from './kinds-command.ts';
import { apiCommand, commandGroup, type Session } from './program.ts';
import { submitCommand } from './submit-command.ts';
import type { WatchDeps } from './watch-gateway.ts';
import { wholeAlertKey, wholeCommandId } from './whole-id.ts';

interface SendFlags {
  param: string[];
  params?: string;
  via?: string;
  alert?: string;
  idempotencyKey?: string;
  expires?: string;
  refuseOffline?: boolean;
  wait?: boolean;
  timeout: string;
  json?: boolean;
}
export const expiryRange = { minMs: limits.commandExpiryMinMs, maxMs: limits.commandExpiryMaxMs };

export function addCommandCommands(program: Command, deps: WatchDeps): void {
  const send = apiCommand(
    program,
    'send <gateway> <kind>',
    'send a command to a gateway and wait for its result',
    deps,
    [
      'send gw-7x2k probe',
      exampleSend('volume.create'),
      'send gw-7x2k restore.start -p volumeId=vol1 --alert 3f9a…',
      'send gw-7x2k snapshot.create --params - < params.json --no-wait',
    ],
  );
  send
    .option('-p, --param <name=value>', 'one parameter; repeat it for more', collect, [])
    .option('--params <file>', 'parameters as a JSON object from standard input: -')
    .option('--alert <alert>', 'the alert that this answers: the command stands in its trail')
    .option('--via <cell>', 'hand it in at this cell’s own API')
    .option('--idempotency-key <key>', 'the same key with the same command is the same command')
    .option('--expires <duration>', 'give up when the gateway was not reached by then (default: 24h)')
    .option('--refuse-offline', 'fail at once when the gateway is not connected')
    .option('--no-wait', 'print the command as submitted')
    .option('--timeout <duration>', 'how long to wait for the result', '10m')
    .addHelpText(
      'after',
      `\nKinds and their parameters; those in brackets may be left out;\n` +
        `\`${typed('holdfast commands kinds KIND')}\` says what each one means.\n\n${kindList()}`,
    )
    .run(async (session, gatewayId = '', kind = '') => {
      const flags = send.opts<SendFlags>();
      const timeoutMs = parseDurationMs('--timeout', flags.timeout);
      const submitted = await submit(session, gatewayId, kind, flags);
      const command =
        flags.wait === false ? submitted : await waited(session, deps, submitted, { ...flags, timeoutMs });
      session.show({ command }, () => commandText(command));
      if (flags.wait !== false) failUnlessSucceeded(command);
    });

  const group = commandGroup(program, 'commands', 'commands that were sent to a gateway', [
    'commands list gw-7x2k',
    'commands show gw-7x2k 5d1f…',
    'commands kinds restore.start',
  ]);
  apiCommand(group, 'list <gateway>', 'list a gateway’s commands', deps, ['commands list gw-7x2k']).run(
    async ({ api, deps, show }, gatewayId = '') => {
      const commands = await allCommands(api, gatewayId);
      show({ commands }, () => commandTable(commands, deps.now()));
    },
  );
  apiCommand(group, 'show <gateway> <command>', 'show one command with its audit trail', deps, [
    'commands show gw-7x2k 5d1f…',
  ]).run(async (session, gatewayId = '', given = '') => {
    const commandId = await wholeCommandId(session, gatewayId, given);
    const { command } = await session.api.call('getCommand', { params: { gatewayId, commandId } });
    session.show({ command }, () => commandText(command));
  });
  apiCommand(group, 'cancel <gateway> <command>', 'ask for a command to be canceled', deps, [
    'commands cancel gw-7x2k 5d1f…',
  ]).run(async (session, gatewayId = '', given = '') => {
    const commandId = await wholeCommandId(session, gatewayId, given);
    const { command } = await session.api.call('cancelCommand', { params: { gatewayId, commandId } });
    session.show({ command }, () => commandText(command));
  });
  addKindsCommand(group, deps);
}

export const collect = (value: string, all: string[]): string[] => [...all, value];

async function submit(
  session: Session,
  gatewayId: string,
  kind: string,
  flags: SendFlags,
): Promise<CommandView> {
  const known = knownKind(kind);
  return submitCommand(session, {
    gatewayId,
    body: {
      kind: known,
      params: await readParams(session.deps, known, flags),
      cause: flags.alert === undefined ? undefined : await causeOf(session, gatewayId, flags.alert),
      whenOffline: flags.refuseOffline ? 'refuse' : 'queue',
      ...(flags.expires ? { expiresInMs: parseDurationMs('--expires', flags.expires, expiryRange) } : {}),
    },
    ...(flags.idempotencyKey ? { idempotencyKey: flags.idempotencyKey } : {}),
    ...(flags.via ? { viaCell: flags.via } : {}),
    again: (key) => againLine(gatewayId, kind, flags, key),
  });
}

/** The line as it was typed, under the key. */
function againLine(gatewayId: string, kind: string, flags: SendFlags, idempotencyKey: string): string {
  const valued = {
    '--params': flags.params,
    '--alert': flags.alert,
    '--via': flags.via,
    '--expires': flags.expires,
    '--idempotency-key': idempotencyKey,
  };
  return [
    ...['holdfast', 'send', gatewayId, kind],
    ...flags.param.flatMap((pair) => ['-p', pair]),
    ...(flags.refuseOffline ? ['--refuse-offline'] : []),
    ...Object.entries(valued).flatMap(([flag, value]) => (value === undefined ? [] : [flag, value])),
  ]
    .map(shellWord)
    .join(' ');
}

/** Says on standard error which command it is, so that it is not lost whatever comes, and on a terminal how far it is. */
async function waited(
  session: Session,
  { stderr, isTerminal, interrupted }: WatchDeps,
  submitted: CommandView,
  { json, timeoutMs }: Pick<SendFlags, 'json'> & { timeoutMs: number },
): Promise<CommandView> {
  if (!isFinal(submitted)) stderr(`command ${submitted.commandId} is submitted`);
  const tell = progressTeller(
    stderr,
    'waiting: the gateway is not connected, or has something else to do first',
  );
  return follow(session, submitted, {
    timeoutMs,
    interrupted,
    ...(isTerminal && !json ? { seen: tell } : {}),
  });
}

/** An alert of another gateway would never show the command. */
async function causeOf(session: Session, gatewayId: string, given: string): Promise<CommandView['cause']> {
  const { api, toType } = session;
  const alertKey = await wholeAlertKey(session, given);
  const { alert } = await api.call('getAlert', { params: { alertKey } });
  if (alert.gatewayId !== gatewayId)
    throw new HoldfastError('INVALID_INPUT', `alert ${alertKey} is one of gateway ${alert.gatewayId}`, {
      hint: `\`${toType('holdfast alerts list')}\` shows which alert is whose`,
    });
  return { alertKey, episode: alert.episode };
}

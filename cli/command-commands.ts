import type { Command } from 'commander';
import { durationText, percentText, timeText } from '../core/readable.ts';
import type { CommandView } from '../core/api.ts';
import {
  commandKinds,
  commandSpecs,
  isCommandKind,
  paramOfText,
  type CommandKind,
} from '../core/command-kinds.ts';
import { HoldfastError, type ErrorCode } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { finalCommandStates } from '../core/model.ts';
import { isDeeperThan } from '../core/json-depth.ts';
import { printableLine } from '../core/printable.ts';
import { parseJson } from './context.ts';
import { parseDurationMs } from './duration.ts';
import { fields, json, table } from './output.ts';
import { apiCommand, commandGroup, type CliDeps, type Session } from './program.ts';
import { typed } from '../core/typed.ts';

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
}
const pollMs = 250;
export const expiryRange = { minMs: limits.commandExpiryMinMs, maxMs: limits.commandExpiryMaxMs };

export function addCommandCommands(program: Command, deps: CliDeps): void {
  const send = apiCommand(
    program,
    'send <gateway> <kind>',
    'send a command to a gateway and wait for its result',
    deps,
    [
      'send gw-7x2k probe',
      'send gw-7x2k volume.create -p volumeId=vol1 -p path=/srv/vol1.img',
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
      `\nKinds:\n${commandKinds.map((k) => `  ${k.padEnd(20)} ${commandSpecs[k].summary}`).join('\n')}`,
    )
    .run(async (session, gatewayId = '', kind = '') => {
      const flags = send.opts<SendFlags>();
      const timeoutMs = parseDurationMs('--timeout', flags.timeout);
      const submitted = await submit(session, gatewayId, kind, flags);
      const command = flags.wait === false ? submitted : await follow(session, submitted, timeoutMs);
      session.show({ command }, () => commandText(command));
      if (flags.wait !== false) failUnlessSucceeded(command);
    });

  const group = commandGroup(program, 'commands', 'commands that were sent to a gateway', [
    'commands list gw-7x2k',
    'commands show gw-7x2k c-5d1f',
  ]);
  apiCommand(group, 'list <gateway>', 'list a gateway’s commands', deps, ['commands list gw-7x2k']).run(
    async ({ api, deps, show }, gatewayId = '') => {
      const commands: CommandView[] = [];
      let next: string | undefined;
      do {
        const page = await api.call('listCommands', { params: { gatewayId }, query: { next } });
        commands.push(...page.commands);
        next = page.next;
      } while (next);
      show({ commands }, () => commandTable(commands, deps.now()));
    },
  );
  apiCommand(group, 'show <gateway> <command>', 'show one command with its audit trail', deps, [
    'commands show gw-7x2k c-5d1f',
  ]).run(async ({ api, show }, gatewayId = '', commandId = '') => {
    const { command } = await api.call('getCommand', { params: { gatewayId, commandId } });
    show({ command }, () => commandText(command));
  });
  apiCommand(group, 'cancel <gateway> <command>', 'ask for a command to be canceled', deps, [
    'commands cancel gw-7x2k c-5d1f',
  ]).run(async ({ api, show }, gatewayId = '', commandId = '') => {
    const { command } = await api.call('cancelCommand', { params: { gatewayId, commandId } });
    show({ command }, () => commandText(command));
  });
}

export const collect = (value: string, all: string[]): string[] => [...all, value];

async function submit(
  session: Session,
  gatewayId: string,
  kind: string,
  flags: SendFlags,
): Promise<CommandView> {
  if (!isCommandKind(kind))
    throw new HoldfastError('INVALID_INPUT', `no command "${kind}"`, {
      hint: `kinds: ${commandKinds.join(', ')}`,
    });
  const { command } = await session.api.call('submitCommand', {
    params: { gatewayId },
    body: {
      kind,
      params: await readParams(session.deps, kind, flags),
      cause: flags.alert === undefined ? undefined : await causeOf(session, gatewayId, flags.alert),
      whenOffline: flags.refuseOffline ? 'refuse' : 'queue',
      ...(flags.idempotencyKey ? { idempotencyKey: flags.idempotencyKey } : {}),
      ...(flags.expires ? { expiresInMs: parseDurationMs('--expires', flags.expires, expiryRange) } : {}),
    },
    ...(flags.via ? { viaCell: flags.via } : {}),
  });
  return command;
}

/** An alert of another gateway would never show the command. */
async function causeOf(
  { api, toType }: Session,
  gatewayId: string,
  alertKey: string,
): Promise<CommandView['cause']> {
  const { alert } = await api.call('getAlert', { params: { alertKey } });
  if (alert.gatewayId !== gatewayId)
    throw new HoldfastError('INVALID_INPUT', `alert ${alertKey} is one of gateway ${alert.gatewayId}`, {
      hint: `\`${toType('holdfast alerts list')}\` shows which alert is whose`,
    });
  return { alertKey, episode: alert.episode };
}

const paramLevelsMax = 16;

/** Of `--params` and `-p`, together. */
export async function readParams(
  deps: CliDeps,
  kind: CommandKind,
  flags: Pick<SendFlags, 'param' | 'params'>,
): Promise<Record<string, unknown>> {
  // Pairs, so that a parameter named __proto__ is a parameter too, and is refused as an unknown one.
  const pairs: [string, unknown][] = [];
  if (flags.params !== undefined) {
    if (flags.params !== '-')
      throw new HoldfastError('USAGE', '--params takes only - (standard input)', {
        hint: '--params - < file.json',
      });
    const value = parseJson(await deps.readStdin());
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new HoldfastError('INVALID_INPUT', 'standard input is not a JSON object', {
        hint: 'e.g. {"volumeId":"vol1"}',
      });
    if (isDeeperThan(value, paramLevelsMax))
      throw new HoldfastError(
        'INVALID_INPUT',
        `the parameters are nested deeper than ${paramLevelsMax} levels`,
        {
          hint: `no kind of command takes such parameters: see \`${typed('holdfast send --help')}\``,
        },
      );
    pairs.push(...Object.entries(value));
  }
  for (const pair of flags.param) {
    const at = pair.indexOf('=');
    if (at < 1) throw new HoldfastError('USAGE', `"${pair}" is not name=value`, { hint: '-p volumeId=vol1' });
    const name = pair.slice(0, at);
    pairs.push([name, paramOfText(kind, name, pair.slice(at + 1))]);
  }
  return Object.fromEntries(pairs);
}

const isFinal = (command: CommandView): boolean =>
  (finalCommandStates as readonly string[]).includes(command.state);

/** Polls until the command's state is final, and tells what it sees. Throws TIMEOUT; the command itself goes on. */
export async function follow(
  session: Session,
  from: CommandView,
  timeoutMs: number,
  seen: (command: CommandView) => void = () => undefined,
): Promise<CommandView> {
  const deadline = session.deps.now() + timeoutMs;
  let command = from;
  while (!isFinal(command)) {
    seen(command);
    if (session.deps.now() > deadline)
      throw new HoldfastError('TIMEOUT', `command ${command.commandId} is still ${command.state}`, {
        hint: `it goes on: ${session.toType(`holdfast commands show ${command.gatewayId} ${command.commandId}`)}`,
      });
    await new Promise((resolve) => setTimeout(resolve, pollMs));
    const { gatewayId, commandId } = command;
    ({ command } = await session.api.call('getCommand', { params: { gatewayId, commandId } }));
  }
  return command;
}

const failureCodes: Partial<Record<CommandView['state'], ErrorCode>> = {
  TIMED_OUT: 'TIMEOUT',
  EXPIRED: 'OFFLINE',
  CANCELED: 'CONFLICT',
};

/** Throws what the outcome's error says. */
export function failUnlessSucceeded(command: CommandView): void {
  if (command.state === 'SUCCEEDED') return;
  const error = command.outcome?.error;
  throw new HoldfastError(
    failureCodes[command.state] ?? 'STEP_FAILED',
    `${command.kind} ${command.state}${error ? `: ${error.code}: ${error.message}` : ''}`,
    error?.hint ? { hint: error.hint } : {},
  );
}

function commandTable(commands: CommandView[], now: number): string {
  if (commands.length === 0) return 'no commands yet';
  // Who submitted it is shown by `commands show`.
  return table(
    ['COMMAND', 'KIND', 'STATE', 'AGE'],
    commands.map((c) => [c.commandId, c.kind, c.state, durationText(now - c.createdAt)]),
  );
}

function commandText(command: CommandView): string {
  const head = fields({
    command: command.commandId,
    gateway: command.gatewayId,
    kind: command.kind,
    params: JSON.stringify(command.params),
    state: command.state,
    'submitted by': command.submittedBy.id,
    'submitted via': command.viaCellId,
    alert: command.cause && `${command.cause.alertKey} episode ${command.cause.episode}`,
    progress: isFinal(command) ? undefined : command.progress && percentText(command.progress.fraction),
  });
  const audit = command.audit.map(
    (entry) => `  ${timeText(entry.at)}  ${entry.state}${entry.note ? `  ${printableLine(entry.note)}` : ''}`,
  );
  const output = command.outcome?.output ? `\nresult:\n${json(command.outcome.output)}` : '';
  return `${head}\naudit:\n${audit.join('\n')}${output}`;
}

import type { z } from 'zod';
import type { Answers, CommandView, requests } from '../../core/api.ts';
import { commandView } from '../../core/commands/command-view.ts';
import { isFinal } from '../../core/commands/states.ts';
import { bodyHashOf, checkedParams, newCommand } from '../../core/commands/submission.ts';
import { HoldfastError } from '../../core/errors.ts';
import { submitEntry } from '../../core/audit/entry.ts';
import type { CommandItem, GatewayItem, Principal } from '../../core/model.ts';
import type { RequestSource } from '../../core/audit/audit-item.ts';
import { countCommand } from '../../core/routes/route-rules.ts';
import { cursorOf } from '../api/cursor.ts';
import { recordFinal } from '../audit/record-final.ts';
import { trailIsShut } from '../audit/recorded.ts';
import { applyEvent } from './apply.ts';
import { deliverOpen, perform, type DeliveryDeps } from './delivery.ts';
import { typed } from '../../core/typed.ts';

export interface CommandServiceDeps extends DeliveryDeps {
  /** Of the cell whose door this is; undefined: home. */
  cellId: string | undefined;
}

/** Who asks, and for which tenant: both from the authorizer. `from`: where the request came from, for the audit trail. */
export interface Caller {
  principal: Principal;
  tenantId: string;
  from?: RequestSource;
}
type Submit = z.infer<typeof requests.submitCommand>;

/**
 * Stores a command and sends it if its gateway can be reached. The same idempotency key answers with the same
 * command. Throws INVALID_INPUT, TOO_LARGE, NOT_FOUND, GONE (revoked), CONFLICT (key used for something else, gateway
 * not confirmed), OFFLINE (`whenOffline: 'refuse'`), UNAVAILABLE (the audit trail cannot be written: nothing is stored).
 */
export async function submitCommand(
  deps: CommandServiceDeps,
  caller: Caller,
  gatewayId: string,
  submit: Submit,
): Promise<Answers['submitCommand']> {
  const { kind, params } = checkedParams(submit.kind, submit.params);
  const openSeq = await countedFor(deps, caller, gatewayId);
  const item = newCommand(submit, {
    gatewayId,
    tenantId: caller.tenantId,
    idempotencyKey: submit.idempotencyKey ?? deps.clock.newId(),
    openSeq,
    submittedBy: caller.principal,
    viaCellId: deps.cellId,
    at: deps.clock.now(),
  });
  // With a key that nobody else has, there is none.
  if (submit.idempotencyKey !== undefined) {
    const earlier = await deps.commands.get(gatewayId, item.commandId);
    if (earlier) return { command: view(deps, await repeated(deps, earlier, bodyHashOf(kind, params))) };
  }
  if (submit.whenOffline === 'refuse' && !(await deps.reach.locate(gatewayId))) throw offline(gatewayId);
  await record(deps, item, caller.from);
  if (!(await deps.commands.create(item))) {
    const winner = await deps.commands.get(gatewayId, item.commandId);
    return { command: view(deps, await repeated(deps, winner ?? item, item.bodyHash)) };
  }
  deps.log('info', 'command.submitted', {
    gatewayId,
    commandId: item.commandId,
    kind,
    viaCellId: deps.cellId,
  });
  return { command: view(deps, await send(deps, item)) };
}

/** On record before it is stored: there may be an entry without a command, never a command without its entry. */
async function record(
  { audit }: CommandServiceDeps,
  item: CommandItem,
  from: RequestSource | undefined,
): Promise<void> {
  try {
    await audit.append(submitEntry(item, from));
  } catch (cause) {
    throw trailIsShut(cause);
  }
}

/** The command is committed before the route is read, so that a hello in between finds it. */
async function send(deps: CommandServiceDeps, item: CommandItem): Promise<CommandItem> {
  const { gatewayId, commandId } = item;
  let posted: CommandItem | undefined;
  const outcome = await deliverOpen(deps, gatewayId, (each) => {
    if (each.commandId === commandId) posted = each;
  });
  // What the agent says of it meanwhile is not worth another read.
  if (posted) return posted;
  if (outcome === 'offline' && item.whenOffline === 'refuse') {
    const refused = await applyEvent(deps.commands, item, {
      type: 'tick',
      at: deps.clock.now(),
      online: false,
    });
    if (refused?.item.state === 'REJECTED') {
      await recordFinal(deps, refused.item);
      throw offline(gatewayId);
    }
  }
  return (await deps.commands.get(gatewayId, commandId)) ?? item;
}

/** A repeated submit: sends what may still wait, since the first one's sender may have crashed before it did. */
async function repeated(
  deps: CommandServiceDeps,
  earlier: CommandItem,
  bodyHash: string,
): Promise<CommandItem> {
  if (earlier.bodyHash !== bodyHash)
    throw new HoldfastError(
      'CONFLICT',
      `the idempotency key belongs to another command: ${earlier.commandId}`,
      {
        hint: 'a key stands for one kind with one set of parameters; take a new key',
      },
    );
  return isFinal(earlier.state) ? earlier : send(deps, earlier);
}

/** Newest first. */
export async function listCommands(
  deps: CommandServiceDeps,
  caller: Caller,
  gatewayId: string,
  next?: string,
): Promise<Answers['listCommands']> {
  await requireGateway(deps, caller, gatewayId);
  const [before] = cursorOf(next, /^(\d{1,15})$/);
  const page = await deps.commands.list(gatewayId, { countMax: 50, next: before });
  return {
    commands: page.commands.map((item) => view(deps, item)),
    ...(page.next ? { next: page.next } : {}),
  };
}

export async function getCommand(
  deps: Pick<CommandServiceDeps, 'gateways' | 'commands' | 'clock'>,
  caller: Caller,
  gatewayId: string,
  commandId: string,
): Promise<Answers['getCommand']> {
  await requireGateway(deps, caller, gatewayId);
  const item = await deps.commands.get(gatewayId, commandId);
  if (!item) throw noCommand(gatewayId, commandId);
  return { command: view(deps, item) };
}

/** Final at once where the agent cannot have begun; otherwise the agent is asked and its result decides. */
export async function cancelCommand(
  deps: CommandServiceDeps,
  caller: Caller,
  gatewayId: string,
  commandId: string,
): Promise<Answers['cancelCommand']> {
  await requireGateway(deps, caller, gatewayId);
  const by = `${caller.principal.kind} ${caller.principal.id}`;
  const key = { gatewayId, commandId };
  const applied = await applyEvent(deps.commands, key, { type: 'cancel', at: deps.clock.now(), by });
  if (!applied) throw noCommand(gatewayId, commandId);
  if (applied.changed) deps.log('info', 'command.cancel', { ...key, state: applied.item.state });
  await perform(deps, applied.item, applied.effects);
  if (isFinal(applied.item.state) && applied.item.state !== 'CANCELED')
    throw new HoldfastError('CONFLICT', `command ${commandId} is ${applied.item.state}`, {
      hint: 'only a command that is not final can be canceled',
    });
  return { command: view(deps, applied.item) };
}

/** Another tenant's gateway does not exist. */
async function requireGateway(
  deps: Pick<CommandServiceDeps, 'gateways'>,
  { tenantId }: Caller,
  gatewayId: string,
): Promise<GatewayItem> {
  const gateway = gatewayId ? await deps.gateways.get(gatewayId) : undefined;
  if (gateway?.tenantId === tenantId) return gateway;
  throw new HoldfastError('NOT_FOUND', `no gateway ${gatewayId.slice(0, 64)}`, {
    hint: `\`${typed('holdfast gateways list')}\` shows those there are`,
  });
}

/** The command's number. The write is the check as well: why it failed is read only then. */
async function countedFor(deps: CommandServiceDeps, caller: Caller, gatewayId: string): Promise<number> {
  const counted = gatewayId
    ? await deps.gateways.update(gatewayId, countCommand(caller.tenantId))
    : undefined;
  if (counted) return counted.commandCounter;
  const { status } = await requireGateway(deps, caller, gatewayId);
  throw status === 'pending' ? unconfirmed(gatewayId) : gone(gatewayId);
}

const gone = (gatewayId: string) =>
  new HoldfastError('GONE', `gateway ${gatewayId} was revoked`, {
    hint: `activate it anew, with a new --state-dir; \`${typed('holdfast activation create')}\` makes a code`,
  });
const unconfirmed = (gatewayId: string) =>
  new HoldfastError('CONFLICT', `gateway ${gatewayId} waits for its confirmation and takes no commands yet`, {
    hint: `look at it with \`${typed(`holdfast gateways show ${gatewayId}`)}\`, then \`${typed(`holdfast gateways confirm ${gatewayId}`)}\``,
  });
const offline = (gatewayId: string) =>
  new HoldfastError('OFFLINE', `gateway ${gatewayId} is not connected, and the command was not to wait`, {
    hint: 'drop --refuse-offline (in the API: whenOffline "queue"), or wait until the gateway is back',
  });
const noCommand = (gatewayId: string, commandId: string) =>
  new HoldfastError('NOT_FOUND', `gateway ${gatewayId} has no command ${commandId.slice(0, 64)}`, {
    hint: `\`${typed(`holdfast commands list ${gatewayId}`)}\` shows those there are`,
  });

const view = ({ clock }: Pick<CommandServiceDeps, 'clock'>, item: CommandItem): CommandView =>
  commandView(item, clock.now());

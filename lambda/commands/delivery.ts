import { postable } from '../../core/commands/lanes.ts';
import { transition, type CommandEffect, type Transition } from '../../core/commands/machine.ts';
import { isUnacked, needsGo } from '../../core/commands/states.ts';
import type { Log } from '../../core/log.ts';
import type { CommandItem } from '../../core/model.ts';
import type { Draft } from '../../core/routes/frames.ts';
import { loseRoute, releaseGrant } from '../../core/routes/route-rules.ts';
import { recordFinal } from '../audit/record-final.ts';
import type { AuditTrail } from '../audit/trail.ts';
import { applyEvent } from './apply.ts';
import type { Clock, CommandStore, GatewayStore } from './ports.ts';
import type { Location, Reach } from './reach.ts';

export interface DeliveryDeps {
  gateways: GatewayStore;
  commands: CommandStore;
  audit: AuditTrail;
  reach: Reach;
  clock: Clock;
  log: Log;
}

const roundsMax = 3;
/** Commands that one pass posts; 20 of the largest messages stay far below Lambda's 6 MB. */
const batchCountMax = 20;

/**
 * Claims the commands that may be posted now and posts them. A connection that turns out to be gone loses its
 * route; the commands go to its successor if there is one, else back to the queue. `posted` is told of each that was
 * posted, as it was stored for that.
 */
export async function deliverOpen(
  deps: DeliveryDeps,
  gatewayId: string,
  posted: (item: CommandItem) => void = () => undefined,
): Promise<'sent' | 'nothing-to-send' | 'offline'> {
  let failed: Location | undefined;
  for (let round = 0; round < roundsMax; round++) {
    const location = await deps.reach.locate(gatewayId, failed);
    if (!location || (failed && failed.epoch >= location.epoch)) return 'offline';
    const claimed = await claim(deps, gatewayId, location.epoch);
    if (claimed.length === 0) return 'nothing-to-send';
    const outcome = await deps.reach.send(
      gatewayId,
      location,
      claimed.map(({ draft }) => draft),
    );
    deps.log('info', 'commands.posted', { gatewayId, outcome, count: claimed.length, epoch: location.epoch });
    if (outcome === 'delivered' || outcome === 'unknown') {
      for (const { item } of claimed) posted(item);
      return 'sent';
    }
    if (outcome === 'gone') await deps.gateways.update(gatewayId, loseRoute(location, deps.clock.now()));
    for (const { item } of claimed)
      await applyEvent(deps.commands, item, { type: 'unsent', at: deps.clock.now(), attempt: item.attempt });
    failed = outcome === 'not-mine' && (await isHeldNow(deps, gatewayId, location)) ? undefined : location;
  }
  return 'offline';
}

/**
 * A hello commits its route before its cell's holder row, so `not-mine` may mean: not yet. To be asked once the commands
 * are in the queue again: if the row is there by now they can be posted, and if it is not, that hello reads the queue
 * after it has put the row.
 */
const isHeldNow = async ({ reach }: DeliveryDeps, gatewayId: string, location: Location): Promise<boolean> =>
  (await reach.send(gatewayId, location, [])) === 'delivered';

async function claim(
  deps: DeliveryDeps,
  gatewayId: string,
  epoch: number,
): Promise<{ item: CommandItem; draft: Draft }[]> {
  const { commands, clock } = deps;
  const open = await unexpired(deps, gatewayId);
  const claimed: { item: CommandItem; draft: Draft }[] = [];
  for (const item of postable(open, { epoch, at: clock.now(), countMax: batchCountMax })) {
    const { next, effects } = transition(item, { type: 'claim', at: clock.now(), epoch });
    // A write that fails means that somebody else claimed it.
    if (!next || !(await commands.replace(next))) continue;
    const [draft] = draftsOf(effects);
    if (draft) claimed.push({ item: next, draft });
  }
  return claimed;
}

/** The open commands. Those that nobody took in time end here, so that none waits behind one until the sweeper comes. */
async function unexpired(deps: DeliveryDeps, gatewayId: string): Promise<CommandItem[]> {
  const { commands, clock, log } = deps;
  const left: CommandItem[] = [];
  for (const item of await commands.listOpen(gatewayId)) {
    const at = clock.now();
    const { next, effects } =
      isUnacked(item) && at >= item.expiresAt ? transition(item, { type: 'tick', at, online: true }) : keep;
    // A write that fails means that the command just moved: it holds its lane until it is read again.
    if (!next || !(await commands.replace(next))) {
      left.push(item);
      continue;
    }
    const { commandId, kind, state, attempt } = next;
    log('info', 'command.final', { gatewayId, commandId, kind, state, attempt });
    await perform(deps, next, effects.filter((effect) => effect.do !== 'advance-lane')); // prettier-ignore
  }
  return left;
}
const keep: Transition = { effects: [] };

const draftsOf = (effects: readonly CommandEffect[]): Draft[] =>
  effects.flatMap((effect) => (effect.do === 'post' ? [effect.draft] : []));

/** Performs what the transition that made `item` asks for. `to`: the only connection that may be told; else the newest there is. */
export async function perform(
  deps: DeliveryDeps,
  item: CommandItem,
  effects: readonly CommandEffect[],
  to?: Location,
): Promise<void> {
  const drafts = draftsOf(effects);
  if (drafts.length > 0) await tell(deps, item.gatewayId, drafts, to);
  if (effects.some((effect) => effect.do === 'release-grant') && needsGo(item))
    await deps.gateways.update(item.gatewayId, releaseGrant(item.commandId));
  if (effects.some((effect) => effect.do === 'advance-lane')) await deliverOpen(deps, item.gatewayId);
  if (effects.some((effect) => effect.do === 'audit')) await recordFinal(deps, item);
}

/** Best effort: each such message is sent again at the next hello, by the sweeper or when the agent repeats its own. */
async function tell(deps: DeliveryDeps, gatewayId: string, drafts: Draft[], to?: Location): Promise<void> {
  const location = to ?? (await deps.reach.locate(gatewayId));
  if (!location) return;
  const outcome = await deps.reach.send(gatewayId, location, drafts);
  if (outcome === 'gone') await deps.gateways.update(gatewayId, loseRoute(location, deps.clock.now()));
}

/**
 * Brings a connected gateway's open commands in line with the journal that its agent has now, and takes back start
 * grants that nothing needs any more. To be called after the route is written, before `deliverOpen`.
 *
 * The commands are read before the route: a command acked through a newer connection than the one read here cannot
 * be mistaken for a lost one, because its version has moved on. `mine`: the connection that this is done for; a newer
 * one does it for itself. What is posted goes to the connection whose journal was compared and to no other: a
 * `cmd.go` at the wrong host would start a command twice.
 */
export async function reconcile(
  deps: DeliveryDeps,
  gatewayId: string,
  mine?: Pick<Location, 'epoch'>,
): Promise<void> {
  const open = await deps.commands.listOpen(gatewayId);
  const gateway = await deps.gateways.get(gatewayId);
  if (!gateway?.route || (mine && mine.epoch !== gateway.route.epoch)) return;
  const { journalId, cellId, epoch, connectionId } = gateway.route;
  const moved = new Set<string>();
  for (const item of open) {
    const holder = gateway.grants[item.commandId];
    const staleGrant = holder !== undefined && holder !== journalId;
    const event = { type: 'reconcile', at: deps.clock.now(), journalId, staleGrant } as const;
    const { next, effects } = transition(item, event);
    if (next && !(await deps.commands.replace(next))) {
      moved.add(item.commandId); // somebody else is at it: its grant is not ours to take
      continue;
    }
    if (next)
      deps.log('info', 'command.reconciled', { gatewayId, commandId: item.commandId, state: next.state });
    // Lanes are advanced once, by the deliverOpen that follows.
    const now = effects.filter((effect) => effect.do !== 'advance-lane');
    await perform(deps, next ?? item, now, { cellId, epoch, connectionId });
  }
  for (const [commandId, holder] of Object.entries(gateway.grants)) {
    if (moved.has(commandId)) continue;
    if (holder === journalId && open.some((item) => item.commandId === commandId)) continue;
    if (holder === journalId && (await isOpen(deps, gatewayId, commandId))) continue;
    await deps.gateways.update(gatewayId, releaseGrant(commandId, holder));
  }
}

async function isOpen({ commands }: DeliveryDeps, gatewayId: string, commandId: string): Promise<boolean> {
  return (await commands.get(gatewayId, commandId))?.openSeq !== undefined;
}

import { isFinal, needsGo } from '../../../core/commands/states.ts';
import { forwardingModes } from '../../../lambda/commands/forwarding.ts';
import { AgentHost, type AgentTraits } from './agent-host.ts';
import { Clients } from './clients.ts';
import { HoldfastCloud, type CloudBreakage } from './cloud.ts';
import { allFaults, bearableFaults, noFaults } from './faults.ts';
import { Network } from './network.ts';
import { Runs } from './runs.ts';
import { Scheduler } from './scheduler.ts';
import { StrandedLook } from './stranded.ts';
import { Starts } from './starts.ts';
import { Tally } from './tally.ts';
import { TextbookCloud, TextbookHost } from './textbook.ts';
import { Troubles } from './troubles.ts';
import { isReached, type Cloud, type Host, type World } from './world.ts';

export const designs = ['holdfast', 'textbook'] as const;
export type Design = (typeof designs)[number];

/** One rule broken on purpose. */
export interface Breakage {
  cloud?: CloudBreakage;
  /** The agent starts a command before its journal has it. */
  startsBeforeJournal?: boolean;
}

export interface Options {
  seed: number;
  design?: Design;
  breakage?: Breakage;
  /** Sent in one seed. */
  commandCount?: number;
  /** Keeps what happened, in words. */
  traced?: boolean;
}

export interface Outcome {
  tally: Tally;
  trace: readonly string[];
}

const minutes = 60_000;
export const commandCountDefault = 110;
const troubleMs = 60 * minutes;
/** After the last fault everything has to come to rest by itself; a day is the longest time-out of a command. */
const restWithinMs = 26 * 60 * minutes;
/** Without a sweeper: how long a command may need to be posted once nothing fails any more. */
const settleMs = 15 * minutes;

/**
 * One schedule: an hour of trouble, then quiet until everything has come to rest. Seeds whose number 4 divides have only
 * faults that the protocol bears without its sweeper, which is off: there, a command that nobody posts shows.
 */
export async function simulate(options: Options): Promise<Outcome> {
  const { seed, design = 'holdfast', breakage = {} } = options;
  const scheduler = new Scheduler(seed, options.traced);
  const tally = new Tally();
  tally.seeds = 1;
  const isBearable = seed % 4 === 0;
  const faults = isBearable ? bearableFaults : allFaults;
  const callMs = scheduler.pick(isBearable ? [2, 10, 60] : [2, 10, 60, 600]);
  const runs = new Runs(scheduler, tally, faults, callMs);
  const latencyMs = scheduler.pick([5, 30, 200, 1_500]);
  const network = new Network({ scheduler, runs, tally, latencyMs });
  const starts = new Starts(tally);
  const names = (prefix: string, count: number) =>
    Array.from({ length: count }, (_, i) => `${prefix}-${i + 1}`);
  const cellIds = names('cell', scheduler.pick([1, 2, 2, 3, 4]));
  const gatewayIds = names('gw', scheduler.pick([1, 1, 2, 3]));
  const world: World = { scheduler, tally, runs, network, starts, cellIds, gatewayIds };
  const mode = forwardingModes[seed % forwardingModes.length]!;
  const cloud: Cloud =
    design === 'holdfast' ? new HoldfastCloud(world, mode, breakage.cloud) : new TextbookCloud(world);
  network.cloud = cloud;
  starts.judge = (connection, run) => cloud.isOutdated(connection, run);

  const traits = (): AgentTraits => ({
    clockOffsetMs: scheduler.pick([0, 0, -3 * minutes, 4 * minutes, 40 * minutes]),
    workMs: scheduler.pick([200, 5_000, 30_000]),
    syncMs: scheduler.pick([2, 20, 500]),
    accident: (host) => troubles.crash(host),
    rollsOverOften: scheduler.chance(0.5),
    startsBeforeJournal: breakage.startsBeforeJournal ?? false,
  });
  const host = (name: string, gatewayId: string): Host =>
    design === 'holdfast'
      ? new AgentHost(name, gatewayId, world, traits())
      : new TextbookHost(name, gatewayId, world, traits());
  const hosts = gatewayIds.map((gatewayId) => host(gatewayId, gatewayId));
  const clones = gatewayIds.map((gatewayId) => host(`${gatewayId}-clone`, gatewayId));

  // A hello comes two ways of a frame after the dial, and takes a few calls.
  const clients = new Clients(
    world,
    cloud,
    () => scheduler.spread(2 * latencyMs) + scheduler.spread(4 * callMs),
  );
  network.opened = ({ gatewayId }) => clients.gatewayOpened(gatewayId);
  clients.sendOver(troubleMs, options.commandCount ?? commandCountDefault);
  const troubles = new Troubles(world, { hosts, clones, isBearable });
  troubles.begin(troubleMs);
  const sweeper = () => {
    scheduler.after(minutes, '', sweeper);
    cloud.sweep();
  };
  const look = new StrandedLook(world, cloud, hosts);
  if (isBearable) look.begin();
  else sweeper();
  await scheduler.run(scheduler.nowMs + troubleMs);

  runs.faults = noFaults;
  const survivors = troubles.end();
  if (isBearable) {
    await scheduler.run(scheduler.nowMs + settleMs);
    look.end();
    sweeper();
  }
  let looked = 0;
  const isAtRest = (): boolean => ++looked % 64 === 0 && atRest(cloud, survivors);
  await scheduler.run(scheduler.nowMs + restWithinMs, isAtRest);
  judge(world, cloud, survivors, clients);
  return { tally, trace: scheduler.trace };
}

function atRest(cloud: Cloud, survivors: readonly Host[]): boolean {
  return (
    cloud.commands().every(({ state, openShard }) => isFinal(state) && openShard === undefined) &&
    survivors.every((host) => isReached(cloud, host) && cloud.grantsOf(host.gatewayId).length === 0)
  );
}

function judge({ tally, starts }: World, cloud: Cloud, survivors: readonly Host[], clients: Clients): void {
  const commands = new Map(cloud.commands().map((each) => [each.commandId, each]));
  for (const { commandId, kind } of clients.promised.values())
    if (!commands.has(commandId)) tally.fail('lost', `${kind} ${commandId.slice(0, 4)}`);
  for (const command of commands.values()) {
    const { commandId, kind, state } = command;
    const name = `${kind} ${commandId.slice(0, 4)}`;
    const count = starts.countOf(commandId);
    tally.commands++;
    tally.states[state] = (tally.states[state] ?? 0) + 1;
    if (!isFinal(state)) tally.fail('nonTerminal', `${name} is ${state}`);
    const trail = cloud.trailOf(commandId);
    const ends = trail?.filter((action) => action === 'command.final').length;
    if (trail && (ends !== 1 || !trail.includes('command.submit')))
      tally.fail('unrecorded', `${name} is ${state}, on record are ${trail.join(', ') || 'no entries'}`);
    if (state === 'SUCCEEDED' && count === 0) tally.fail('contradicted', `${name} succeeded unstarted`);
    if (needsGo(command) && count > 0 && endsUnstarted.has(state))
      tally.fail('contradicted', `${name} was started, yet ${state}`);
  }
  for (const host of survivors) {
    if (!isReached(cloud, host))
      tally.fail(
        'strayed',
        `${host.name} has ${host.connection ? `the connection ${host.connection.id}` : 'no connection'}, ` +
          `its route is ${cloud.routeOf(host.gatewayId) ?? 'none'}`,
      );
    const grants = cloud.grantsOf(host.gatewayId);
    if (grants.length > 0)
      tally.fail('strayed', `${host.gatewayId} keeps the start grants ${grants.join(', ')}`);
  }
}

const endsUnstarted: ReadonlySet<string> = new Set(['EXPIRED', 'REJECTED']);

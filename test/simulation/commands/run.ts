import type { CommandKind } from '../../../core/command-kinds.ts';
import { isFinal, needsGo } from '../../../core/commands/states.ts';
import { forwardingModes } from '../../../lambda/commands/forwarding.ts';
import type { Host } from './host.ts';
import { gatewayId, noFaults, World, type Faults, type Sabotage } from './world.ts';

const kinds: readonly CommandKind[] = [
  'restore.start',
  'snapshot.create',
  'volume.check',
  'probe',
  'service.restart',
];
const faults: Faults = {
  crash: 0.02,
  lostFrame: 0.05,
  doubleFrame: 0.1,
  lostDisconnect: 0.3,
  wrongPostAnswer: 0.08,
  silentCell: 0.05,
};
const chaosSteps = 300;

export interface Outcome {
  problems: string[];
  trace: string[];
  /** How often each final state was reached. */
  states: Record<string, number>;
}

/** One schedule: trouble first, then quiet until everything has come to rest; what did not hold is in `problems`. */
export async function simulate(seed: number, sabotage?: Sabotage, HostClass?: typeof Host): Promise<Outcome> {
  const mode = forwardingModes[seed % forwardingModes.length]!;
  const world = new World(seed, mode, sabotage, HostClass);
  const keys = await trouble(world);
  const survivor = await quiet(world);
  const states: Record<string, number> = {};
  for (const { state } of world.stores.commands.values()) states[state] = (states[state] ?? 0) + 1;
  return { problems: problemsOf(world, survivor, keys), trace: world.scheduler.trace, states };
}

async function trouble(world: World): Promise<Map<string, CommandKind>> {
  const { scheduler } = world;
  const keys = new Map<string, CommandKind>();
  world.faults = faults;
  world.hosts[0]!.dial();
  for (let step = 0; step < chaosSteps; step++) {
    if (!scheduler.isIdle && scheduler.chance(0.8)) await scheduler.step();
    else act(world, keys);
  }
  return keys;
}

function act(world: World, keys: Map<string, CommandKind>): void {
  const { scheduler } = world;
  const host = scheduler.chance(0.6) ? world.hosts[0]! : world.hosts[1]!;
  const at = scheduler.random();
  scheduler.nowMs += Math.floor(scheduler.random() * 20_000);
  if (at < 0.2 && keys.size < 5) {
    const key = `key-${keys.size}`;
    keys.set(key, scheduler.pick(kinds));
    world.submit(key, keys.get(key)!);
  } else if (at < 0.25 && keys.size > 0) {
    const key = scheduler.pick([...keys.keys()]); // a client that did not get its answer asks again
    world.submit(key, keys.get(key)!);
  } else if (at < 0.3 && world.promised.size > 0) world.cancel(scheduler.pick([...world.promised.values()]));
  else if (at < 0.45) world.sweep();
  else if (at < 0.6) host.dial();
  else if (at < 0.64) host.crash();
  else if (at < 0.67) host.loseJournal();
  else if (at < 0.72 && host.connection) world.close(host.connection);
  else if (at < 0.85) host.repeat();
  else host.work();
}

/** No more faults and one host left: everything has to come to rest by itself. */
async function quiet(world: World): Promise<Host> {
  const { scheduler } = world;
  world.faults = noFaults;
  await scheduler.drain();
  const survivor = scheduler.pick(world.hosts);
  for (const host of world.hosts) if (host !== survivor) host.crash();
  await scheduler.drain();
  for (let round = 0; round < 60; round++) {
    // A minute at first, then hours: time-outs are part of coming to rest.
    scheduler.nowMs += round < 30 ? 61_000 : 3_600_000;
    if (!survivor.isWelcomed || round % 10 === 0) survivor.dial();
    survivor.repeat();
    survivor.work();
    world.sweep();
    await scheduler.drain();
    const isAtRest = [...world.stores.commands.values()].every(({ state }) => isFinal(state));
    if (isAtRest && survivor.isWelcomed && round > 2) break;
  }
  return survivor;
}

function problemsOf(world: World, survivor: Host, keys: Map<string, CommandKind>): string[] {
  const { stores, promised, starts, gateway, scheduler } = world;
  const commands = [...stores.commands.values()];
  const failed = scheduler.trace.filter((line) => line.includes('failed: ')).map((line) => line.trim());
  const problems = [...world.watch.violations, ...failed];
  for (const [key, commandId] of promised)
    if (!stores.commands.has(`${gatewayId}/${commandId}`)) problems.push(`lost: ${key}`);
  if (commands.length > keys.size) problems.push(`${commands.length} commands of ${keys.size} submissions`);
  for (const item of commands) {
    const name = `${item.kind} ${item.commandId.slice(0, 4)}`;
    const started = starts.get(item.commandId) ?? 0;
    if (!isFinal(item.state)) problems.push(`not final: ${name} is ${item.state}`);
    if (needsGo(item) && started > 1) problems.push(`started ${started} times: ${name}`);
    if (item.state === 'SUCCEEDED' && started === 0) problems.push(`succeeded unstarted: ${name}`);
    if (needsGo(item) && started > 0 && !['SUCCEEDED', 'INDETERMINATE', 'TIMED_OUT'].includes(item.state))
      problems.push(`started, yet ${item.state}: ${name}`);
  }
  const { connection } = survivor;
  if (!connection || gateway.route?.connectionId !== connection.id)
    problems.push(`route is ${gateway.route?.connectionId}, the newest connection ${connection?.id}`);
  const holder = connection && world.holders.get(connection.cellId)?.get(gatewayId);
  if (holder?.connectionId !== connection?.id) problems.push(`holder is ${holder?.connectionId}`);
  if (Object.keys(gateway.grants).length > 0) problems.push(`grants left: ${JSON.stringify(gateway.grants)}`);
  return problems;
}

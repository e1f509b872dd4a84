import { acknowledged, unacknowledged } from '../../../core/alerts/acknowledge.ts';
import { alertKeyOf, parseEventId } from '../../../core/alerts/alert-key.ts';
import { hours, minutes } from '../../support/fleet.ts';
import { breakages } from './breakages.ts';
import { Fleet } from './fleet.ts';
import { Ledger } from './ledger.ts';
import { Proxies, type World } from './proxies.ts';
import { Subscriber } from './subscriber.ts';
import { Tally } from './tally.ts';
import { Turns } from './turns.ts';

/** Every so many-th seed has gateways with enough volumes for storms. */
const largeEvery = 20;
const troubledTicks = 26;

/**
 * One schedule: ticks in trouble, then quiet while everything fails, then quiet while everything is well. `broken`: the
 * name of a rule that is broken.
 */
export async function simulate(seed: number, broken?: string): Promise<Tally> {
  const turns = new Turns(seed);
  const tally = new Tally();
  tally.reached.seeds = 1;
  const fleet = new Fleet(turns, seed % largeEvery === 0);
  const ledger = new Ledger(tally, fleet);
  const subscriber = new Subscriber(turns, tally);
  const breakage = broken === undefined ? undefined : breakages[broken];
  const world: World = { turns, tally, fleet, ledger, subscriber, breakage };
  const proxies = new Proxies(world);
  await trouble(world, proxies);
  proxies.isCalm = true;
  subscriber.isCalm = true;
  await allFailed(world, proxies);
  await allWell(world, proxies);
  judge(world);
  return tally;
}

async function trouble(world: World, proxies: Proxies): Promise<void> {
  const { turns, fleet, subscriber } = world;
  for (let tick = 0; tick < troubledTicks; tick++) {
    fleet.live();
    if (turns.chance(0.02)) fleet.removeVolume();
    const rivals = turns.chance(0.2) ? 2 : 1;
    for (let i = 0; i < rivals; i++) void proxies.tick();
    if (turns.chance(0.3)) void person(world);
    // One that is slow is still at work when the next begins.
    await turns.run(turns.chance(0.2) ? turns.below(20) : Infinity);
    await subscriber.deliver();
  }
  await turns.run();
}

/** Somebody acknowledges an alert, or takes that back, while the proxies write. */
async function person({ turns, tally, fleet, ledger }: World): Promise<void> {
  const [one] = turns.chance(0.5) ? ledger.listed() : ledger.listed().reverse();
  for (let conflict = 0; one && conflict < 5; conflict++) {
    await turns.turn();
    const item = ledger.get(one.alertKey)!;
    const change = turns.chance(0.7) ? acknowledged : unacknowledged;
    const next = change(item, { by: 'ann', why: undefined, at: fleet.now });
    await turns.turn();
    if (!next || next === item) return;
    if (ledger.put(next, fleet.view())) {
      tally.reached.acknowledgements += 1;
      return;
    }
  }
}

async function tickAndDeliver({ turns, subscriber }: World, proxies: Proxies): Promise<void> {
  const run = proxies.tick();
  await turns.run();
  await run;
  await subscriber.deliver();
}

/** Nothing holds anything any more, and everything fails: all of it must be told. */
async function allFailed(world: World, proxies: Proxies): Promise<void> {
  const { fleet, ledger, subscriber, tally } = world;
  fleet.silences.forEach((silence, i) => (fleet.silences[i] = { ...silence, endedAt: fleet.now }));
  fleet.windows.clear();
  for (let tick = 0; tick < 3; tick++) {
    fleet.now += minutes;
    fleet.reportAll('failed');
    await tickAndDeliver(world, proxies);
  }
  for (const { gatewayId, tenantId } of fleet.gateways)
    for (const component of fleet.volumesOf(gatewayId)) {
      const alertKey = alertKeyOf({ tenantId, gatewayId, conditionId: 'VolumeIrrecoverable', component });
      const item = ledger.stored.get(alertKey);
      if (item?.state === 'ACKED') continue;
      const newest = [...subscriber.told]
        .filter(([id]) => id.startsWith(alertKey))
        .sort(([a], [b]) => seqOf(a) - seqOf(b))
        .at(-1);
      if (item?.state !== 'FIRING' || newest === undefined || newest[1] === 'resolved')
        tally.fail('untold', `${alertKey} is ${item?.state}`);
    }
}

async function allWell(world: World, proxies: Proxies): Promise<void> {
  const { fleet, ledger, tally } = world;
  const steps = [...Array<number>(8).fill(20 * minutes), 25 * hours, minutes, minutes];
  for (const step of steps) {
    fleet.now += step;
    fleet.reportAll('healthy');
    await tickAndDeliver(world, proxies);
  }
  for (const { alertKey, state, openShard } of ledger.stored.values())
    if (openShard !== undefined) tally.fail('stuck', `${alertKey} is ${state}`);
}

const seqOf = (eventId: string): number => parseEventId(eventId)?.seq ?? 0;

/** What the subscriber heard, put in order by `seq`, against what the alerts made. */
function judge({ tally, ledger, subscriber }: World): void {
  const { told } = subscriber;
  for (const eventId of ledger.made.keys()) if (!told.has(eventId)) tally.fail('lost', eventId);
  for (const eventId of told.keys()) if (!ledger.made.has(eventId)) tally.fail('invented', eventId);
  const byAlert = Map.groupBy(told, ([eventId]) => eventId.slice(0, 32));
  for (const [alertKey, events] of byAlert) {
    let isFiring = false;
    for (const [eventId, kind] of events.sort(([a], [b]) => seqOf(a) - seqOf(b))) {
      if (kind === 'reminder' ? !isFiring : isFiring === (kind === 'firing'))
        tally.fail('doubled', `${kind} ${eventId}`);
      isFiring = kind !== 'resolved';
    }
    if (isFiring) tally.fail('unresolved', alertKey);
  }
}

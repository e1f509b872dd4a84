import { hours, volume } from '../support/fleet.ts';
import type { Heartbeat } from '../../core/status.ts';
import { seeded } from '../support/random.ts';
import { furnishRegions } from '../support/tick-world.ts';
import { Stage, type Scene } from './scenes.ts';

const full: Partial<Heartbeat> = { metrics: { 'system.memory.utilization': 0.99 } };

/** What happens to made-up fleets, one thing each that inhibition or grouping has to do with. */
const plays: Readonly<Record<string, (stage: Stage) => Promise<void>>> = {
  'a site that goes dark and comes back in two steps': async (stage) => {
    const oslo = furnish(stage, 'Oslo', 6);
    await stage.ticks(1);
    stage.world.goDark(oslo);
    await stage.ticks(8);
    stage.world.comeBack(oslo.slice(1));
    await stage.ticks(4);
    stage.world.comeBack(oslo);
    await stage.ticks(3);
  },
  'a site that comes back as a whole': async (stage) => {
    const oslo = furnish(stage, 'Oslo', 4);
    const [bergen] = furnish(stage, 'Bergen', 4);
    await stage.ticks(1);
    stage.world.goDark([...oslo, bergen!]);
    await stage.ticks(8);
    stage.world.comeBack(oslo);
    await stage.ticks(4);
  },
  'a site whose gateways go one after the other': async (stage) => {
    const oslo = furnish(stage, 'Oslo', 5);
    await stage.ticks(1);
    for (const gatewayId of oslo.slice(0, 4)) {
      stage.world.goDark([gatewayId]);
      await stage.ticks(1);
    }
    await stage.ticks(10);
    stage.world.comeBack(oslo);
    await stage.ticks(4);
  },
  'a site of which some were told before': async (stage) => {
    const oslo = furnish(stage, 'Oslo', 6);
    await stage.ticks(1);
    stage.world.goDark(oslo.slice(0, 2));
    await stage.ticks(8);
    stage.world.goDark(oslo.slice(2));
    await stage.ticks(8);
    stage.world.comeBack(oslo.slice(0, 1));
    await stage.ticks(4);
    stage.world.comeBack(oslo);
    await stage.ticks(4);
  },
  'a gateway that is lost within an incident, which ends before it is back': async (stage) => {
    const [first, ...others] = furnish(stage, 'Oslo', 4);
    await stage.ticks(1);
    stage.report([first!, ...others], full);
    await stage.ticks(14);
    stage.world.goDark([first!]);
    await stage.ticks(14);
    stage.report(others, {});
    await stage.ticks(6);
    stage.world.comeBack([first!]);
    await stage.ticks(4);
  },
  'a site that had an incident before its region failed': async (stage) => {
    const oslo = furnish(stage, 'Oslo', 6, { region: 'north' });
    const { region } = furnishRegions(stage.world, { inside: 5, outside: 60, each: 2 });
    await stage.ticks(1);
    stage.world.goDark(oslo.slice(0, 4));
    await stage.ticks(8);
    stage.world.goDark([...oslo.slice(4), ...region]);
    await stage.ticks(8);
    stage.world.comeBack(oslo);
    await stage.ticks(4);
  },
  'arrays that fail all at once in one region': async (stage) => {
    const { region } = furnishRegions(stage.world, { inside: 5, outside: 60, each: 2 });
    await stage.ticks(1);
    stage.report(region, { checked: ['arrays'], arrays: [{ name: 'md0', state: 'degraded' }] });
    await stage.ticks(3);
    stage.report(region, { checked: ['arrays'], arrays: [] });
    await stage.ticks(20);
  },
  'lost volumes at sixty gateways of one customer': async (stage) => {
    const many = furnish(stage, '', 60);
    await stage.ticks(1);
    stage.report(many, { volumes: [volume({ state: 'failed' })] });
    await stage.ticks(2);
    stage.report(many.slice(0, 5), { volumes: [volume()] });
    await stage.ticks(2);
    stage.report(many, { volumes: [volume()] });
    await stage.ticks(2);
  },
  'a proxy that is away for an hour': async (stage) => {
    const [first] = furnish(stage, 'Oslo', 6);
    await stage.ticks(1);
    stage.world.goDark([first!]);
    await stage.ticks(8);
    stage.away(hours);
    await stage.ticks(2);
    stage.world.comeBack([first!]);
    await stage.ticks(3);
  },
};

export const handMadeScenes = (): Promise<Scene[]> =>
  Promise.all(
    Object.entries(plays).map(async ([name, play]) => {
      const stage = new Stage();
      await play(stage);
      return stage.done(name);
    }),
  );

/** Two sites of one customer and a few gateways of another, any of which come and go, alone or together. */
export async function seededScene(seed: number): Promise<Scene> {
  const random = seeded(seed);
  const stage = new Stage();
  const sites = [
    furnish(stage, 'Oslo', 5),
    furnish(stage, 'Bergen', 3),
    furnish(stage, 'Paris', 4, { tenantId: 'other' }),
  ];
  await stage.ticks(1);
  for (let turn = 0; turn < 6; turn++) {
    for (const site of sites) {
      const some = site.filter(() => random() < 0.6);
      const kind = random();
      if (kind < 0.35) stage.world.goDark(some);
      else if (kind < 0.6) stage.world.comeBack(some);
      else if (kind < 0.9) stage.report(some, random() < 0.6 ? full : {});
    }
    await stage.ticks(1 + Math.floor(random() * 14));
  }
  return stage.done(`seed ${seed}`);
}

function furnish(
  { world }: Stage,
  site: string,
  count: number,
  { tenantId = 'acme', region }: { tenantId?: string; region?: string } = {},
): string[] {
  const labels = { ...(site !== '' && { site }), ...(region !== undefined && { region }) };
  return Array.from({ length: count }, (_, i) => {
    const gatewayId = `gw-${site}-${i}`;
    world.add({ gatewayId, tenantId, labels });
    return gatewayId;
  });
}

import { FleetDayBuilder, type FleetDay } from '../../../core/design-report/fleet-day.ts';
import { attributeNames } from '../../../core/patterns/attributes.ts';
import { seeded } from '../../support/random.ts';

const dayMs = 24 * 3_600_000;
const changesFrom = 12;
const changesOver = 10;

/** How many values an attribute has in the fleet, and whether a customer's gateways mostly share one. */
const variety: Record<string, readonly [values: number, isOfCustomer: boolean]> = {
  agentVersion: [4, true],
  region: [24, true],
  isp: [400, true],
  hardwareModel: [80, true],
  diskModel: [120, false],
  diskFirmware: [200, false],
  hypervisor: [5, true],
  kernel: [12, true],
};
const conditions = ['RestartLoop', 'PacketLoss', 'UploadStalled', 'DiskFailed', 'MemoryHigh', 'BlockLatency'];
/** Of gateways, a day and condition. */
const onsetShare = 0.002;

/**
 * A day of a fleet of any size, the same for the same day: customers of 1 to 40 gateways, values of uneven frequency, and a
 * version that three quarters of the customers change to. For time and memory: nothing is planted in it.
 */
export function largeFleetDay(gateways: number, day: number, index: number): FleetDay {
  const builder = new FleetDayBuilder(day);
  const ofFleet = seeded(1);
  const ofDay = seeded(1_000 + day);
  let [customer, left] = [-1, 0];
  let shared: (string | undefined)[] = [];
  let changesOn = Infinity;
  for (let i = 0; i < gateways; i++) {
    if (left-- === 0) {
      customer += 1;
      left = Math.floor(40 * ofFleet() ** 4);
      shared = attributeNames.map((name) => valueOf(name, ofFleet()));
      changesOn = ofFleet() < 0.75 ? changesFrom + Math.floor(changesOver * ofFleet()) : Infinity;
    }
    const values = attributeNames.map((name, a) => {
      const own = ofFleet();
      if (name === 'agentVersion' && index >= changesOn) return '2.0.0';
      return variety[name]?.[1] && own < 0.9 ? shared[a] : valueOf(name, (own * 10) % 1);
    });
    const met = conditions.flatMap((conditionId) => {
      const chance = ofDay();
      const since = day * dayMs + 1;
      if (chance < onsetShare) return [{ conditionId, since, isNow: false }];
      return chance > 1 - onsetShare ? [{ conditionId, since: since - dayMs, isNow: true }] : [];
    });
    const gatewayId = `gw-${i.toString(16).padStart(20, '0')}`.slice(0, 23);
    builder.add({ gatewayId: mixedId(gatewayId, i), tenantId: `customer-${customer}` }, values, met);
  }
  return builder.build();
}

const valueOf = (name: string, random: number): string | undefined => {
  const [count] = variety[name] ?? [];
  return count === undefined ? undefined : `${name}-${Math.floor(count * random ** 2)}`;
};

/** Ids are random: they pack as badly as they can. */
const mixedId = (id: string, i: number): string => {
  const random = seeded(i + 7);
  return `${id.slice(0, 3)}${Array.from({ length: 20 }, () => Math.floor(16 * random()).toString(16)).join('')}`;
};

import type { AlertItem } from '../../../core/model.ts';
import { TickWorld } from '../../support/tick-world.ts';

let world: TickWorld;
let logged: unknown[];
beforeEach(() => {
  world = new TickWorld();
  logged = [];
  world.log = (level, event, fields) => {
    if (level === 'error') logged.push([event, fields?.alertKey]);
  };
  for (const [i, tenantId] of ['acme', 'globex', 'initech'].entries())
    world.add({ gatewayId: `gw-${i}`, tenantId });
});
const damagedTicks = async (count: number) => {
  for (let i = 0; i < count; i++) await expect(world.tick()).rejects.toMatchObject({ code: 'INTERNAL' });
};
const ticks = async (count: number) => {
  for (let i = 0; i < count; i++) await world.tick();
};
const alertOf = (gatewayId: string): AlertItem =>
  [...world.alerts.values()].find((item) => item.gatewayId === gatewayId)!;
const heardOf = () => world.events.map(({ gatewayId, type }) => `${gatewayId} ${type}`);

describe.each<[string, Partial<Record<keyof AlertItem, unknown>>]>([
  ['its outbox', { outbox: undefined }],
  ['the id of an event in it', { outbox: [{}] }],
  ['when an event in it was', { outbox: [{ eventId: `${'a'.repeat(32)}#1#1`, type: 'firing' }] }],
  ['its trail', { audit: 'none' }],
  ['an entry of it', { audit: [null] }],
  ['how its pattern was found', { pattern: {} }],
  ['since when it waits', { pendingSince: 'noon' }],
  ['its version', { version: -1 }],
  ['a state that exists', { state: 'BURNING' }],
  ['when it changed', { changedAt: undefined }],
  ['its severity', { severity: 7 }],
])('a stored alert that lacks %s', (_, broken) => {
  const damage = () => {
    const item = { ...alertOf('gw-0'), ...broken } as AlertItem;
    world.alerts.set(item.alertKey, item);
    return item;
  };

  it('costs itself, and no other alert', async () => {
    world.goDark(['gw-0', 'gw-1']);
    await ticks(1);
    const item = damage();
    await damagedTicks(10);
    world.comeBack(['gw-1']);
    await damagedTicks(10);
    expect(heardOf()).toEqual(['gw-1 firing', 'gw-1 resolved']);
    expect(world.alerts.get(item.alertKey)).toBe(item);
    expect(new Set(logged.map((each) => JSON.stringify(each)))).toEqual(
      new Set([JSON.stringify(['alert.damaged', item.alertKey])]),
    );
  });

  it('is told of also where it is in the index of the open ones no more', async () => {
    world.goDark(['gw-0']);
    await ticks(1);
    const item = damage();
    world.alerts.set(item.alertKey, { ...item, openShard: undefined });
    await damagedTicks(2);
    expect(logged).toHaveLength(2);
  });

  it('fires anew once it is deleted', async () => {
    world.goDark(['gw-0']);
    await ticks(1);
    const item = damage();
    await damagedTicks(10);
    world.alerts.delete(item.alertKey);
    await ticks(10);
    expect(heardOf()).toEqual(['gw-0 firing']);
  });
});

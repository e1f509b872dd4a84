import { alertKeyOf, eventIdOf } from '../../../core/alerts/alert-key.ts';
import { isLive } from '../../../core/alerts/inhibition.ts';
import { placesMax } from '../../../core/alerts/places.ts';
import type { Heartbeat } from '../../../core/status.ts';
import { statusItem, volume } from '../../support/fleet.ts';
import { TickWorld, tickMs } from '../../support/tick-world.ts';

const [gatewayId, tenantId] = ['gw-1', 'acme'];
const keyOf = (conditionId: string, component: string) =>
  alertKeyOf({ tenantId, gatewayId, conditionId, component });

let world: TickWorld;
let beat: number;
/** The most that were open at once. */
let openMax: number;
beforeEach(() => {
  world = new TickWorld();
  beat = 0;
  openMax = 0;
  world.add({ gatewayId, tenantId });
  // It reports what the test says.
  world.dark.add(gatewayId);
});

const failed = (volumeId: string) =>
  volume({
    volumeId,
    state: 'failed',
    failedSnapshots: 3,
    lastSnapshotId: undefined,
    lastSnapshotAt: undefined,
  });
const full = [{ mount: '/', sizeBytes: 1000, freeBytes: 10 }];

/** Beats of 16 volumes: those named, and others that have another name each time. */
async function beats(count: number, named: string[] = [], more: Partial<Heartbeat> = {}): Promise<void> {
  for (let i = 0; i < count; i++) {
    beat += 1;
    const invented = Array.from({ length: 16 - named.length }, (_, n) => `v-${beat}-${n}`);
    // The real ones stand last.
    const volumes = [...invented, ...named].map(failed);
    const heartbeat = { seq: beat, volumes, ...more };
    world.statuses.set(gatewayId, statusItem({ gatewayId, tenantId, receivedAt: world.now }, heartbeat));
    for (let tick = 0; tick < 5; tick++) {
      await runLook();
      world.now += tickMs;
    }
  }
}
async function runLook() {
  await world.look();
  const live = [...world.alerts.values()].filter((item) => item.component !== '' && isLive(item));
  openMax = Math.max(openMax, live.length);
}

test('a gateway that names its volumes anew with each beat has a place for what is really the matter', async () => {
  await beats(40);
  expect(openMax).toBeLessThanOrEqual(placesMax);
  world.heard();
  const rowsBefore = world.alerts.size;
  await beats(20);
  // What it invents by now is told to nobody, and leaves few items behind.
  expect(world.heard()).toEqual([]);
  expect(world.alerts.size - rowsBefore).toBeLessThanOrEqual(20 * 5 * 4);
  expect(
    [...world.alerts.values()].filter(({ openShard }) => openShard !== undefined).length,
  ).toBeLessThanOrEqual(placesMax);

  const real = [keyOf('VolumeIrrecoverable', 'vol-1'), keyOf('FsFull', '/')];
  await beats(10, ['vol-1'], { filesystems: full });
  const firing = world.heard().filter(({ type }) => type === 'firing');
  expect(firing.map(({ alertKey }) => alertKey)).toEqual(expect.arrayContaining(real));
  for (const { component } of firing) expect(['vol-1', '/']).toContain(component);
  await beats(30, ['vol-1'], { filesystems: full });
  for (const key of real) expect(world.alerts.get(key)).toMatchObject({ state: 'FIRING' });
  expect(openMax).toBeLessThanOrEqual(placesMax);
});

test('what makes room has one resolve where its firing was told, and none else', async () => {
  await beats(60, ['vol-1'], { filesystems: full });
  const events = world.heard().filter(({ type }) => type !== 'reminder');
  const told = Map.groupBy(events, ({ alertKey }) => alertKey);
  const displaced = [...told.values()].filter((events) => events.length > 1);
  expect(displaced.length).toBeGreaterThan(0);
  for (const of of displaced)
    expect(of.map(({ type, reason }) => ({ type, reason }))).toEqual([
      { type: 'firing', reason: undefined },
      { type: 'resolved', reason: 'unknown' },
    ]);
  for (const [key, of] of told) {
    expect(of[0]!.eventId).toBe(eventIdOf(key, 1, 1));
    const { state } = world.alerts.get(key)!;
    expect(state === 'RESOLVED').toBe(of.length > 1);
  }
});

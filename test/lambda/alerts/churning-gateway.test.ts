import { alertKeyOf, parseEventId } from '../../../core/alerts/alert-key.ts';
import type { AlertItem } from '../../../core/model.ts';
import { newcomersMax, placesMax } from '../../../core/alerts/places.ts';
import { checkedParts, type DiskStatus, type FilesystemStatus } from '../../../core/status.ts';
import { statusItem, volume } from '../../support/fleet.ts';
import { TickWorld, tickMs } from '../../support/tick-world.ts';

/**
 * A gateway whose parts have new names in each status, and that says each time that it looked at all of its parts: so those
 * of the status before are clear at once, and only remembered.
 */

const [gatewayId, tenantId] = ['gw-1', 'acme'];
const keyOf = (conditionId: string, component: string) =>
  alertKeyOf({ tenantId, gatewayId, conditionId, component });
const realKeys = [keyOf('VolumeIrrecoverable', 'vol-1'), keyOf('FsFull', '/real')];

const many = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));
const failedVolume = (volumeId: string) =>
  volume({
    ...{ volumeId, state: 'failed', failure: 'overwritten', failedSnapshots: 99 },
    ...{ lastSnapshotId: undefined, lastSnapshotAt: undefined },
  });
const failedFs = (mount: string): FilesystemStatus => ({
  ...{ mount, sizeBytes: 100, freeBytes: 0, readOnly: true, deviceErrors: 5 },
});
const wellFs = (mount: string): FilesystemStatus => ({
  mount,
  sizeBytes: 100,
  freeBytes: 100,
  deviceErrors: 0,
});
const failedDisk = (name: string): DiskStatus => ({
  ...{ name, state: 'failed', smart: { isFailing: true }, wear: 2 },
  ...{ temperatureC: 200, utilization: 1, latencyMs: 1e6 },
});

let world: TickWorld;
let beat: number;
beforeEach(() => {
  world = new TickWorld();
  beat = 0;
  world.add({ gatewayId, tenantId });
  // It reports what the test says.
  world.dark.add(gatewayId);
});

/** A status of failed parts with new names, and those of the one before, that are well; one look. Answers the writes. */
async function churn({ hasReal = false } = {}): Promise<number> {
  beat += 1;
  world.now += tickMs;
  const name = (of: number, i: number): string => `n-${of}-${i}`;
  const volumes = [
    ...many(15, (i) => volume({ volumeId: name(beat - 1, i), lastSnapshotAt: world.now })),
    ...many(15, (i) => failedVolume(name(beat, i))),
    ...(hasReal ? [failedVolume('vol-1')] : []),
  ];
  const filesystems = [
    ...many(3, (i) => wellFs(`/${name(beat - 1, i)}`)),
    ...many(4, (i) => failedFs(`/${name(beat, i)}`)),
    ...(hasReal ? [failedFs('/real')] : []),
  ];
  const disks = many(16, (i) => failedDisk(name(beat, i)));
  const arrays = many(8, (i) => ({ name: name(beat, i), state: 'failed' as const }));
  const heartbeat = { seq: beat, sentAt: world.now, volumes, filesystems, disks, arrays };
  world.statuses.set(
    gatewayId,
    statusItem({ gatewayId, tenantId, receivedAt: world.now }, { ...heartbeat, checked: [...checkedParts] }),
  );
  const before = versions();
  await world.look();
  return versions() - before;
}
/** Each write raises the version of one alert by one. */
const versions = (): number => [...world.alerts.values()].reduce((sum, { version }) => sum + version, 0);
/** What was told since the last call, singly or in a digest. */
const told = () =>
  world
    .heard()
    .flatMap(({ type, eventId, digest }) =>
      digest
        ? (['firing', 'resolved'] as const).flatMap((kind) => digest[kind].map((id) => ({ type: kind, id })))
        : type === 'firing' || type === 'resolved'
          ? [{ type, id: eventId }]
          : [],
    )
    .map(({ type, id }) => ({ type, alertKey: parseEventId(id)!.alertKey }));
const listed = (): AlertItem[] =>
  [...world.alerts.values()].filter(
    ({ openShard, component }) => openShard !== undefined && component !== '',
  );

test('a gateway whose parts have new names with each beat, and no old one, fills no index', async () => {
  await churn();
  // Whatever comes at once to a gateway with places is told.
  const storm = listed().length;
  expect(storm).toBeGreaterThan(100);
  expect(told().length).toBeGreaterThan(50);
  for (let i = 0; i < 3; i++) await churn();
  const rowsBefore = world.alerts.size;
  told();
  for (let i = 0; i < 40; i++) {
    // A newcomer comes, clears with the next beat and is forgotten later.
    expect(await churn()).toBeLessThanOrEqual(3 * newcomersMax);
    expect(listed().length).toBeLessThanOrEqual(placesMax);
  }
  expect(told()).toEqual([]);
  expect(world.alerts.size - rowsBefore).toBeLessThanOrEqual(40 * newcomersMax);
});

test('in such a gateway what is really the matter fires and stays, and each firing that ended has its resolve', async () => {
  for (let i = 0; i < 10; i++) await churn();
  let writesMax = 0;
  for (let i = 0; i < 80; i++) writesMax = Math.max(writesMax, await churn({ hasReal: true }));
  for (const key of realKeys) expect(world.alerts.get(key)).toMatchObject({ state: 'FIRING' });
  for (let i = 0; i < 40; i++) {
    writesMax = Math.max(writesMax, await churn({ hasReal: true }));
    for (const key of realKeys) expect(world.alerts.get(key)).toMatchObject({ state: 'FIRING' });
    expect(listed().length).toBeLessThanOrEqual(placesMax);
  }
  expect(writesMax).toBeLessThanOrEqual(5 * newcomersMax);
  const toldOf = Map.groupBy(told(), ({ alertKey }) => alertKey);
  for (const key of realKeys) expect(toldOf.get(key)?.map(({ type }) => type)).toEqual(['firing']);
  for (const [key, of] of toldOf) {
    const isOver = world.alerts.get(key)!.state === 'RESOLVED';
    expect(of.map(({ type }) => type)).toEqual(isOver ? ['firing', 'resolved'] : ['firing']);
  }
});

test('what a gateway remembers of names that it does not send any more costs no write', async () => {
  for (let i = 0; i < 5; i++) await churn();
  beat += 1;
  const writes: number[] = [];
  for (let i = 0; i < 5; i++) {
    world.now += tickMs;
    world.statuses.set(
      gatewayId,
      statusItem({ gatewayId, tenantId, receivedAt: world.now }, { seq: beat++ }),
    );
    const before = versions();
    await world.look();
    writes.push(versions() - before);
  }
  // First what was open is frozen; then nothing.
  expect(writes.slice(1)).toEqual([0, 0, 0, 0]);
});

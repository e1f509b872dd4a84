import { readFileSync } from 'node:fs';
import { observed, newAlert } from '../../../core/alerts/lifecycle.ts';
import { conditionById, conditions } from '../../../core/conditions/conditions.ts';
import { observe, suggestedFor, summaryOf } from '../../../core/conditions/evaluate.ts';
import type { SignalInput } from '../../../core/conditions/signals.ts';
import type { heartbeat } from '../../support/fleet.ts';
import {
  conditionLimits as limits,
  gatewayItem,
  hours,
  minutes,
  statusItem,
  t0,
  volume,
} from '../../support/fleet.ts';

type Given = Partial<SignalInput>;
interface Cases {
  component: string;
  raises: Record<string, Given>;
  clears: Record<string, Given>;
  holds?: Record<string, Given>;
}
const beat = (over: Parameters<typeof heartbeat>[0]): Given => ({ status: statusItem({}, over) });
const oneVolume = (over: Parameters<typeof volume>[0]): Given => beat({ volumes: [volume(over)] });
const memory = (used: number): Given => beat({ metrics: { 'system.memory.utilization': used } });
const rootFs = (freeBytes: number): Given =>
  beat({ filesystems: [{ mount: '/', sizeBytes: 1000, freeBytes }] });
const hellos = (...minutesAgo: number[]): Given => ({
  gateway: gatewayItem({ recentHellos: minutesAgo.map((m) => t0 - m * minutes) }),
});
const silentFor = (ms: number, intervalMs?: number): Given => ({
  status: statusItem({ receivedAt: t0 - ms }, { intervalMs }),
});
const restoring = (stillMs: number): Given =>
  oneVolume({
    state: 'restoring',
    restore: { snapshotId: 's1', fraction: 0.3, lastProgressAt: t0 - stillMs, bytesPerSec: 0 },
  });

const cases: Record<string, Cases> = {
  Offline: {
    component: '',
    raises: {
      'its route was lost': { gateway: gatewayItem({ route: undefined, routeLostAt: t0 - 1 }) },
      'it is connected but silent for 2.5 beats': silentFor(12.5 * minutes),
      'it reports more often and is silent for 2.5 of the fleet’s beats': silentFor(12.5 * minutes, minutes),
      'it reports more rarely and is silent for 2.5 of its own beats': silentFor(22.5 * minutes, 9 * minutes),
      'it never reported since its activation': {
        status: undefined,
        gateway: gatewayItem({ route: undefined, recentHellos: [], createdAt: t0 - 13 * minutes }),
      },
    },
    clears: {
      'it is connected and heard of': {},
      'it is silent for less than 2.5 beats': silentFor(12.4 * minutes),
      'it reports more often and is silent for less than the fleet’s beats': silentFor(
        12.4 * minutes,
        minutes,
      ),
      'it reports more rarely and is silent for less than its own': silentFor(22.4 * minutes, 9 * minutes),
      'it has just connected and not reported yet': {
        status: statusItem({ receivedAt: t0 - 3 * hours }),
        gateway: gatewayItem({ recentHellos: [t0 - 1000] }),
      },
      'it was activated a moment ago': {
        status: undefined,
        gateway: gatewayItem({ route: undefined, recentHellos: [], createdAt: t0 - minutes }),
      },
    },
  },
  ConnectionFlapping: {
    component: '',
    raises: { 'six reconnections in an hour': hellos(70, 50, 40, 30, 20, 10, 1) },
    clears: {
      'planned rollovers only': hellos(300, 200, 105, 10),
      'old reconnections': hellos(130, 120, 110, 100, 90, 80, 70),
    },
    holds: { 'four reconnections': hellos(70, 50, 40, 30, 20) },
  },
  GatewayCloned: {
    component: '',
    raises: {
      'a replaced agent came back': { gateway: gatewayItem({ cloneSeenAt: t0 - minutes }) },
      'it did, and the gateway is silent since': {
        ...silentFor(2 * hours),
        gateway: gatewayItem({ cloneSeenAt: t0 - 2 * hours }),
      },
    },
    clears: {
      'no agent came back': {},
      'the last sign is three hours old': { gateway: gatewayItem({ cloneSeenAt: t0 - 3 * hours }) },
    },
  },
  VolumeIrrecoverable: {
    component: 'vol-1',
    raises: {
      'the volume failed': oneVolume({ state: 'failed', failure: 'truncated' }),
      'its restore was given up': oneVolume({ state: 'canceled' }),
    },
    clears: { 'the volume is healthy': oneVolume({}) },
    holds: {
      'it is being restored': oneVolume({ state: 'restoring' }),
      'its restore is paused': oneVolume({ state: 'paused' }),
      'another process has it': oneVolume({ state: 'failed', failure: 'in-use' }),
    },
  },
  RestoreStalled: {
    component: 'vol-1',
    raises: { 'no progress for 15 minutes': restoring(15 * minutes) },
    clears: {
      progress: restoring(2000),
      'the restore is over': oneVolume({}),
      'the restore is paused on purpose': oneVolume({
        state: 'paused',
        restore: { snapshotId: 's1', fraction: 0.3, lastProgressAt: t0 - 9 * hours, bytesPerSec: 0 },
      }),
    },
    holds: { 'no progress for 10 minutes': restoring(10 * minutes) },
  },
  UploadStalled: {
    component: 'vol-1',
    raises: {
      'no progress for 15 minutes': oneVolume({
        upload: { fraction: 0.1, lastProgressAt: t0 - 15 * minutes },
      }),
    },
    clears: {
      progress: oneVolume({ upload: { fraction: 0.1, lastProgressAt: t0 } }),
      'no upload': oneVolume({}),
    },
  },
  SnapshotOld: {
    component: 'vol-1',
    raises: {
      'the snapshot is 26 hours old': oneVolume({ lastSnapshotAt: t0 - 26 * hours }),
      'there was never one': {
        ...oneVolume({ lastSnapshotAt: undefined }),
        gateway: gatewayItem({ createdAt: t0 - 30 * hours }),
      },
    },
    clears: {
      'the snapshot is new': oneVolume({}),
      'there was never one on a new gateway': oneVolume({ lastSnapshotAt: undefined }),
    },
    holds: { 'it is 25 hours old': oneVolume({ lastSnapshotAt: t0 - 25 * hours }) },
  },
  FsFull: {
    component: '/',
    raises: { '95 % used': rootFs(50) },
    clears: { 'half used': rootFs(500), '90 % used': rootFs(100) },
    holds: { '93 % used': rootFs(70) },
  },
  MemoryHigh: {
    component: '',
    raises: { '95 % used': memory(0.95) },
    clears: { '85 % used': memory(0.85) },
    holds: { '90 % used': memory(0.9) },
  },
  ClockSkew: {
    component: '',
    raises: {
      'a minute ahead': { status: statusItem({ clockSkewMs: minutes }) },
      'a minute behind': { status: statusItem({ clockSkewMs: -minutes }) },
    },
    clears: { 'half a minute': { status: statusItem({ clockSkewMs: -30_000 }) } },
  },
  AgentOutdated: {
    component: '',
    raises: {
      'an older version': beat({ agentVersion: '1.1.9' }),
      'a pre-release of the newest': beat({ agentVersion: '1.2.0-rc.1' }),
      'a version that cannot be read': beat({ agentVersion: 'banana' }),
    },
    clears: { 'the newest version': {}, 'a newer version': beat({ agentVersion: '1.10.0' }) },
  },
};

const input = (given: Given, now = t0): SignalInput => ({
  gateway: gatewayItem(),
  status: statusItem(),
  limits,
  now,
  ...given,
});
const seen = (id: string, component: string, given: Given) =>
  observe(input(given)).find((o) => o.condition.id === id && o.component === component);

test('every condition has a case that raises it and one that clears it', () => {
  const tested = Object.keys(cases).filter(
    (id) => Object.keys(cases[id]!.raises).length > 0 && Object.keys(cases[id]!.clears).length > 0,
  );
  expect(conditions.map(({ id }) => id).sort()).toEqual(tested.sort());
});

test('the table is sound: ids differ, thresholds do not touch, texts are there', () => {
  expect(conditionById.size).toBe(conditions.length);
  for (const c of conditions) {
    expect(c.clearAt).toBeLessThan(c.raiseAt);
    expect(c.id).toMatch(/^[A-Z][A-Za-z]{1,63}$/);
    expect(c.meaning).toMatch(/\.$/);
  }
});

test('the page on monitoring has a row for every condition, with its severity and command', () => {
  const rows = readFileSync('docs/monitoring.md', 'utf8')
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()));
  for (const { id, scope, severity, suggested } of conditions) {
    const row = rows.find((cells) => cells[1] === `\`${id}\``) ?? [];
    expect([id, row[2]]).toEqual([id, scope === 'filesystem' ? 'file system' : scope]);
    expect([id, row.at(-3), row.at(-2)]).toEqual([id, severity, suggested ? `\`${suggested.kind}\`` : '–']);
  }
});

for (const [id, { component, raises, clears, holds = {} }] of Object.entries(cases)) {
  describe(id, () => {
    test.each(Object.entries(raises))('is raised: %s', (_, given) => {
      expect(seen(id, component, given)?.level).toBe('raised');
    });
    test.each(Object.entries(clears))('is clear: %s', (_, given) => {
      expect(seen(id, component, given)?.level).toBe('clear');
    });
    for (const [name, given] of Object.entries(holds))
      test(`stays as it was: ${name}`, () => {
        expect(seen(id, component, given)?.level).toBe('hold');
      });

    test('fires after its for-duration and resolves after its clear-duration', () => {
      const raised = seen(id, component, Object.values(raises)[0]!)!;
      const clear = seen(id, component, Object.values(clears)[0]!)!;
      const forMs = raised.condition.forMs(limits);
      let alert = observed(newAlert(gatewayItem(), raised), raised, t0, limits);
      if (forMs > 0) {
        alert = observed(alert, raised, t0 + forMs - 1, limits);
        expect(alert.state).toBe('PENDING');
      }
      alert = observed(alert, raised, t0 + forMs, limits);
      expect(alert).toMatchObject({ state: 'FIRING', episode: 1, summary: summaryOf(raised) });
      const at = t0 + 2 * hours;
      alert = observed(alert, clear, at, limits);
      if (raised.condition.clearForMs > 0) expect(alert.state).toBe('FIRING');
      expect(observed(alert, clear, at + raised.condition.clearForMs, limits).state).toBe('RESOLVED');
    });
  });
}

test('Offline waits for the reconnect window where that is longer than five minutes', () => {
  const { forMs } = conditionById.get('Offline')!;
  expect(forMs({ ...limits, reconnectWindowMs: 10 * minutes })).toBe(10 * minutes);
  expect(forMs(limits)).toBe(5 * minutes);
});

test('a stale status says nothing about what it reports', () => {
  const stale = input({
    status: statusItem({ receivedAt: t0 - 13 * minutes }, { volumes: [volume({ state: 'failed' })] }),
  });
  expect(observe(stale).map((o) => o.condition.id)).toEqual(['Offline', 'GatewayCloned']);
});

test('nothing is seen of a gateway in a frozen cell whose status is stale', () => {
  expect(observe({ ...input(silentFor(13 * minutes)), cellFrozen: true })).toEqual([]);
});

test('what is not reported has no observation', () => {
  const ids = observe(input(beat({ metrics: {}, filesystems: [], volumes: [] }))).map((o) => o.condition.id);
  expect(ids).not.toContain('MemoryHigh');
  expect(ids).not.toContain('FsFull');
  expect(ids).not.toContain('VolumeIrrecoverable');
});

test('VolumeIrrecoverable suggests the restore of that volume', () => {
  expect(suggestedFor(seen('VolumeIrrecoverable', 'vol-1', oneVolume({ state: 'failed' }))!)).toEqual({
    kind: 'restore.start',
    params: { volumeId: 'vol-1' },
  });
});

test('a volume name that is no volume id is never suggested as a parameter', () => {
  const name = 'x; rm -rf /\n';
  const hostile = seen('VolumeIrrecoverable', name, oneVolume({ volumeId: name, state: 'failed' }))!;
  expect(suggestedFor(hostile)).toBeUndefined();
  expect(summaryOf(hostile)).not.toContain('\n');
});

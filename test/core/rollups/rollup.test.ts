import { storedBytes } from '../../../agent/status/fit-heartbeat.ts';
import { rollupBytesMax, rollupItem, rollupOfItem } from '../../../core/rollups/rollup-item.ts';
import {
  bucketCountOf,
  mergeRollups,
  refusalOf,
  rollupKindNames,
  rollupKinds,
  rollupOf,
  rollupSchema,
  type Bucket,
  type Rollup,
  type RollupKind,
} from '../../../core/rollups/rollup.ts';
import { historySignalNames, historySignals, valuesOf } from '../../../core/rollups/signals.ts';
import { upstreamBodies } from '../../../core/messages.ts';
import { heartbeat, hours, minutes } from '../../support/fleet.ts';
import { seeded } from '../../support/random.ts';

const startsAt = Date.UTC(2026, 10, 29, 16, 30);
const cpu = 'system.cpu.utilization';
const memory = 'system.memory.utilization';
const rollup = (over: Partial<Rollup> = {}): Rollup => ({
  kind: 'half-hour',
  startsAt,
  counts: [5, 0, 4],
  signals: { [cpu]: [0.1, 0.2, 0.3, null, null, null, 0.2, 0.3, 0.4] },
  ...over,
});

/** Numbers as a gateway may invent them, with every signal in every bucket. */
function fullest(kind: RollupKind): Rollup {
  const counts = Array.from({ length: bucketCountOf(kind) }, () => 1_440);
  const values = counts.flatMap(() => [1.2345678901234e-7, 8_765_432_109_876.5, 9_007_199_254_740_991]);
  const unknown = Array.from({ length: 18 }, (_, i) => `gateway.unknown.${i}`);
  return {
    kind,
    startsAt: rollupKinds.day.spanMs * 20_000,
    counts,
    signals: Object.fromEntries([...historySignalNames, ...unknown].map((name) => [name, values])),
  };
}

describe('a rollup of the wire', () => {
  it('is taken where it is as it should be, and with signals that nobody knows yet', () => {
    expect(rollupSchema.safeParse(rollup()).success).toBe(true);
    expect(rollupSchema.safeParse(fullest('day')).success).toBe(true);
  });

  it.each<[string, object]>([
    ['begins where none begins', { startsAt: startsAt + 1 }],
    ['is of no kind', { kind: 'week' }],
    ['has no bucket', { counts: [], signals: {} }],
    ['has more buckets than its span', { counts: [1, 1, 1, 1, 1, 1, 1], signals: {} }],
    ['has a bucket measured less than never', { counts: [-1], signals: {} }],
    ['has a bucket measured more often than a day has minutes', { counts: [1_441], signals: {} }],
    ['has fewer values than three for each bucket', { signals: { [cpu]: [0.1, 0.1] } }],
    ['has more values than three for each bucket', { counts: [1], signals: { [cpu]: [0, 0, 0, 0] } }],
    ['has a negative value', { counts: [1], signals: { [cpu]: [-1, 0, 0] } }],
    ['has a number that cannot be stored', { counts: [1], signals: { [cpu]: [0, 0, 1e300] } }],
    ['has a text for a number', { counts: [1], signals: { [cpu]: ['0', '0', '0'] } }],
    [
      'has more signals than anybody needs',
      {
        counts: [1],
        signals: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`s${i}`, [0, 0, 0]])),
      },
    ],
  ])('is refused where it %s', (_, over) => {
    expect(rollupSchema.safeParse({ ...rollup(), ...over }).success).toBe(false);
  });

  it('comes at most four at a time', () => {
    const body = (count: number) => ({
      heartbeat: heartbeat(),
      rollups: Array.from({ length: count }, () => rollup()),
    });
    expect(upstreamBodies.status.safeParse(body(4)).success).toBe(true);
    expect(upstreamBodies.status.safeParse(body(5)).success).toBe(false);
  });

  it('of the future or of a time that is not kept is refused', () => {
    expect(refusalOf(rollup(), startsAt - 10 * minutes)).toBeUndefined();
    expect(refusalOf(rollup(), startsAt - 10 * minutes - 1)).toBe('future');
    expect(refusalOf(rollup(), startsAt + 48 * hours - 1)).toBeUndefined();
    expect(refusalOf(rollup(), startsAt + 48 * hours)).toBe('past');
    const day = rollup({ kind: 'day', startsAt: Date.UTC(2026, 10, 1) });
    expect(refusalOf(day, Date.UTC(2026, 11, 5, 23))).toBeUndefined();
    expect(refusalOf(day, Date.UTC(2026, 11, 6))).toBe('past');
  });
});

describe('an item of the table', () => {
  it.each(rollupKindNames)('of a %s stays within its write units, whatever a gateway invents', (kind) => {
    const item = rollupItem('gw-8c09f5cd3c94dda14112', fullest(kind));
    const bytes = Object.entries(item).reduce(
      (sum, [name, value]) => sum + name.length + storedBytes(value),
      0,
    );
    expect(Math.ceil(bytes / 1_024)).toBe(rollupBytesMax[kind] / 1_024);
  });

  it('gives back what went in, but for signals that this version does not know', () => {
    const known = rollup();
    const more = { ...known, signals: { ...known.signals, 'gateway.new': known.signals[cpu]! } };
    const item = rollupItem('gw-1', more);
    expect(rollupOfItem(item)).toEqual(known);
    expect(item).toMatchObject({ gatewayId: 'gw-1', rollupKey: 'half-hour#2026-11-29T16:30' });
    expect(item.expiresAtSec).toBe((startsAt + 48 * hours) / 1_000);
  });

  it('names each signal by a key of its own', () => {
    expect(new Set(historySignals.map(({ key }) => key)).size).toBe(historySignals.length);
  });
});

describe('two accounts of one span', () => {
  it('give each bucket as the one told it that measured more in it', () => {
    const before = rollup({ counts: [5, 5, 2], signals: { [cpu]: [1, 1, 1, 2, 2, 2, 3, 3, 3] } });
    const restarted = rollup({
      counts: [0, 0, 3, 5],
      signals: { [cpu]: [null, null, null, null, null, null, 7, 7, 7, 8, 8, 8] },
    });
    expect(mergeRollups(before, restarted)).toMatchObject({
      counts: [5, 5, 3, 5],
      signals: { [cpu]: [1, 1, 1, 2, 2, 2, 7, 7, 7, 8, 8, 8] },
    });
  });

  it('are the same in every order, and however often they come', () => {
    const random = seeded(7);
    const account = (): Rollup => {
      const buckets = Array.from({ length: 1 + Math.floor(random() * 6) }, (): Bucket => {
        const count = Math.floor(random() * 3);
        const names = [cpu, memory].filter(() => count > 0 && random() < 0.7);
        const value = () => Math.floor(random() * 3);
        return {
          count,
          values: Object.fromEntries(names.map((name) => [name, [value(), value(), value()] as const])),
        };
      });
      return rollupOf(rollup(), buckets);
    };
    for (let round = 0; round < 300; round++) {
      const accounts = [account(), account(), account(), account()];
      const inOrder = accounts.reduce(mergeRollups);
      const shuffled = [...accounts, ...accounts].sort(() => random() - 0.5).reduce(mergeRollups);
      expect(shuffled).toEqual(inOrder);
    }
  });
});

test('signals are read from what a heartbeat is made of', () => {
  const found = valuesOf({
    metrics: { [cpu]: 0.07, 'gateway.connection.rtt': -1, 'gateway.upload_buffer.utilization': NaN },
    filesystems: [
      { mount: '/', sizeBytes: 100, freeBytes: 60 },
      { mount: '/srv', sizeBytes: 100, freeBytes: 20 },
      { mount: '/none', sizeBytes: 0, freeBytes: 0 },
    ],
    volumes: [0.8, 0.3].map((fraction, i) => ({
      volumeId: `v${i}`,
      state: 'restoring',
      sizeBytes: 1,
      restore: { snapshotId: 's', fraction, lastProgressAt: 0, bytesPerSec: 1 },
    })),
  });
  expect(found).toEqual({
    [cpu]: 0.07,
    'system.filesystem.utilization': 0.8,
    'gateway.restore.progress': 0.3,
  });
});

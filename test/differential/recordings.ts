import type { Condition } from '../../core/conditions/condition.ts';
import { conditionById } from '../../core/conditions/conditions.ts';
import { effective, overrideProblem, type ConditionOverride } from '../../core/conditions/settings.ts';
import { conditionLimits, minutes } from '../support/fleet.ts';

/**
 * What came of a gateway in one tick: a value; or no report, which nobody noticed (`silent`) or which a scrape noticed
 * (`unreached`); or a report that lacks the series (`unreported`). From `revoked` on the gateway is no more.
 */
export type Report = number | 'silent' | 'unreached' | 'unreported' | 'revoked';

/** One series as both sides get it, and the condition that it is judged by. */
export interface Recording {
  name: string;
  conditionId: string;
  /** What the tenant has set otherwise of the condition. */
  override?: ConditionOverride;
  reports: readonly Report[];
}

/** Recordings that are looked at in the same moments. */
export interface Corpus {
  tickMs: number;
  recordings: readonly Recording[];
}

export function rowOf({ name, conditionId, override }: Recording): Condition {
  const row = conditionById.get(conditionId);
  if (!row) throw new Error(`${name}: there is no condition ${conditionId}`);
  const problem = override && overrideProblem(row, override, conditionLimits);
  if (problem !== undefined) throw new Error(`${name}: ${problem}`);
  return effective(row, override, conditionLimits) ?? row;
}

/** All of them as long as the longest: nothing more comes of those that end sooner. */
export function padded(recordings: readonly Recording[]): Recording[] {
  const length = Math.max(...recordings.map(({ reports }) => reports.length));
  return recordings.map((recording) => {
    const end = recording.reports.at(-1) === 'revoked' ? 'revoked' : 'silent';
    const rest = Array<Report>(length - recording.reports.length).fill(end);
    return { ...recording, reports: [...recording.reports, ...rest] };
  });
}

const lasting = (ticks: number, report: Report): Report[] => Array<Report>(ticks).fill(report);
/** One report in each `every` ticks, as beats come. */
const beats = (every: number, values: readonly Report[]): Report[] =>
  values.flatMap((value) => [value, ...lasting(every - 1, 'silent')]);
const times = (count: number, reports: readonly Report[]): Report[] => Array(count).fill(reports).flat();

/** MemoryHigh: raised from 0.95 on for 10 min, clear at 0.85 for 2 min. */
const [high, between, low] = [0.97, 0.9, 0.5];
const memory = (name: string, reports: Report[], override?: ConditionOverride): Recording => ({
  ...{ name, conditionId: 'MemoryHigh', reports },
  ...(override && { override }),
});
const atOnce: ConditionOverride = { forMs: 0 };

/** What is known to be awkward, one thing each. */
const awkward: Recording[] = [
  memory('well all the time', lasting(30, low)),
  memory('high for long, then well', [low, ...lasting(20, high), ...lasting(20, low)]),
  memory('drops in the last tick before it would fire', [
    ...lasting(10, high),
    low,
    ...lasting(10, high),
    low,
  ]),
  memory('fires in the very tick in which the time is over', [...lasting(11, high), ...lasting(10, low)]),
  memory('back up in the last tick before it would resolve', [
    ...lasting(15, high),
    ...[low, low, high, low, low, low, low],
  ]),
  memory('exactly at the thresholds', [
    ...lasting(12, 0.95),
    ...lasting(12, 0.85),
    ...lasting(12, 0.9499999),
  ]),
  memory('just inside and just outside of them', [...lasting(12, 0.9500001), ...lasting(12, 0.8500001), low]),
  memory('between the thresholds from the first', lasting(30, between)),
  memory('touches the threshold once and stays near', [high, ...lasting(20, between), ...lasting(5, low)]),
  memory('trembles around the threshold', [...times(15, [0.951, 0.949]), ...lasting(5, low)]),
  memory('clears, and stays between', [...lasting(12, high), low, ...lasting(10, between)]),
  memory('short gaps in what is high', times(6, [high, high, 'silent', 'silent', 'silent'])),
  memory('a beat each five minutes', beats(5, [low, high, high, high, high, low, low])),
  memory('a beat comes late', [
    ...beats(5, [high, high]),
    'silent',
    'silent',
    ...beats(5, [high, high, low]),
  ]),
  memory('a beat is lost while it fires', beats(5, [high, high, high, 'silent', high, low, low])),
  memory('a scrape fails while it fires', [
    ...lasting(15, high),
    'unreached',
    ...lasting(5, high),
    low,
    low,
    low,
  ]),
  memory('a scrape fails while it is pending', [...lasting(6, high), 'unreached', ...lasting(8, high), low]),
  memory('reported no more while it fires, and high again', [
    ...lasting(15, high),
    ...lasting(20, 'unreported'),
    ...lasting(15, high),
    ...lasting(5, low),
  ]),
  memory('reported no more while it clears, and between again', [
    ...lasting(15, high),
    ...[low, 'unreported' as const, 'unreported' as const],
    ...lasting(5, between),
  ]),
  memory('away for an hour while pending', [
    ...lasting(6, high),
    ...lasting(60, 'silent'),
    ...lasting(15, high),
  ]),
  memory('away for an hour while firing, and well since', [
    ...lasting(15, high),
    ...lasting(60, 'silent'),
    ...lasting(5, low),
  ]),
  memory('begins anew with a restart', [
    ...lasting(15, high),
    ...lasting(3, 'unreached'),
    ...[0, ...lasting(15, high)],
    ...lasting(5, low),
  ]),
  memory('flaps each five minutes', times(14, [high, low, low, low, low]), atOnce),
  memory('flaps, then is well', [...times(3, [high, low, low, low]), ...lasting(80, low)], atOnce),
  memory('fires again within half an hour', [high, ...lasting(25, low), high, ...lasting(5, low)], atOnce),
  memory(
    'fires again half an hour after its end',
    [high, ...lasting(32, low), high, ...lasting(5, low)],
    atOnce,
  ),
  memory('fires again long after', [high, ...lasting(45, low), high, ...lasting(5, low)], atOnce),
  memory('no number', [...lasting(12, high), NaN, NaN, ...lasting(3, high), ...lasting(5, low)]),
  memory('too much to be a number', [low, ...lasting(12, Infinity), ...lasting(5, low)]),
  memory('revoked while it fires', [...lasting(15, high), ...lasting(10, 'revoked')]),
  memory('revoked while it is pending', [...lasting(5, high), ...lasting(10, 'revoked')]),
  {
    ...{ name: 'too few hits', conditionId: 'CacheHitLow' },
    reports: [...lasting(35, 0.5), ...lasting(10, 0.55), ...lasting(20, 0.6), ...lasting(35, 0.3)],
  },
  {
    ...{ name: 'a volume that is lost and restored', conditionId: 'VolumeIrrecoverable' },
    reports: [0, 0, 1, 1, ...lasting(20, 0.5), 0, 0],
  },
  {
    ...{ name: 'a hot disk, which is named only while it is hot', conditionId: 'DiskHot' },
    reports: ['unreported', ...lasting(12, 4), ...lasting(12, 'unreported'), ...lasting(12, 10), 0],
  },
];

/** Each tick an hour: what takes days. */
const patient: Recording[] = [
  {
    ...{ name: 'a volume that is taken away', conditionId: 'VolumeIrrecoverable' },
    reports: [0, 1, 1, ...lasting(30, 'unreported'), 1, 0],
  },
  {
    ...{ name: 'a volume that is back within a day', conditionId: 'VolumeIrrecoverable' },
    reports: [0, 1, 1, ...lasting(20, 'unreported'), 1, 0],
  },
  {
    ...{ name: 'a volume that some reports lack, and some do not come', conditionId: 'VolumeIrrecoverable' },
    reports: [1, ...lasting(12, 'unreported'), 'unreached', ...lasting(20, 'unreported'), 0],
  },
  memory('away for three weeks', [high, high, ...lasting(21 * 24, 'unreached'), high, low, low], atOnce),
  memory('away for a week', [high, high, ...lasting(7 * 24, 'unreached'), high, low, low], atOnce),
];

export const handMade: readonly Corpus[] = [
  { tickMs: minutes, recordings: padded(awkward) },
  { tickMs: 60 * minutes, recordings: padded(patient) },
];

import { conditionById } from '../../core/conditions/conditions.ts';
import { headroomC, smartScore } from '../../core/conditions/hardware-signals.ts';
import type { ArrayStatus, CheckedPart, DiskStatus } from '../../core/status.ts';
import type { ArrayFacts } from './arrays.ts';
import { isVirtual, type DiskFacts } from './hardware.ts';
import { diskLoads, shortened, type DiskLoad } from './metrics.ts';
import type { HostSample } from './sample.ts';

/** The schema's. */
const disksMax = 16;
const arraysMax = 8;

/** A disk beyond it is not clear of the condition that the cloud judges it by, and is named. */
const clearAt = (conditionId: string): number => conditionById.get(conditionId)!.clearAt;
export const clearUntil = {
  smartScore: clearAt('SmartPrefail'),
  wear: clearAt('NvmeWear'),
  headroomC: clearAt('DiskHot'),
  utilization: clearAt('DiskSaturated'),
  latencyMs: clearAt('BlockLatency'),
} as const;

export interface ToldHardware {
  disks: DiskStatus[];
  arrays: ArrayStatus[];
  /** In these respects whatever is not named is well. */
  checked: CheckedPart[];
}

/** What a heartbeat says of disks and arrays: those with something to tell, all that is known of each. Pure. */
export function tellHardware(now: HostSample, before: HostSample | undefined): ToldHardware {
  const { disks: known, arrays, isSmartAnswered } = now.hardware;
  const loads = new Map(diskLoads(now, before).map((load) => [load.name, load]));
  const told = (known ?? [])
    .map((disk) => ({ disk, load: loads.get(disk.name), weight: 0 }))
    .map((one) => ({ ...one, weight: weightOf(one.disk, one.load, isSmartAnswered) }))
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => b.weight - a.weight);
  const unwell = arrays.filter(({ state }) => state !== 'ok').sort((a, b) => arrayWeight(b) - arrayWeight(a));
  const isTold = known !== undefined && told.length <= disksMax;
  const checked: Record<'disks' | 'smart' | 'heat' | 'arrays' | 'errors', boolean> = {
    disks: isTold && before !== undefined,
    smart: isTold && isSmartAnswered,
    heat: isTold && isHeatKnown(known),
    arrays: unwell.length <= arraysMax,
    errors: now.filesystems.isWhole && now.oomKills !== undefined,
  };
  return {
    disks: told.slice(0, disksMax).map(({ disk, load }) => statusOf(disk, load)),
    arrays: unwell.slice(0, arraysMax),
    checked: (Object.keys(checked) as (keyof typeof checked)[]).filter((part) => checked[part]),
  };
}

/** The greater, the worse; 0: nothing to tell. */
function weightOf(disk: DiskFacts, load: DiskLoad | undefined, isSmartAnswered: boolean): number {
  const status = statusOf(disk, load);
  const { state, smart, wear = 0, utilization = 0, latencyMs = 0 } = status;
  if (state !== 'ok') return state === 'missing' ? 7 : 6;
  if (smart?.isFailing) return 5;
  if ((smartScore(status) ?? 0) > clearUntil.smartScore) return 4;
  if ((headroomC(status) ?? Infinity) < clearUntil.headroomC || wear > clearUntil.wear) return 3;
  if (utilization > clearUntil.utilization || latencyMs > clearUntil.latencyMs) return 2;
  // It was not to be read: named, so that its silence is not taken for health.
  return isSmartAnswered && disk.smart === undefined ? 1 : 0;
}

const arrayWeight = ({ state }: ArrayFacts): number =>
  ['ok', 'rebuilding', 'degraded', 'failed'].indexOf(state);

/** A hypervisor's disks have no sensor; where no disk has one, nothing is known. */
function isHeatKnown(disks: readonly DiskFacts[]): boolean {
  const here = disks.filter(({ state }) => state !== 'missing');
  const isKnown = ({ name, temperatureC, smart }: DiskFacts): boolean =>
    temperatureC !== undefined || isVirtual(name) || smart !== undefined;
  return here.every(isKnown) && here.some(({ temperatureC }) => temperatureC !== undefined);
}

function statusOf(disk: DiskFacts, load: DiskLoad | undefined): DiskStatus {
  const { name, state, smart, temperatureC, temperatureLimitC } = disk;
  return {
    name,
    state,
    ...(smart?.smart && { smart: smart.smart }),
    ...(smart?.wear !== undefined && { wear: smart.wear }),
    ...(temperatureC !== undefined && { temperatureC: Math.round(temperatureC) }),
    ...(temperatureLimitC !== undefined && temperatureC !== undefined && { temperatureLimitC }),
    ...(load && { utilization: shortened(load.utilization), latencyMs: shortened(load.latencyMs) }),
  };
}

import { heartbeatVolumesMax, type Heartbeat, type VolumeStatus } from '../../core/status.ts';
import { hasError } from './filesystems.ts';
import { isJudged } from './metrics.ts';

/**
 * One write unit of the status table is 1,024 bytes of the whole item; beside the heartbeat the item has ids, times
 * and an epoch.
 */
export const heartbeatBytesMax = 850;
const filesystemsLeft = 2;
/** The one word of a heartbeat that looked at everything says that a counter which is not named stands at 0. */
const silentAtZero = new Set(['gateway.host.oom_kills', 'hw.memory.errors.uncorrected']);

/**
 * A heartbeat that costs one write unit where all is well: metrics that no condition is judged by go first, then
 * snapshot ids, then all but the two fullest file systems. Volumes and whatever is unwell are never left out, so a gateway
 * with many of them costs more: what is not reported could neither raise an alert nor resolve one. Above 32 volumes
 * the healthiest are not named.
 */
export function fitHeartbeat(heartbeat: Heartbeat): Heartbeat {
  let fitted = { ...heartbeat, volumes: mostUrgent(heartbeat.volumes) };
  const tooLarge = () => storedBytes(fitted) > heartbeatBytesMax;
  const keepMetrics = (isKept: (name: string, value: number) => boolean): void => {
    const metrics = Object.entries(fitted.metrics).filter(([name, value]) => isKept(name, value));
    fitted = { ...fitted, metrics: Object.fromEntries(metrics) };
  };
  const dropMetrics = (leave: number): void => {
    const names = Object.keys(fitted.metrics).filter((name) => !isJudged(name));
    while (tooLarge() && names.length > leave) {
      const last = names.pop();
      keepMetrics((name) => name !== last);
    }
  };
  if (fitted.checked?.includes('errors'))
    keepMetrics((name, value) => value !== 0 || !silentAtZero.has(name));
  dropMetrics(4);
  if (tooLarge()) {
    const volumes = fitted.volumes.map(({ lastSnapshotId: _id, ...volume }) => volume);
    fitted = { ...fitted, volumes };
  }
  if (tooLarge()) {
    const left = Math.max(filesystemsLeft, fitted.filesystems.filter(hasError).length);
    fitted = { ...fitted, filesystems: fitted.filesystems.slice(0, left) };
  }
  dropMetrics(0);
  return fitted;
}

function mostUrgent(volumes: readonly VolumeStatus[]): VolumeStatus[] {
  if (volumes.length <= heartbeatVolumesMax) return [...volumes];
  return [...volumes]
    .sort((a, b) => rank(a) - rank(b) || (a.lastSnapshotAt ?? 0) - (b.lastSnapshotAt ?? 0))
    .slice(0, heartbeatVolumesMax);
}

/** Those first that cannot be served, then those whose snapshots fail or are under way, then those with the oldest one. */
const rank = ({ state, failedSnapshots, upload }: VolumeStatus): number =>
  state !== 'healthy' ? 0 : failedSnapshots || upload ? 1 : 2;

/**
 * Bytes that DynamoDB counts for a value: names and texts in UTF-8, a number a byte for two digits and one more, 3 for
 * a map or list and 1 for each of its entries.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
 */
export function storedBytes(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (typeof value === 'number') return numberBytes(value);
  if (Array.isArray(value)) return value.reduce((sum: number, entry) => sum + 1 + storedBytes(entry), 3);
  if (typeof value === 'object' && value !== null) {
    let sum = 3;
    for (const [name, entry] of Object.entries(value)) {
      if (entry !== undefined) sum += 1 + Buffer.byteLength(name) + storedBytes(entry);
    }
    return sum;
  }
  return 1;
}

function numberBytes(value: number): number {
  const digits = String(value)
    .replace(/e.*$/, '')
    .replace(/[-.]/g, '')
    .replace(/^0+|0+$/g, '').length;
  return Math.ceil(digits / 2) + 1 + (value < 0 ? 1 : 0);
}

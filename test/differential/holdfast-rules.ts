import { planGateway } from '../../core/alerts/alert-plan.ts';
import { listed, settled } from '../../core/alerts/inhibition.ts';
import { emitted } from '../../core/alerts/lifecycle.ts';
import { observe } from '../../core/conditions/evaluate.ts';
import { isStale } from '../../core/conditions/signals.ts';
import type { AlertItem, StatusItem } from '../../core/model.ts';
import type { Heartbeat } from '../../core/status.ts';
import { conditionLimits as limits, gatewayItem, statusItem, t0, volume } from '../support/fleet.ts';
import { rowOf, type Recording } from './recordings.ts';
import type { Moment } from './rule-model.ts';

/** What the product's own conditions, plan and lifecycle make of a recording, looked at as the status proxy does. */
export function evaluated(recording: Recording, tickMs: number): Moment[] {
  const rows = [rowOf(recording)];
  let gateway = gatewayItem();
  let status: StatusItem | undefined;
  let item: AlertItem | undefined;
  return recording.reports.map((report, tick) => {
    const now = t0 + tick * tickMs;
    if (report === 'revoked') gateway = { ...gateway, status: 'revoked' };
    else if (report !== 'silent' && report !== 'unreached')
      status = statusItem({ receivedAt: now }, heartbeatWith(recording.conditionId, report));
    const open = item?.openShard === undefined ? [] : [item];
    const input = { gateway, status, now, limits, rows, open };
    const fresh = isStale(input) ? undefined : status;
    for (const { apply } of planGateway(gateway, open, observe(input), limits, { rows, fresh })) {
      const after = apply(item, now);
      if (after && (item || after.version > 0))
        item = told(settled(item, after, { by: undefined }, now), now);
    }
    return momentOf(item);
  });
}

function told(item: AlertItem, now: number): AlertItem {
  const next = emitted(item, new Set(item.outbox.map(({ eventId }) => eventId)), now);
  return next === item ? item : listed(next, now);
}

function momentOf(item: AlertItem | undefined): Moment {
  const { state = 'OK', pendingSince, episode = 0 } = item ?? {};
  return {
    state: states[state],
    ...(pendingSince !== undefined && { activeAt: pendingSince - t0 }),
    episode,
  };
}
const states: Record<AlertItem['state'], Moment['state']> = {
  OK: 'inactive',
  PENDING: 'pending',
  FIRING: 'firing',
  ACKED: 'firing',
  UNKNOWN: 'unknown',
  RESOLVED: 'inactive',
};

const metricOf: Readonly<Record<string, string>> = {
  MemoryHigh: 'system.memory.utilization',
  UploadBufferHigh: 'gateway.upload_buffer.utilization',
  CacheHitLow: 'gateway.cache.hit_ratio',
  PacketLoss: 'gateway.connection.loss',
  LinkLatency: 'gateway.connection.rtt',
};

/** A heartbeat from which the condition's signal reads the value. */
function heartbeatWith(conditionId: string, value: number | 'unreported'): Partial<Heartbeat> {
  const isReported = value !== 'unreported';
  if (conditionId === 'VolumeIrrecoverable') return { volumes: isReported ? [volumeWith(value)] : [] };
  if (conditionId === 'DiskHot')
    return {
      checked: ['heat'],
      ...(isReported && { disks: [{ name: 'sda', state: 'ok', temperatureC: 70 - value }] }),
    };
  const metric = metricOf[conditionId];
  if (metric === undefined) throw new Error(`no heartbeat is known to raise ${conditionId}`);
  return { metrics: isReported ? { [metric]: value } : {} };
}

const volumeWith = (value: number) =>
  value === 0
    ? volume()
    : volume(value === 1 ? { state: 'failed', failure: 'truncated' } : { state: 'restoring' });

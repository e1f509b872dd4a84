import type { ConditionLimits } from '../../core/conditions/signals.ts';
import type { GatewayItem, StatusItem } from '../../core/model.ts';
import type { Heartbeat, VolumeStatus } from '../../core/status.ts';

/** Gateways and their reports for tests of monitoring: everything is well unless the test says otherwise. */
export const minutes = 60_000;
export const hours = 60 * minutes;
export const t0 = Date.UTC(2026, 10, 22, 12);
export const conditionLimits: ConditionLimits = {
  heartbeatIntervalMs: 5 * minutes,
  reconnectWindowMs: 30_000,
  latestAgentVersion: '1.2.0',
};

export function gatewayItem(over: Partial<GatewayItem> = {}): GatewayItem {
  return {
    gatewayId: 'gw-1',
    tenantId: 'acme',
    status: 'active',
    publicKey: 'k',
    keyGeneration: 1,
    createdAt: t0 - 2 * hours,
    dialSeq: 7,
    route: {
      epoch: 7,
      cellId: 'cell-1',
      connectionId: 'c1',
      bootId: 'boot-1',
      journalId: 'j1',
      connectedAt: t0 - hours,
    },
    recentHellos: [t0 - hours],
    commandCounter: 0,
    grants: {},
    ...over,
  };
}

export function heartbeat(over: Partial<Heartbeat> = {}): Heartbeat {
  return {
    bootId: 'boot-1',
    seq: 12,
    sentAt: t0,
    agentVersion: '1.2.0',
    agentStartedAt: t0 - hours,
    metrics: { 'system.memory.utilization': 0.4 },
    filesystems: [{ mount: '/', sizeBytes: 1000, freeBytes: 500 }],
    volumes: [],
    ...over,
  };
}

export function statusItem(over: Partial<StatusItem> = {}, beat: Partial<Heartbeat> = {}): StatusItem {
  return {
    gatewayId: 'gw-1',
    tenantId: 'acme',
    heartbeat: heartbeat(beat),
    receivedAt: t0,
    clockSkewMs: 0,
    epoch: 7,
    cellId: 'cell-1',
    ...over,
  };
}

export const volume = (over: Partial<VolumeStatus> = {}): VolumeStatus => ({
  volumeId: 'vol-1',
  state: 'healthy',
  sizeBytes: 1 << 28,
  lastSnapshotId: 's1',
  lastSnapshotAt: t0 - hours,
  ...over,
});

/** What a store streams. */
export async function* streamOf<T>(items: readonly T[] | Promise<readonly T[]>): AsyncGenerator<T> {
  yield* await items;
}

/** The same in pages, as the fleet's tables are read. */
export async function* pagesOf<T>(items: readonly T[] | Promise<readonly T[]>): AsyncGenerator<readonly T[]> {
  yield await items;
}

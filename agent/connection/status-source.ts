import type { Heartbeat, Inventory, VolumeStatus } from '../../core/status.ts';
import type { VolumeService } from '../ports.ts';
import { createStatusCollector } from '../status/collector.ts';
import type { Watched } from '../status/crossings.ts';
import { linuxHost } from '../status/host.ts';
import { servePrometheus, type PrometheusEndpoint } from '../status/prometheus.ts';
import type { Spool } from '../status/spool.ts';
import { volumeStatusOf } from '../status/volume-status.ts';
import { agentVersion } from '../version.ts';
import type { Link } from './link.ts';

export interface StatusSource {
  heartbeat(): Promise<Heartbeat>;
  inventory(): Promise<Inventory>;
  /** What is watched between heartbeats. */
  watch(): Promise<Watched>;
  serveMetrics(port: number): Promise<PrometheusEndpoint>;
}

/** Status of this host and of the agent's own parts. */
export function makeStatusSource(parts: {
  bootId: string;
  startedAt: number;
  volumes: VolumeService;
  spool: Spool;
  link: Link;
  /** The longest time between two heartbeats. */
  intervalMs: () => number;
}): StatusSource {
  const { bootId, startedAt, volumes, spool, link } = parts;
  const collector = createStatusCollector({
    host: linuxHost(),
    versions: { agentVersion, nodeVersion: process.version, arch: process.arch },
    bootId,
    agentStartedAt: startedAt,
  });
  return {
    heartbeat: () =>
      collector.heartbeat({
        volumes: volumeStatuses(volumes),
        metrics: connectionMetrics(link),
        droppedHeartbeats: spool.dropped,
        intervalMs: parts.intervalMs(),
      }),
    inventory: () => collector.inventory(),
    watch: () => collector.watch(volumeStatuses(volumes)),
    serveMetrics: (port) => servePrometheus({ port, collector }),
  };
}

const volumeStatuses = (volumes: VolumeService): VolumeStatus[] =>
  volumes.list().map((info) => volumeStatusOf(info));

/** How good the connection is; planned rollovers are no losses. */
function connectionMetrics(link: Link): Record<string, number> {
  const { rttMs, losses, clockOffsetMs } = link.view();
  return {
    ...(rttMs === undefined ? {} : { 'gateway.connection.rtt': rttMs }),
    'gateway.connection.reconnects': losses,
    'gateway.clock.offset': clockOffsetMs,
  };
}

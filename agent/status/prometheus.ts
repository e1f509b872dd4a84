import { createServer, type Server } from 'node:http';
import { HoldfastError } from '../../core/errors.ts';
import type { StatusCollector } from './collector.ts';
import { metricHelp } from './metrics.ts';

export interface Series {
  name: string;
  help?: string;
  type: 'gauge' | 'counter';
  samples: { labels?: Record<string, string>; value: number }[];
}

/** https://prometheus.io/docs/instrumenting/exposition_formats/ (text, version 0.0.4). */
export function renderPrometheus(series: readonly Series[]): string {
  return series
    .map(({ name, help, type, samples }) => {
      const exposed = name.replace(/[^a-zA-Z0-9_:]/g, '_');
      const head =
        help === undefined ? [] : [`# HELP ${exposed} ${help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')}`];
      const lines = samples.map(
        ({ labels, value }) => `${exposed}${labelsText(labels)} ${numberText(value)}`,
      );
      return [...head, `# TYPE ${exposed} ${type}`, ...lines, ''].join('\n');
    })
    .join('');
}

function labelsText(labels: Record<string, string> = {}): string {
  const pairs = Object.entries(labels).map(([name, value]) => {
    const escaped = value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');
    return `${name}="${escaped}"`;
  });
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  return Number.isFinite(value) ? String(value) : value > 0 ? '+Inf' : '-Inf';
}

/** Everything of the last heartbeat, and by disk, interface, file system and volume what it only sums up. */
export function seriesOf(latest: ReturnType<StatusCollector['latest']>): Series[] {
  if (!latest) return [];
  const { heartbeat, sample } = latest;
  const gauges = Object.entries(heartbeat.metrics).map(([name, value]): Series => ({
    name,
    help: metricHelp.get(name),
    type: 'gauge',
    samples: [{ value }],
  }));
  const counter = <T>(
    name: string,
    of: readonly T[],
    label: (one: T) => Record<string, string>,
    value: (one: T) => number,
  ): Series => ({
    name,
    type: 'counter',
    samples: of.map((one) => ({ labels: label(one), value: value(one) })),
  });
  const gauge: typeof counter = (...args) => ({ ...counter(...args), type: 'gauge' });
  const device = ({ name }: { name: string }) => ({ device: name });
  const mount = (fs: { mount: string }) => ({ mountpoint: fs.mount });
  const volume = (v: { volumeId: string }) => ({ volume: v.volumeId });
  const { disks, network } = sample;
  const restoring = heartbeat.volumes.filter(({ restore }) => restore !== undefined);
  return [
    ...gauges,
    gauge('system.filesystem.size_bytes', heartbeat.filesystems, mount, (fs) => fs.sizeBytes),
    gauge('system.filesystem.free_bytes', heartbeat.filesystems, mount, (fs) => fs.freeBytes),
    counter('system.disk.reads_total', disks, device, (d) => d.reads),
    counter('system.disk.writes_total', disks, device, (d) => d.writes),
    counter('system.disk.busy_ms_total', disks, device, (d) => d.busyMs),
    counter('system.network.received_bytes_total', network, device, (n) => n.receivedBytes),
    counter('system.network.sent_bytes_total', network, device, (n) => n.sentBytes),
    counter('system.network.errors_total', network, device, (n) => n.errors),
    counter('system.network.dropped_total', network, device, (n) => n.dropped),
    gauge('gateway.volume.healthy', heartbeat.volumes, volume, (v) => (v.state === 'healthy' ? 1 : 0)),
    gauge('gateway.volume.size_bytes', heartbeat.volumes, volume, (v) => v.sizeBytes),
    gauge('gateway.restore.progress', restoring, volume, (v) => v.restore!.fraction),
  ].filter(({ samples }) => samples.length > 0);
}

export interface PrometheusEndpoint {
  url: string;
  close(): Promise<void>;
}

/** `GET /metrics` on 127.0.0.1; port 0 takes a free one. Throws BUSY (port taken), CONFIG. */
export async function servePrometheus(options: {
  port: number;
  collector: StatusCollector;
}): Promise<PrometheusEndpoint> {
  const server = createServer({ requestTimeout: 5_000 }, (request, response) => {
    request.resume();
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('GET /metrics\n');
      return;
    }
    const text = renderPrometheus(seriesOf(options.collector.latest()));
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text);
  });
  server.maxConnections = 16;
  await listenOnLoopback(server, options.port);
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : options.port;
  return {
    url: `http://127.0.0.1:${port}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listenOnLoopback(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const busy = cause.code === 'EADDRINUSE';
      reject(
        new HoldfastError(
          busy ? 'BUSY' : 'CONFIG',
          `cannot serve metrics on port ${port}: ${cause.message}`,
          {
            hint: 'choose another port',
            cause,
          },
        ),
      );
    });
    server.listen({ port, host: '127.0.0.1' }, resolve);
  });
}

import { createServer, type Server } from 'node:http';
import { HoldfastError } from '../../core/errors.ts';
import type { StatusCollector } from './collector.ts';
import { seriesOf } from './prometheus-series.ts';

export interface Series {
  name: string;
  help: string;
  type: 'gauge' | 'counter';
  samples: { labels?: Record<string, string>; value: number }[];
}

/** https://prometheus.io/docs/instrumenting/exposition_formats/ (text, version 0.0.4). */
export function renderPrometheus(series: readonly Series[]): string {
  return series
    .map(({ name, help, type, samples }) => {
      const exposed = name.replace(/[^a-zA-Z0-9_:]/g, '_');
      const head = `# HELP ${exposed} ${help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')}`;
      const lines = samples.map(
        ({ labels, value }) => `${exposed}${labelsText(labels)} ${numberText(value)}`,
      );
      return [head, `# TYPE ${exposed} ${type}`, ...lines, ''].join('\n');
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

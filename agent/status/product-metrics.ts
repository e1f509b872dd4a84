import { folderMetrics } from './metrics-folder.ts';
import type { MetricAbout } from './metrics.ts';

/** Metrics of a heartbeat that the product's own parts measure, not the host. */
const own: readonly (MetricAbout & { name: string })[] = [
  {
    name: 'gateway.connection.loss',
    help: 'Pings without an answer or TCP segments sent again, whichever share is greater, 0 to 1',
  },
  {
    name: 'gateway.connection.rtt',
    help: 'Round trip over the connection to the control plane, the middle one of the last pings',
    unit: 'ms',
  },
  {
    name: 'gateway.connection.reconnects',
    help: 'Connections to the control plane that were lost since the agent started',
    unit: 'counter',
  },
  {
    name: 'gateway.clock.offset',
    help: 'Clock of the control plane minus that of the host',
    unit: 'ms',
  },
];

export const productMetricAbout: ReadonlyMap<string, MetricAbout> = new Map(
  [...own, ...folderMetrics].map((metric) => [metric.name, metric]),
);

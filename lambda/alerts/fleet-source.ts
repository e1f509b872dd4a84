import type { conditionSettingsTable, gatewaysTable, statusTable } from '../aws/tables.ts';
import { collect } from '../aws/collect.ts';
import type { FleetSource } from './tick.ts';

/** The whole fleet, each table read in `segments` parallel scans (1 serves 10,000 gateways, 4 serve 100,000). */
export function dynamoFleet(
  tables: {
    gateways: ReturnType<typeof gatewaysTable>;
    status: ReturnType<typeof statusTable>;
    settings?: ReturnType<typeof conditionSettingsTable>;
  },
  segments: number,
): FleetSource {
  const shares = Array.from({ length: segments }, (_, index) => ({ index, count: segments }));
  return {
    statuses: async () =>
      (await Promise.all(shares.map((segment) => collect(tables.status.scan({ segment }))))).flat(),
    gateways: async () =>
      (await Promise.all(shares.map((segment) => collect(tables.gateways.scan({ segment }))))).flat(),
    settings: () => (tables.settings ? collect(tables.settings.scan()) : Promise.resolve([])),
  };
}

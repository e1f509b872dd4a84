import { Roster } from '../../core/alerts/roster.ts';
import { collect } from '../aws/collect.ts';
import type { conditionSettingsTable, gatewaysTable, statusTable } from '../aws/tables.ts';
import { gatewayChanges } from './gateway-changes.ts';
import type { FleetSource } from './ports.ts';

/** Fewer gateways are read by one scan; each scan more reads this many more. */
const gatewaysPerSegment = 25_000;
const segmentsMax = 32;

/** Parallel scans for a fleet of this size: 1 serves 10,000 gateways, 4 serve 100,000, 32 serve 800,000 and more. */
export const segmentsFor = (gatewayCount: number): number =>
  Math.min(segmentsMax, Math.max(1, Math.ceil(gatewayCount / gatewaysPerSegment)));

/**
 * The whole fleet, streamed. Each table is read in so many parallel scans as its size asked for when the gateways were
 * read last; what they bring comes in no order.
 */
export function dynamoFleet(tables: {
  gateways: ReturnType<typeof gatewaysTable>;
  status: ReturnType<typeof statusTable>;
  settings?: ReturnType<typeof conditionSettingsTable>;
}): FleetSource {
  let gatewayCount = 0;
  const shares = () => {
    const count = segmentsFor(gatewayCount);
    return Array.from({ length: count }, (_, index) => ({ index, count }));
  };
  return {
    roster: new Roster(),
    changes: gatewayChanges(tables.gateways),
    gateways: async function* () {
      let found = 0;
      for await (const page of merged(shares().map((segment) => tables.gateways.scanPages({ segment })))) {
        found += page.length;
        yield page;
      }
      gatewayCount = found;
    },
    statuses: () => merged(shares().map((segment) => tables.status.scanPages({ segment }))),
    settings: () => (tables.settings ? collect(tables.settings.scan()) : Promise.resolve([])),
  };
}

/** Pages that are read and not yet taken, of all streams together. */
const aheadMax = 2;

/** What several streams bring, as it comes. */
export async function* merged<T>(streams: readonly AsyncIterable<T>[]): AsyncGenerator<T> {
  const [only, ...others] = streams;
  if (only && others.length === 0) return yield* only;
  let ready: T[] = [];
  let wake = Promise.withResolvers<void>();
  let room = Promise.withResolvers<void>();
  const pump = async (stream: AsyncIterable<T>): Promise<void> => {
    for await (const item of stream) {
      ready.push(item);
      wake.resolve();
      if (ready.length >= aheadMax) await room.promise;
    }
  };
  let isOver = false;
  const all = Promise.all(streams.map(pump)).finally(() => {
    isOver = true;
    wake.resolve();
  });
  // It is awaited at the end; until then a failure is not unheard of, only not yet told.
  all.catch(() => undefined);
  while (!isOver || ready.length > 0) {
    await wake.promise;
    const taken = ready;
    ready = [];
    if (!isOver) wake = Promise.withResolvers();
    room.resolve();
    room = Promise.withResolvers();
    yield* taken;
  }
  await all;
}

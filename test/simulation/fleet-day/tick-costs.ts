import { attributeNames } from '../../../core/patterns/attributes.ts';
import { breakdownEveryMs } from '../../../core/patterns/breakdown.ts';
import { windowsMs } from '../../../core/patterns/fleet.ts';
import { newsShards } from '../../../core/routes/gateway-news.ts';
import { wholeEveryMs } from '../../../lambda/alerts/read-fleet.ts';
import type { CostParameters } from './cost-model.ts';
import { functionTimes } from './functions.ts';
import type { PatternBytes } from './metered-detector.ts';
import { newsEntryBytes, tableTimes } from './metered-stores.ts';
import type { Prices } from './prices.ts';
import { serviceTimes } from './service-times.ts';
import { logEventBytes, readUnitsOf, writeUnitsOf, type Usage } from './usage-meter.ts';

const tickGb = 0.5;
const proxyGb = 1;
const openShards = 8;
export const minutesPerMonth = 30 * 24 * 60;
/** What the three ticks write to the log, measured, without what CloudWatch adds to each line. */
const tickLines = { count: 3, bytes: 850 } as const;

/**
 * The Patterns table's items in a fleet of this size, measured with what `simulate:tick` makes up: 1,100 values that
 * customers have in common at 10,000 gateways, 3,000 at 100,000, and 4,000 are kept at most. A history is taken to know
 * twelve conditions of each value, a breakdown lists 200 values at most.
 */
export function patternBytesOf(gateways: number): PatternBytes {
  const values = Math.min(4_000, 18 * gateways ** 0.45);
  return { detector: 900, history: 700 * values, breakdown: Math.min(20_000, 180 * values ** 0.51) };
}

/** A connection that is lost is news, and so is the one that follows it. */
const newsPerLoss = 2;

/** What one look at the fleet reads of its tables: all statuses, all gateways once an hour, and those with news. */
export const scannedUnits = ({ gateways, itemBytes, lossesPerMonth }: CostParameters) => {
  const news = (gateways * lossesPerMonth * newsPerLoss) / minutesPerMonth;
  return {
    status: readUnitsOf(itemBytes.status * gateways, false),
    gateways:
      (readUnitsOf(itemBytes.gateway * gateways, false) * 60_000) / wholeEveryMs +
      newsShards.length * readUnitsOf(0, false) +
      news * readUnitsOf(itemBytes.gateway, false),
  };
};
/** News move their entry in the index: one is deleted and one is put. */
const newsWrites = ({ gateways, lossesPerMonth }: CostParameters): number =>
  ((gateways * lossesPerMonth * newsPerLoss) / minutesPerMonth) * 2 * writeUnitsOf(newsEntryBytes);
const proxyGbSeconds = (gateways: number): number =>
  ((functionTimes.ownMs + serviceTimes.proxyMsPerGateway * gateways) / 1_000) * proxyGb;
/** Each minute the detector's state; each 5 and 15 minutes more. */
const patternUnits = ({ itemBytes: { detector, history, breakdown } }: CostParameters) => ({
  read: readUnitsOf(detector),
  written:
    writeUnitsOf(detector) +
    (attributeNames.length * writeUnitsOf(breakdown) * 60_000) / breakdownEveryMs +
    (writeUnitsOf(history) * 60_000) / windowsMs[0],
});

/**
 * Each minute: the proxy scans statuses and asks for news of gateways, it and the sweeper ask their eight shards, the detector's memory is
 * read and written, and somebody asks whether any lane of a subscription waits.
 */
export function ofTick(parameters: CostParameters): Partial<Usage> {
  const scanned = scannedUnits(parameters);
  const patterns = patternUnits(parameters);
  const waitsMs = functionTimes.ownMs + 8 * tableTimes.queryMs + functionTimes.ownMs + tableTimes.queryMs;
  return {
    invocations: 3,
    gbSeconds: (waitsMs * tickGb) / 1_000 + proxyGbSeconds(parameters.gateways),
    readUnits:
      scanned.status + scanned.gateways + (2 * openShards + 1) * readUnitsOf(0, false) + patterns.read,
    writeUnits: patterns.written + newsWrites(parameters),
    logBytes: tickLines.bytes + tickLines.count * logEventBytes,
    accessLogBytes: 0,
  };
}

/** What looking at one gateway costs: read units a tick, and dollars a month. */
export interface ScanCost {
  gateways: number;
  unitsPerTick: { status: number; gateways: number; other: number; sum: number };
  dollars: { scans: number; news: number; time: number; patterns: number; sum: number };
}

export function scanCostOf(parameters: CostParameters, prices: Prices): ScanCost {
  const { gateways } = parameters;
  const [scanned, patterns] = [scannedUnits(parameters), patternUnits(parameters)];
  const per = (ofFleet: number): number => ofFleet / gateways;
  const other = openShards * readUnitsOf(0, false) + patterns.read;
  const monthly = (ofTickDollars: number): number => per(ofTickDollars * minutesPerMonth);
  const scans = monthly((scanned.status + scanned.gateways + other) * prices.readUnit);
  const time = monthly(proxyGbSeconds(gateways) * prices.gbSecond + prices.invocation);
  const written = monthly(patterns.written * prices.writeUnit);
  const news = monthly(newsWrites(parameters) * prices.writeUnit);
  return {
    gateways,
    unitsPerTick: {
      status: per(scanned.status),
      gateways: per(scanned.gateways),
      other: per(other),
      sum: per(scanned.status + scanned.gateways + other),
    },
    dollars: { scans, news, time, patterns: written, sum: scans + news + time + written },
  };
}

export const scanSizes = [10_000, 100_000, 1_000_000] as const;

/** Head and rows of the table, for fleets side by side. */
export function scanRows(costs: readonly ScanCost[]): [head: string[], ...rows: string[][]] {
  const row = (name: string, digits: number, of: (cost: ScanCost) => number): string[] => [
    name,
    ...costs.map((cost) => of(cost).toFixed(digits)),
  ];
  return [
    ['a gateway', ...costs.map(({ gateways }) => `of ${gateways.toLocaleString('en')}`)],
    row('read units a tick: statuses', 4, ({ unitsPerTick }) => unitsPerTick.status),
    row('gateways', 4, ({ unitsPerTick }) => unitsPerTick.gateways),
    row('open alerts, detector', 4, ({ unitsPerTick }) => unitsPerTick.other),
    row('read units a tick, in all', 4, ({ unitsPerTick }) => unitsPerTick.sum),
    row('$ a month: reads', 5, ({ dollars }) => dollars.scans),
    row('news in their index', 5, ({ dollars }) => dollars.news),
    row('the proxy’s time', 5, ({ dollars }) => dollars.time),
    row('what the detector writes', 5, ({ dollars }) => dollars.patterns),
    row('$ a month, in all', 5, ({ dollars }) => dollars.sum),
  ];
}

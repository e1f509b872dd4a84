import type { Usage } from './usage-meter.ts';

/**
 * AWS list prices in US dollars, us-east-1, first tier, without free tiers and discounts; docs/cost.md has the sources.
 * Another region is another table.
 */
export interface Prices {
  region: string;
  asOf: string;
  /** API Gateway WebSocket, per unit. */
  message: number;
  connectionMinute: number;
  /** Lambda on arm64. */
  invocation: number;
  gbSecond: number;
  /** DynamoDB on demand. */
  readUnit: number;
  writeUnit: number;
  tableGbMonth: number;
  backupGbMonth: number;
  /** CloudWatch. */
  logByte: number;
  logGbMonth: number;
  alarmMonth: number;
}

const million = 1e6;
const gb = 1e9;
export const usEast1: Prices = {
  region: 'us-east-1',
  asOf: '2026-11-29',
  message: 1 / million,
  connectionMinute: 0.25 / million,
  invocation: 0.2 / million,
  gbSecond: 0.0000133334,
  readUnit: 0.125 / million,
  writeUnit: 0.625 / million,
  tableGbMonth: 0.25,
  backupGbMonth: 0.2,
  logByte: 0.5 / gb,
  logGbMonth: 0.03,
  alarmMonth: 0.1,
};

/** The lines of the bill. */
export const billItems = [
  'messages',
  'connectionMinutes',
  'invocations',
  'lambdaTime',
  'tableReads',
  'tableWrites',
  'logs',
  'storage',
  'alarms',
] as const;
export type Bill = Record<(typeof billItems)[number], number>;

/** What does not come with use: what is kept, and alarms. Per gateway and month. */
export interface Standing {
  tableBytes: number;
  /** Log bytes that are kept at any time, compressed. */
  keptLogBytes: number;
  alarms: number;
}

/** What so much use costs. */
export const billOf = (usage: Usage, standing: Standing, prices: Prices): Bill => ({
  messages: usage.messages * prices.message,
  connectionMinutes: usage.connectionMinutes * prices.connectionMinute,
  invocations: usage.invocations * prices.invocation,
  lambdaTime: usage.gbSeconds * prices.gbSecond,
  tableReads: usage.readUnits * prices.readUnit,
  tableWrites: usage.writeUnits * prices.writeUnit,
  logs: (usage.logBytes + usage.accessLogBytes) * prices.logByte,
  storage:
    (standing.tableBytes * (prices.tableGbMonth + prices.backupGbMonth) +
      standing.keptLogBytes * prices.logGbMonth) /
    gb,
  alarms: standing.alarms * prices.alarmMonth,
});

export const sumOf = (bill: Bill): number => billItems.reduce((sum, item) => sum + bill[item], 0);

import { rollupKinds, type RollupKind } from '../../../core/rollups/rollup.ts';
import { functionTimes } from './functions.ts';
import { tableTimes } from './metered-stores.ts';
import { serviceTimes } from './service-times.ts';
import type { PatternBytes } from './metered-detector.ts';
import { minutesPerMonth, ofTick, patternBytesOf } from './tick-costs.ts';
import { billOf, type Bill, type Prices, type Standing } from './prices.ts';
import { logEventBytes, noUsage, readUnitsOf, writeUnitsOf, type Usage } from './usage-meter.ts';

/** What a fleet's bill follows from. */
export interface CostParameters {
  gateways: number;
  heartbeatIntervalMs: number;
  /** Of the whole fleet. */
  commandsPerMinute: number;
  /** Of them, those that wait for `cmd.go`. */
  needsGoShare: number;
  cells: number;
  /** Of one gateway: connections that are lost, and taken up again. */
  lossesPerMonth: number;
  /** Bytes of items as DynamoDB counts them. */
  itemBytes: {
    gateway: number;
    status: number;
    command: number;
    halfHour: number;
    day: number;
  } & PatternBytes;
}
export const costDefaults: CostParameters = {
  gateways: 10_000,
  heartbeatIntervalMs: 300_000,
  commandsPerMinute: 20,
  needsGoShare: 0.4,
  cells: 2,
  lossesPerMonth: 4,
  itemBytes: {
    gateway: 725,
    status: 1_000,
    command: 800,
    halfHour: 900,
    day: 3_200,
    ...patternBytesOf(10_000),
  },
};

/** The same for a fleet of another size: what is remembered of its patterns grows with it. */
export const costOf = (gateways: number): CostParameters => ({
  ...costDefaults,
  gateways,
  itemBytes: { ...costDefaults.itemBytes, ...patternBytesOf(gateways) },
});

/** Rollovers are uniform between 90 and 110 minutes. */
const connectionMinutes = 100;
const ingestGb = 0.5;

/** What functions write about one thing, in all its runs; measured, without what CloudWatch adds to each line. */
const lines = {
  status: { count: 1, bytes: 390 },
  connection: { count: 7, bytes: 2_229 },
  command: { count: 10, bytes: 2_800 },
} as const;
/** Entries of the audit trail: of a submit, and of an end. */
const auditBytes = { submit: 700, final: 1_000 } as const;
/** API Gateway's line about a request. */
const accessLineBytes = 223;

/** Alarms of lib/: of home, and of each cell. */
export const alarmCounts = { home: 45, cell: 25 } as const;
/** What is kept for a gateway beside its status and its own item: inventory, holder row, entries of indexes. */
const otherTableBytes = 1_500;
/** CloudWatch keeps logs compressed. */
const compressed = 0.15;

/** Times that a run waits for: `r` reads, `w` writes, `q` queries, `p` posts. */
const runMs = (waits: { r?: number; w?: number; q?: number; p?: number }): number =>
  functionTimes.ownMs +
  (waits.r ?? 0) * tableTimes.readMs +
  (waits.w ?? 0) * tableTimes.writeMs +
  (waits.q ?? 0) * tableTimes.queryMs +
  (waits.p ?? 0) * serviceTimes.postMs;

const lambda = (...ms: number[]): Pick<Usage, 'invocations' | 'gbSeconds'> => ({
  invocations: ms.length,
  gbSeconds: (ms.reduce((sum, each) => sum + each, 0) / 1_000) * ingestGb,
});
const logged = (of: { count: number; bytes: number }, requests: number) => ({
  logBytes: of.bytes + of.count * logEventBytes,
  accessLogBytes: requests * accessLineBytes,
});

/** A beat: one frame, one read of the gateway's item, one write. */
const ofStatus = ({ itemBytes }: CostParameters): Partial<Usage> => ({
  messages: 1,
  ...lambda(runMs({ r: 1, w: 1 })),
  readUnits: readUnitsOf(itemBytes.gateway),
  writeUnits: writeUnitsOf(itemBytes.status),
  ...logged(lines.status, 1),
});

/** A rollup comes with a beat: one more write, for which the beat's run waits. */
const ofRollup = (bytes: number): Partial<Usage> => ({
  gbSeconds: (tableTimes.writeMs / 1_000) * ingestGb,
  writeUnits: writeUnitsOf(bytes),
});

/** A rollover: authorizer, $connect, hello, $disconnect; `hello`, `welcome` and `superseded`. */
function ofConnection({ itemBytes }: CostParameters): Partial<Usage> {
  const authorizerMs = runMs({ r: 1, w: 1 }) + serviceTimes.verifyMs;
  return {
    messages: 3,
    ...lambda(authorizerMs, runMs({}), runMs({ r: 3, w: 2, q: 2, p: 1 }), runMs({ r: 2 })),
    readUnits: 4 * readUnitsOf(itemBytes.gateway) + 4,
    writeUnits: 2 * writeUnitsOf(itemBytes.gateway) + 1,
    ...logged(lines.connection, 3),
  };
}

/** A command: `cmd`, `cmd.ack`, `cmd.result`, `result.ack`, and with a start grant `cmd.go`; the API, Deliver and two reports. */
function ofCommand({ itemBytes, needsGoShare: go }: CostParameters): Partial<Usage> {
  const deliverMs = runMs({ r: 1, p: 1 });
  const submitMs = runMs({ r: 2, w: 4, q: 1 }) + serviceTimes.invokeMs + deliverMs;
  const ackMs = runMs({ r: 2, w: 1 + go, q: 1, p: go });
  const resultMs = runMs({ r: 2, w: 3 + go, q: 1, p: 1 });
  // Created, claimed, acked, final: each in the table and in two indexes of whole items; settled: in one of these. In the
  // sweeper's index it comes, moves twice, moves at its end unless it is due soon anyway, and goes.
  const commandWrites = (4 * 3 + 2) * writeUnitsOf(itemBytes.command) + 6 + 2 * (1 - go);
  // Submit and end, each in the table and whole in the index by gateway.
  const auditWrites = 2 * (writeUnitsOf(auditBytes.submit) + writeUnitsOf(auditBytes.final));
  return {
    messages: 4 + go,
    ...lambda(submitMs, deliverMs, ackMs, resultMs),
    readUnits: 10,
    writeUnits: (1 + 2 * go) * writeUnitsOf(itemBytes.gateway) + commandWrites + auditWrites,
    ...logged(lines.command, 2),
  };
}

/** What one gateway uses in a month of 30 days. */
export function usageOf(parameters: CostParameters): Usage {
  const { gateways, heartbeatIntervalMs, commandsPerMinute } = parameters;
  const connections = minutesPerMonth / connectionMinutes;
  // A connection begins with a beat, which is half an interval early on average.
  const beats = (minutesPerMonth * 60_000) / heartbeatIntervalMs + connections / 2;
  const usage: Usage = { ...noUsage(), connectionMinutes: minutesPerMonth };
  const add = (times: number, of: Partial<Usage>) => {
    for (const [what, amount] of Object.entries(of)) usage[what as keyof Usage] += times * amount;
  };
  add(beats, ofStatus(parameters));
  for (const [kind, bytes] of rollupsOf(parameters))
    add((minutesPerMonth * 60_000) / rollupKinds[kind].spanMs, ofRollup(bytes));
  add(connections, ofConnection(parameters));
  add((commandsPerMinute * minutesPerMonth) / gateways, ofCommand(parameters));
  add(minutesPerMonth / gateways, ofTick(parameters));
  return usage;
}

const rollupsOf = ({ itemBytes }: CostParameters): [RollupKind, number][] => [
  ['half-hour', itemBytes.halfHour],
  ['day', itemBytes.day],
];

export function standingOf(parameters: CostParameters, usage: Usage): Standing {
  const { gateways, cells, itemBytes } = parameters;
  const rollupBytes = rollupsOf(parameters).reduce(
    (sum, [kind, bytes]) => sum + (rollupKinds[kind].keptMs / rollupKinds[kind].spanMs) * bytes,
    0,
  );
  return {
    tableBytes: itemBytes.gateway + itemBytes.status + otherTableBytes + rollupBytes,
    keptLogBytes: compressed * (usage.logBytes + usage.accessLogBytes),
    alarms: (alarmCounts.home + cells * alarmCounts.cell) / gateways,
  };
}

/** Dollars for one gateway and a month of 30 days. */
export function modelBill(parameters: CostParameters, prices: Prices): Bill {
  const usage = usageOf(parameters);
  return billOf(usage, standingOf(parameters, usage), prices);
}

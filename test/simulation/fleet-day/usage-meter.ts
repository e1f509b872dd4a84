import { storedBytes } from '../../../agent/status/fit-heartbeat.ts';

/** What AWS bills for, in its own units. */
export interface Usage {
  /** API Gateway: WebSocket messages of up to 32 KB, in both directions. */
  messages: number;
  connectionMinutes: number;
  /** Lambda: runs, and time × memory. */
  invocations: number;
  gbSeconds: number;
  /** DynamoDB on demand. */
  readUnits: number;
  writeUnits: number;
  /** CloudWatch Logs: what functions write, and API Gateway's line for each request. */
  logBytes: number;
  accessLogBytes: number;
}
export const noUsage = (): Usage => ({
  messages: 0,
  connectionMinutes: 0,
  invocations: 0,
  gbSeconds: 0,
  readUnits: 0,
  writeUnits: 0,
  logBytes: 0,
  accessLogBytes: 0,
});

/** What the usage is for. */
export const parts = ['connections', 'status', 'commands', 'schedules'] as const;
export type Part = (typeof parts)[number];

/** Adds up while it runs. */
export class Meter {
  readonly byPart: Record<Part, Usage> = {
    connections: noUsage(),
    status: noUsage(),
    commands: noUsage(),
    schedules: noUsage(),
  };
  isOn = false;

  add(part: Part, what: keyof Usage, amount: number): void {
    if (this.isOn) this.byPart[part][what] += amount;
  }

  total(): Usage {
    const sum = noUsage();
    for (const part of parts)
      for (const what of Object.keys(sum) as (keyof Usage)[]) sum[what] += this.byPart[part][what];
    return sum;
  }
}

/** CloudWatch counts so much beside each line. */
export const logEventBytes = 26;

/** Bytes that DynamoDB counts for a whole item. */
export function itemBytes(item: object | undefined): number {
  if (!item) return 0;
  let sum = 0;
  for (const [name, value] of Object.entries(item))
    if (value !== undefined) sum += Buffer.byteLength(name) + storedBytes(value);
  return sum;
}

/** A strong read of so many bytes; half of it where it need not be strong. Nothing read costs as one unit. */
export const readUnitsOf = (bytes: number, isStrong = true): number =>
  Math.max(1, Math.ceil(bytes / 4_096)) * (isStrong ? 1 : 0.5);

/** A write costs by the larger of the item before and after, also where its condition fails. */
export const writeUnitsOf = (...bytes: number[]): number =>
  Math.max(1, Math.ceil(Math.max(...bytes) / 1_024));

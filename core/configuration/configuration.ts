import { z } from 'zod';
import { isTimeZone, weekdays } from './windows.ts';

/**
 * What people set a gateway to. Every setting is optional; what is left away is as the agent or the deployment has it.
 * One schema serves the API, which refuses, and the agent, which may be older and then refuses what it does not know.
 */
export const configurationLimits = {
  heartbeatIntervalMinMs: 60_000,
  /** API Gateway closes a connection that is idle for 10 min. */
  heartbeatIntervalMaxMs: 9 * 60_000,
  bandwidthWindowsMax: 16,
  maintenanceWindowsMax: 8,
  bytesPerSecMin: 1024,
} as const;

const timeOfDay = (pattern: RegExp, last: string) =>
  z.string().regex(pattern, `a time of day from 00:00 to ${last}`);
const windowFields = {
  /** Of the day on which the window begins. */
  days: z
    .array(z.enum(weekdays))
    .min(1)
    .max(weekdays.length)
    .refine((days) => new Set(days).size === days.length, 'each day once'),
  from: timeOfDay(/^([01]\d|2[0-3]):[0-5]\d$/, '23:59'),
  /** Not after `from`: of the next day. */
  to: timeOfDay(/^(([01]\d|2[0-3]):[0-5]\d|24:00)$/, '24:00'),
};
const isLong = ({ from, to }: { from: string; to: string }): boolean => from !== to;
const tooShort = { message: 'it begins when it ends; a whole day is 00:00 to 24:00', path: ['to'] };
/** A window of the week. */
export const timeWindowSchema = z.strictObject(windowFields).refine(isLong, tooShort);
/** An IANA name. */
export const timeZoneSchema = z.string().max(64).refine(isTimeZone, 'a time zone such as Europe/Oslo');

export const configurationSchema = z.strictObject({
  /** In which the windows are meant. @default UTC */
  timeZone: timeZoneSchema.optional(),
  /** The longest time between two statuses. @default - the deployment's */
  heartbeatIntervalMs: z
    .number()
    .int()
    .min(configurationLimits.heartbeatIntervalMinMs)
    .max(configurationLimits.heartbeatIntervalMaxMs)
    .optional(),
  /** Least level of the agent's log. @default - what its command line says */
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).optional(),
  /** What restores' backgrounds may take together; the first window that holds counts. @default - no limit */
  restoreBandwidth: z
    .array(
      z
        .strictObject({
          ...windowFields,
          bytesPerSec: z.number().int().min(configurationLimits.bytesPerSecMin),
        })
        .refine(isLong, tooShort),
    )
    .min(1)
    .max(configurationLimits.bandwidthWindowsMax)
    .optional(),
  /** When work on the gateway is expected. @default - never */
  maintenance: z.array(timeWindowSchema).min(1).max(configurationLimits.maintenanceWindowsMax).optional(),
});
export type Configuration = z.infer<typeof configurationSchema>;
export type BandwidthWindow = NonNullable<Configuration['restoreBandwidth']>[number];

/** `ifVersion`: CONFLICT unless this version is the desired one; 0: unless there is none. */
export const putConfigurationSchema = z.strictObject({
  configuration: configurationSchema,
  ifVersion: z.number().int().nonnegative().optional(),
});

/** Whether both say the same: the order of keys is none of it. */
export function isSameConfiguration(a: unknown, b: unknown): boolean {
  const [one, other] = [a, b].map((each) => configurationSchema.safeParse(each));
  return Boolean(one?.success && other?.success && JSON.stringify(one.data) === JSON.stringify(other.data));
}

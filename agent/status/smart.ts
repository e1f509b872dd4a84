import { z } from 'zod';
import type { DiskStatus } from '../../core/status.ts';
import { plausibleLimitC } from './disk-look.ts';

/** What a disk says about itself, as far as it says so. Counts are over its life. */
export type SmartFacts = Pick<DiskStatus, 'smart' | 'wear' | 'temperatureC' | 'temperatureLimitC'>;
type SmartCounts = NonNullable<DiskStatus['smart']>;

const count = z.number().int().nonnegative();
const uncorrected = z.object({ total_uncorrected_errors: count.optional() }).optional();

/** The part of `smartctl --json` (7.0 and newer) that is read; its other hundreds of fields are passed over. */
const reportSchema = z.object({
  smart_support: z.object({ available: z.boolean() }).optional(),
  smart_status: z.object({ passed: z.boolean() }).optional(),
  temperature: z
    .object({
      current: z.number().optional(),
      /** SATA, and NVMe by some versions. */
      op_limit_max: z.number().optional(),
      /** SAS */
      drive_trip: z.number().optional(),
    })
    .optional(),
  /** Some versions tell it here. */
  scsi_temperature: z.object({ drive_trip: z.number().optional() }).optional(),
  /** Since 7.4, of any kind of disk. */
  endurance_used: z.object({ current_percent: z.number().min(0).max(255) }).optional(),
  ata_smart_attributes: z
    .object({
      table: z
        .array(
          z.object({
            id: count,
            name: z.string(),
            value: z.number(),
            raw: z.object({ value: z.number().nonnegative(), string: z.string() }),
          }),
        )
        .max(64),
    })
    .optional(),
  nvme_smart_health_information_log: z
    .object({
      percentage_used: z.number().min(0).max(255).optional(),
      media_errors: count.optional(),
    })
    .optional(),
  scsi_grown_defect_list: count.optional(),
  scsi_percentage_used_endurance_indicator: z.number().min(0).max(255).optional(),
  scsi_error_counter_log: z.object({ read: uncorrected, write: uncorrected, verify: uncorrected }).optional(),
  scsi_environmental_reports: z
    .object({ temperature_1: z.object({ current: z.number().optional() }).optional() })
    .optional(),
});
type Report = z.infer<typeof reportSchema>;
type Attributes = NonNullable<Report['ata_smart_attributes']>['table'];

/** Attributes whose normalized value is the life that is left, in percent; each vendor has another number for it. */
const lifeLeftNames = new Set([
  'Media_Wearout_Indicator',
  'SSD_Life_Left',
  'Percent_Lifetime_Remain',
  'Wear_Leveling_Count',
]);
/** Colder and hotter are readings of a sensor that is not there. */
const temperatureMinC = -40;
const temperatureMaxC = 150;

/**
 * Undefined where the text is no report, or says nothing about the disk's health: it sleeps, or could not be asked.
 * Empty: the disk has nothing to say, ever.
 */
export function parseSmartctl(text: string): SmartFacts | undefined {
  const report = reportSchema.safeParse(jsonOf(text));
  if (!report.success) return undefined;
  const { data } = report;
  const smart: SmartCounts = {
    ...ataCounts(data.ata_smart_attributes?.table ?? []),
    ...scsiCounts(data),
    ...nvmeCounts(data),
    ...(data.smart_status && { isFailing: !data.smart_status.passed }),
  };
  const [wear, temperatureC, temperatureLimitC] = [wearOf(data), temperatureOf(data), limitOf(data)];
  const facts = {
    ...(Object.keys(smart).length > 0 && { smart }),
    ...(wear !== undefined && { wear }),
    ...(temperatureC !== undefined && { temperatureC }),
    ...(temperatureLimitC !== undefined && { temperatureLimitC }),
  };
  return Object.keys(facts).length > 0 || data.smart_support?.available === false ? facts : undefined;
}

function ataCounts(table: Attributes): SmartCounts {
  const rawOf = (id: number): number | undefined => {
    const raw = table.find((attribute) => attribute.id === id)?.raw;
    // The text is how smartctl's database of drives reads the 48 bits, which hold more than the count.
    const counted = raw && (/^\d+/.exec(raw.string)?.[0] ?? raw.value);
    return counted === undefined ? undefined : Number(counted);
  };
  // Three counts of 16 bits, of which the lowest is all of them.
  const timeouts = table.find(({ id }) => id === 188)?.raw.value;
  return known({
    reallocatedSectors: rawOf(5),
    uncorrectableErrors: rawOf(187),
    commandTimeouts: timeouts === undefined ? undefined : timeouts % 0x1_0000,
    pendingSectors: rawOf(197),
    offlineUncorrectable: rawOf(198),
  });
}

/** Grown defects are sectors that were replaced since the disk left its factory. */
function scsiCounts({ scsi_grown_defect_list: grown, scsi_error_counter_log: log }: Report): SmartCounts {
  const counts = [log?.read, log?.write, log?.verify].map((one) => one?.total_uncorrected_errors);
  const told = counts.filter((one) => one !== undefined);
  return known({
    reallocatedSectors: grown,
    uncorrectableErrors: told.length > 0 ? told.reduce((sum, one) => sum + one, 0) : undefined,
  });
}

const nvmeCounts = ({ nvme_smart_health_information_log: log }: Report): SmartCounts =>
  known({ uncorrectableErrors: log?.media_errors });

/** What a disk's firmware makes up is no count. */
const known = (counts: Record<string, number | undefined>): SmartCounts =>
  Object.fromEntries(Object.entries(counts).filter(([, value]) => Number.isSafeInteger(value)));

function wearOf(report: Report): number | undefined {
  const percent =
    report.endurance_used?.current_percent ??
    report.nvme_smart_health_information_log?.percentage_used ??
    report.scsi_percentage_used_endurance_indicator;
  if (percent !== undefined) return Math.round(percent) / 100;
  const lifeLeft = report.ata_smart_attributes?.table.find(({ name }) => lifeLeftNames.has(name))?.value;
  return lifeLeft === undefined || lifeLeft > 100
    ? undefined
    : (100 - Math.round(Math.max(0, lifeLeft))) / 100;
}

/** Some SAS disks report 0 where smartctl looks first, and the truth in their environmental report. */
function temperatureOf(report: Report): number | undefined {
  const found = [report.scsi_environmental_reports?.temperature_1?.current, report.temperature?.current].find(
    (celsius) => celsius !== undefined && celsius !== 0,
  );
  return found !== undefined && found > temperatureMinC && found < temperatureMaxC
    ? Math.round(found)
    : undefined;
}

const limitOf = ({ temperature, scsi_temperature: scsi }: Report): number | undefined =>
  plausibleLimitC(temperature?.op_limit_max ?? temperature?.drive_trip ?? scsi?.drive_trip);

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

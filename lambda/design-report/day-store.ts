import { dateText, type FleetDay } from '../../core/design-report/fleet-day.ts';
import { historyDays } from '../../core/design-report/fleet-history.ts';
import { fleetDayBytesMax, wholeFleetDay } from '../../core/design-report/whole-fleet-day.ts';
import { HoldfastError } from '../../core/errors.ts';
import { packedParts } from '../aws/packed-parts.ts';
import type { patternsTable } from '../aws/tables.ts';

/** The days of the fleet that reports are made from. */
export interface DayStore {
  has(day: number): Promise<boolean>;
  /** False where another proxy was first; what that one kept stays. */
  put(fleet: FleetDay): Promise<boolean>;
  /** Undefined of a day that is not there, also where its parts ran out. Throws CORRUPT where it is damaged. */
  get(day: number): Promise<FleetDay | undefined>;
}

/** A report of the last day looks back at all of these; it may be late. */
const ttlSec = (historyDays + 5) * 24 * 3_600;

/**
 * In the Patterns table. The parts of a day are written first, under a name of their own; one conditional write of the
 * item of the day then makes them count. So each day is there once and whole, whoever crashes or comes second.
 */
export function dynamoDayStore(
  table: ReturnType<typeof patternsTable>,
  { now, random }: { now: () => number; random: (bytes: number) => Buffer },
): DayStore {
  /** The newest day that is known to be there: the proxy asks every minute of three hours. */
  let known = -1;
  const headKey = (day: number) => ({ itemKey: `fleet-day/${dateText(day)}` }) as const;
  const bytesMax = fleetDayBytesMax;
  const fleets = packedParts<unknown>(table, 'fleet-part', { now, random, ttlSec, bytesMax });
  return {
    has: async (day) => {
      if (day === known || (await table.get(headKey(day))) === undefined) return day === known;
      known = day;
      return true;
    },
    put: async (fleet) => {
      const expiresAtSec = Math.floor(now() / 1000) + ttlSec;
      const item = { ...headKey(fleet.day), ...(await fleets.put(fleet)), expiresAtSec };
      const { ok } = await table.putIfAbsent(item);
      known = fleet.day;
      return ok;
    },
    get: async (day) => {
      const head = await table.get(headKey(day));
      if (!head) return undefined;
      if (!('partsId' in head))
        throw new HoldfastError('CORRUPT', 'what names the parts of the day does not');
      const fleet = await fleets.get(head);
      return fleet === undefined ? undefined : wholeFleetDay(fleet, day);
    },
  };
}

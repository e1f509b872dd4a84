import { dateText, type FleetDay } from '../../core/design-report/fleet-day.ts';
import { historyDays } from '../../core/design-report/fleet-history.ts';
import type { patternsTable } from '../aws/tables.ts';
import { packed, unpacked } from './packed.ts';

/** The days of the fleet that reports are made from. */
export interface DayStore {
  has(day: number): Promise<boolean>;
  /** False where another proxy was first; what that one kept stays. */
  put(fleet: FleetDay): Promise<boolean>;
  get(day: number): Promise<FleetDay | undefined>;
}

/** An item has 400 KB at most. */
const partBytes = 350_000;
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
  const partKey = (partsId: string, part: number) => ({ itemKey: `fleet-part/${partsId}/${part}` }) as const;
  const head = async (day: number) => {
    const item = await table.get(headKey(day));
    return item && 'partsId' in item ? item : undefined;
  };
  return {
    has: async (day) => {
      if (day === known || (await head(day)) === undefined) return day === known;
      known = day;
      return true;
    },
    put: async (fleet) => {
      const bytes = packed(fleet);
      const partsId = random(8).toString('hex');
      const expiresAtSec = Math.floor(now() / 1000) + ttlSec;
      const parts = Math.ceil(bytes.length / partBytes);
      for (let part = 0; part < parts; part++) {
        const of = bytes.subarray(part * partBytes, (part + 1) * partBytes);
        await table.put({ ...partKey(partsId, part), bytes: of, expiresAtSec });
      }
      const item = { ...headKey(fleet.day), partsId, parts, expiresAtSec };
      const { ok } = await table.putIfAbsent(item);
      known = fleet.day;
      return ok;
    },
    get: async (day) => {
      const item = await head(day);
      if (!item) return undefined;
      const { partsId, parts } = item;
      const keys = Array.from({ length: parts }, (_, part) => partKey(partsId, part));
      const found = await Promise.all(keys.map((key) => table.get(key)));
      const bytes = found.flatMap((part) => (part && 'bytes' in part ? part.bytes : []));
      // Of a day whose parts ran out before it did.
      return bytes.length < parts ? undefined : unpacked<FleetDay>(Buffer.concat(bytes));
    },
  };
}

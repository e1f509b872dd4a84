import { firstHold, isInWindow, silenceHold, type Holdable } from '../../core/alerts/holds.ts';
import type { AlertHold, SilenceItem } from '../../core/alerts/model.ts';
import type { Log } from '../../core/log.ts';
import { collect } from '../aws/collect.ts';
import type { configurationsTable, silencesTable } from '../aws/tables.ts';

/** What says who keeps the news of an alert back. */
export interface HoldSource {
  silences(tenantId: string): Promise<SilenceItem[]>;
  /** What at most `batchMax` gateways are set to, as it is stored, whole or not; those set to nothing are missing. */
  configurationsOf(gatewayIds: readonly string[]): Promise<ReadonlyMap<string, unknown>>;
}

/** That many items DynamoDB reads by one request at most. */
export const batchMax = 100;
const batchesAtOnce = 4;
/** Gateways that are looked at before the rest of an incident's: one that nobody holds is mostly among the first. */
const firstWaves = [16, batchMax];

export function dynamoHolds(tables: {
  silences: Pick<ReturnType<typeof silencesTable>, 'query'>;
  configurations: Pick<ReturnType<typeof configurationsTable>, 'batchGet'>;
}): HoldSource {
  return {
    silences: (tenantId) =>
      collect(tables.silences.query({ key: '#tenantId = :tenant', values: { ':tenant': tenantId } })),
    configurationsOf: async (gatewayIds) => {
      const items = await tables.configurations.batchGet(gatewayIds.map((gatewayId) => ({ gatewayId })));
      return new Map(items.map(({ gatewayId, configuration }) => [gatewayId, configuration]));
    },
  };
}

/** Who holds all of them; undefined where nobody holds one of them, or there are none. */
export type HoldLookup = (alerts: readonly Holdable[]) => Promise<AlertHold | undefined>;

/**
 * Of one tick. It is asked before trouble is told of and reads each thing once, so a quiet tick reads nothing. Silences
 * come first: what a gateway is set to is read only where none of them decides.
 */
export function holdLookup(source: HoldSource | undefined, now: number, log: Log): HoldLookup {
  if (!source) return () => Promise.resolve(undefined);
  const silences = new Map<string, Promise<SilenceItem[]>>();
  const areInWindows = windowLookup(source, now, log);
  return async (alerts) => {
    const holds = new Set<AlertHold>();
    const unsilenced = new Set<string>();
    for (const alert of alerts) {
      const ofTenant = await once(silences, alert.tenantId, () => source.silences(alert.tenantId));
      const hold = silenceHold(alert, ofTenant, now);
      if (hold) holds.add(hold);
      // An alert about many gateways names none, and has no window.
      else if (alert.gatewayId === '') return undefined;
      else unsilenced.add(alert.gatewayId);
    }
    if (unsilenced.size > 0) {
      if (!(await areInWindows([...unsilenced]))) return undefined;
      holds.add('maintenance');
    }
    return firstHold(holds);
  };
}

/** Whether all gateways are in their maintenance windows; of many it reads some after the other, until one is not. */
function windowLookup(source: HoldSource, now: number, log: Log) {
  /** Gateway → the reading that it is in, which says who of its batch is in a window. */
  const readings = new Map<string, Promise<ReadonlySet<string>>>();
  /** By the configuration's text: most of a site is set to the same. */
  const answers = new Map<string, boolean | undefined>();
  const isIn = (gatewayId: string, stored: unknown): boolean => {
    const answer = once(answers, JSON.stringify(stored), () => isInWindow(stored, now));
    if (answer === undefined) log('error', 'hold.unreadable', { gatewayId });
    return answer === true;
  };
  const read = async (gatewayIds: readonly string[]): Promise<ReadonlySet<string>> => {
    const stored = await source.configurationsOf(gatewayIds);
    return new Set(gatewayIds.filter((id) => stored.has(id) && isIn(id, stored.get(id))));
  };
  return async (gatewayIds: readonly string[]): Promise<boolean> => {
    for (const wave of wavesOf(gatewayIds)) {
      const unread = wave.filter((gatewayId) => !readings.has(gatewayId));
      for (let i = 0; i < unread.length; i += batchMax) {
        const batch = unread.slice(i, i + batchMax);
        const reading = read(batch);
        for (const gatewayId of batch) readings.set(gatewayId, reading);
      }
      const found = await Promise.all(wave.map((gatewayId) => readings.get(gatewayId)));
      if (!wave.every((gatewayId, i) => found[i]?.has(gatewayId))) return false;
    }
    return true;
  };
}

function* wavesOf(gatewayIds: readonly string[]): Generator<readonly string[]> {
  const sizes = firstWaves.values();
  for (let at = 0; at < gatewayIds.length;) {
    const wave = gatewayIds.slice(at, at + (sizes.next().value ?? batchMax * batchesAtOnce));
    yield wave;
    at += wave.length;
  }
}

function once<T>(known: Map<string, T>, key: string, make: () => T): T {
  if (!known.has(key)) known.set(key, make());
  return known.get(key) as T;
}

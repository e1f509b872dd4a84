import { holdOf, type Holdable } from '../../core/alerts/holds.ts';
import type { AlertHold, SilenceItem } from '../../core/alerts/model.ts';
import type { Configuration } from '../../core/configuration/configuration.ts';
import { collect } from '../aws/collect.ts';
import type { configurationsTable, silencesTable } from '../aws/tables.ts';

/** What says who keeps the news of an alert back. */
export interface HoldSource {
  silences(tenantId: string): Promise<SilenceItem[]>;
  /** What the gateway is set to; undefined: nothing. */
  configuration(gatewayId: string): Promise<Configuration | undefined>;
}

export function dynamoHolds(tables: {
  silences: ReturnType<typeof silencesTable>;
  configurations: ReturnType<typeof configurationsTable>;
}): HoldSource {
  return {
    silences: (tenantId) =>
      collect(tables.silences.query({ key: '#tenantId = :tenant', values: { ':tenant': tenantId } })),
    configuration: async (gatewayId) => (await tables.configurations.get({ gatewayId }))?.configuration,
  };
}

export type HoldLookup = (alert: Holdable) => Promise<AlertHold | undefined>;

/** Who holds all of them; undefined where one of them is held by nobody. */
export async function holdOfAll(
  holdOfOne: HoldLookup,
  alerts: readonly Holdable[],
): Promise<AlertHold | undefined> {
  let hold: AlertHold | undefined;
  for (const alert of alerts) {
    hold = await holdOfOne(alert);
    if (hold === undefined) return undefined;
  }
  return hold;
}

/** Of one tick. It is asked before trouble is told of and reads each thing once, so a quiet tick reads nothing. */
export function holdLookup(source: HoldSource | undefined, now: number): HoldLookup {
  if (!source) return () => Promise.resolve(undefined);
  const silences = new Map<string, Promise<SilenceItem[]>>();
  const configurations = new Map<string, Promise<Configuration | undefined>>();
  return async (alert) => {
    const { tenantId, gatewayId } = alert;
    const [ofTenant, configuration] = await Promise.all([
      once(silences, tenantId, () => source.silences(tenantId)),
      // An alert about many gateways names none.
      gatewayId === '' ? undefined : once(configurations, gatewayId, () => source.configuration(gatewayId)),
    ]);
    return holdOf(alert, { configuration, silences: ofTenant }, now);
  };
}

function once<T>(known: Map<string, Promise<T>>, key: string, read: () => Promise<T>): Promise<T> {
  const found = known.get(key) ?? read();
  known.set(key, found);
  return found;
}

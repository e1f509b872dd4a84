import type { ConfigurationItem, Principal } from '../model.ts';
import { plainIssues } from '../plain-issues.ts';
import { absent, all, any, equal, less, present, type GuardedUpdate } from '../routes/guarded-update.ts';
import { configurationSchema, isSameConfiguration, type Configuration } from './configuration.ts';

/**
 * How a gateway comes to be set as it is desired. The configuration's item holds what is desired and what the gateway
 * said of it; versions only go up, on either side, so frames may come late, twice, or never. The gateway's item, which
 * every frame reads anyway, says which version is still owed an answer (`configPending`): it is a reminder, and may be
 * wrong without harm. Every rule may be repeated as it is.
 */
export const maxChanges = 20;

export type Reported = NonNullable<ConfigurationItem['reported']>;

/** Where a gateway stands; `ahead`: it has a version that was never asked for here, after a table was put back. */
export type ConfigurationStanding = 'in-sync' | 'waiting' | 'refused' | 'ahead';

export function standingOf(item: ConfigurationItem | undefined): ConfigurationStanding {
  const { version = 0, reported } = item ?? {};
  if ((reported?.version ?? 0) < version) return 'waiting';
  if (reported && reported.version > version) return 'ahead';
  return reported?.outcome === 'refused' ? 'refused' : 'in-sync';
}

export type DesiredDecision =
  | { do: 'write'; version: number; update: GuardedUpdate }
  /** It is desired already. */
  | { do: 'nothing'; version: number }
  | { do: 'refuse'; version: number };

/** A new desired configuration. `ifVersion`: only over this one; 0 stands for none. */
export function decideDesired(
  item: ConfigurationItem | undefined,
  asked: { tenantId: string; configuration: Configuration; ifVersion?: number; by: Principal; at: number },
): DesiredDecision {
  const { tenantId, configuration, ifVersion, by, at } = asked;
  const current = item?.version ?? 0;
  if (ifVersion !== undefined && ifVersion !== current) return { do: 'refuse', version: current };
  const isAhead = standingOf(item) === 'ahead';
  if (isSameConfiguration(item?.configuration ?? {}, configuration) && !isAhead)
    return { do: 'nothing', version: current };
  // Above what the gateway has, too, or it would take it for an old one.
  const version = Math.max(current, item?.reported?.version ?? 0) + 1;
  return {
    do: 'write',
    version,
    update: {
      when: item ? equal('version', current) : absent('version'),
      set: {
        tenantId,
        version,
        configuration,
        changes: [...(item?.changes ?? []), { version, at, by }].slice(-maxChanges),
      },
    },
  };
}

/**
 * What a gateway says about a version. A newer one stands, and of the same one the word of the newer connection: the
 * agent may have been replaced by one that knows more.
 */
export const noteReport = (reported: Reported): GuardedUpdate => ({
  when: all(
    present('version'),
    any(
      absent('reported'),
      less('reported.version', reported.version),
      all(
        equal('reported.version', reported.version),
        any(less('reported.epoch', reported.epoch), equal('reported.epoch', reported.epoch)),
      ),
    ),
  ),
  set: { reported },
});

/** The reminder in the gateway's item, and its end once that version is answered. */
export const remindOf = (version: number, tenantId: string): GuardedUpdate => ({
  when: all(
    equal('tenantId', tenantId),
    equal('status', 'active'),
    any(absent('configPending'), less('configPending', version)),
  ),
  set: { configPending: version },
});
export const forgetReminder = (version: number): GuardedUpdate => ({
  when: equal('configPending', version),
  remove: ['configPending'],
});

/** What an agent holds on its disk. */
export interface HeldConfiguration {
  /** 0: none was ever set. */
  version: number;
  configuration: Configuration;
  /** A newer one that it could not take. */
  refused?: { version: number; problems: string[] };
}
export const nothingHeld: HeldConfiguration = { version: 0, configuration: {} };

/** What the agent says of a version that it was sent, or of a newer one that it has. */
export interface ConfigurationReport {
  version: number;
  outcome: 'applied' | 'refused';
  problems?: string[];
}

/** One `state.desired`, in whatever order it came. `next` has to be on disk before it is applied and reported. */
export function receiveDesired(
  held: HeldConfiguration,
  desired: { version: number; configuration: unknown },
): { next?: HeldConfiguration; report: ConfigurationReport } {
  const { version } = desired;
  const { refused } = held;
  if (version <= held.version || (refused && version < refused.version)) return { report: reportOf(held) };
  // A version that was refused is looked at again: this agent may know more than the one that refused it.
  const parsed = configurationSchema.safeParse(desired.configuration);
  const next: HeldConfiguration = parsed.success
    ? { version, configuration: parsed.data }
    : {
        ...held,
        refused: {
          version,
          problems: [plainIssues(parsed.error, desired.configuration, 'the configuration')],
        },
      };
  return { next, report: reportOf(next) };
}

/** Of the newest version that it decided upon. */
export function reportOf({ version, refused }: HeldConfiguration): ConfigurationReport {
  return refused ? { ...refused, outcome: 'refused' } : { version, outcome: 'applied' };
}

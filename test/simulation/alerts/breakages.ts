import { alertEvent } from '../../../core/alerts/alert-events.ts';
import { eventIdOf } from '../../../core/alerts/alert-key.ts';
import type { AlertItem } from '../../../core/model.ts';
import type { TickDeps } from '../../../lambda/alerts/ports.ts';
import type { Breakage } from './proxies.ts';

const putting =
  (put: (deps: TickDeps, item: AlertItem, before: AlertItem | undefined) => Promise<boolean>): Breakage =>
  (deps) => ({
    ...deps,
    alerts: {
      ...deps.alerts,
      put: async (item) => put(deps, item, await deps.alerts.get(item.alertKey)),
    },
  });
const newEntries = (item: AlertItem, before: AlertItem | undefined) =>
  item.outbox.filter(({ eventId }) => !before?.outbox.some((entry) => entry.eventId === eventId));

/** Builds with one rule broken each: the simulation has to notice every one of them. */
export const breakages: Readonly<Record<string, Breakage>> = {
  /** An answer with a FailedEntryCount is taken for success. */
  'failed-entries-ignored': (deps) => ({
    ...deps,
    events: {
      put: async (events) => {
        await deps.events.put(events);
        return new Set(events.map(({ eventId }) => eventId));
      },
    },
  }),
  'lost-updates': putting((deps, item, before) =>
    deps.alerts.put({ ...item, version: (before?.version ?? 0) + 1 }),
  ),
  'emit-before-write': putting(async (deps, item, before) => {
    await deps.events.put(newEntries(item, before).map((entry) => alertEvent(item, entry)));
    return deps.alerts.put(item);
  }),
  /** State first, events in a second write. */
  'outbox-in-its-own-write': putting(async (deps, item, before) => {
    const entries = newEntries(item, before);
    if (entries.length === 0) return deps.alerts.put(item);
    const outbox = item.outbox.filter((entry) => !entries.includes(entry));
    if (!(await deps.alerts.put({ ...item, outbox }))) return false;
    return deps.alerts.put({ ...item, version: item.version + 1 });
  }),
  /** Found again only while open: the events of a resolved alert are forgotten with it. */
  'resolved-leave-the-index': (deps) => ({
    ...deps,
    alerts: {
      ...deps.alerts,
      open: async () => (await deps.alerts.open()).filter(({ state }) => state !== 'RESOLVED'),
    },
  }),
  /** What was reported last counts as reported now. */
  'silence-is-well': (deps, { now }) => ({
    ...deps,
    fleet: {
      ...deps.fleet,
      statuses: async function* () {
        for await (const page of deps.fleet.statuses())
          yield page.map((status) => ({ ...status, receivedAt: now }));
      },
    },
  }),
  'holds-ignored': ({ holds: _holds, ...deps }) => deps,
  /** What was never told gets a resolve, too. */
  'resolve-of-the-untold': putting((deps, item, before) => {
    if (item.state !== 'RESOLVED' || before?.heldBy === undefined) return deps.alerts.put(item);
    const seq = item.seq + 1;
    const eventId = eventIdOf(item.alertKey, item.episode, seq);
    const outbox = [...item.outbox, { eventId, type: 'resolved' as const, at: item.changedAt }];
    return deps.alerts.put({ ...item, seq, outbox, openShard: '0' });
  }),
  /** A digest names the first ten and counts the rest. */
  'digest-without-ids': (deps) => ({
    ...deps,
    events: {
      put: (events) =>
        deps.events.put(
          events.map((event) =>
            event.digest
              ? { ...event, digest: { ...event.digest, firing: event.digest.firing.slice(0, 10) } }
              : event,
          ),
        ),
    },
  }),
};

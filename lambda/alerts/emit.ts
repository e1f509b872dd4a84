import pLimit from 'p-limit';
import { alertEvent } from '../../core/alerts/alert-events.ts';
import { outgoing } from '../../core/alerts/digest.ts';
import { listed } from '../../core/alerts/inhibition.ts';
import { emitted as withoutEmitted } from '../../core/alerts/lifecycle.ts';
import type { AlertItem } from '../../core/model.ts';
import type { TickDeps } from './ports.ts';
import { conflictsMax } from './take-step.ts';

export const writesAtOnce = 16;

/** Emits what the outboxes hold and takes out what was taken; answers how many events that were. */
export async function emit(deps: TickDeps, items: readonly AlertItem[]): Promise<number> {
  const events = items.flatMap((item) => item.outbox.map((entry) => alertEvent(item, entry)));
  if (events.length === 0) return 0;
  const sent = outgoing(events);
  const takenIds = await deps.events.put(sent.map(({ event }) => event));
  const told = sent.filter(({ event }) => takenIds.has(event.eventId));
  const taken = new Set(told.flatMap(({ eventIds }) => eventIds));
  const digests = told.filter(({ event }) => event.type === 'digest');
  const digestOf = new Map(
    digests.flatMap(({ event, eventIds }) => eventIds.map((id) => [id, event.eventId] as const)),
  );
  const limit = pLimit(writesAtOnce);
  const touched = items.filter(({ outbox }) => outbox.some(({ eventId }) => taken.has(eventId)));
  await Promise.all(touched.map((item) => limit(() => clearOutbox(deps, item, { taken, digestOf }))));
  if (taken.size < events.length)
    deps.log('warn', 'proxy.events_left', { left: events.length - taken.size, emitted: taken.size });
  return taken.size;
}

async function clearOutbox(
  { alerts, now, log }: TickDeps,
  item: AlertItem,
  { taken, digestOf }: { taken: Set<string>; digestOf: Map<string, string> },
): Promise<void> {
  let stored: AlertItem | undefined = item;
  for (let conflict = 0; stored && conflict < conflictsMax; conflict++) {
    const next = withoutEmitted(stored, taken, now(), digestOf);
    if (next === stored || (await alerts.put(listed(next, now())))) return;
    stored = await alerts.get(item.alertKey);
  }
  // The events stay in the outbox and go out once more, under the same ids.
  log('warn', 'alert.contended', { alertKey: item.alertKey });
}

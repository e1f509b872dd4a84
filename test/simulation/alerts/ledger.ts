import { isInWindow, silenceOf } from '../../../core/alerts/holds.ts';
import { reminderEveryMs, remindersMax } from '../../../core/alerts/reminders.ts';
import type { AlertItem, AlertOutboxEntry } from '../../../core/model.ts';
import { conditionLimits } from '../../support/fleet.ts';
import type { Fleet, View } from './fleet.ts';
import type { Tally } from './tally.ts';

/** The Alerts table, and what was ever written into it. */
export class Ledger {
  readonly stored = new Map<string, AlertItem>();
  /** Every event that an alert made. */
  readonly made = new Map<string, AlertOutboxEntry>();
  readonly #tally: Tally;
  readonly #fleet: Fleet;
  /** Alert key → the events of its newest firing. */
  readonly #telling = new Map<string, AlertOutboxEntry[]>();

  constructor(tally: Tally, fleet: Fleet) {
    this.#tally = tally;
    this.#fleet = fleet;
  }

  get(alertKey: string): AlertItem | undefined {
    return structuredClone(this.stored.get(alertKey));
  }

  listed(): AlertItem[] {
    return structuredClone([...this.stored.values()].filter(({ openShard }) => openShard !== undefined));
  }

  /** False where another version is stored. `view`: what the writer knew. */
  put(item: AlertItem, view: View): boolean {
    const before = this.stored.get(item.alertKey);
    if ((before?.version ?? 0) !== item.version - 1) return false;
    this.stored.set(item.alertKey, structuredClone(item));
    if (item.heldBy !== undefined && before?.heldBy === undefined) this.#tally.reached.holds += 1;
    for (const entry of item.outbox) if (!this.made.has(entry.eventId)) this.#make(item, entry, view, before);
    return true;
  }

  #make(item: AlertItem, entry: AlertOutboxEntry, view: View, before: AlertItem | undefined): void {
    this.made.set(entry.eventId, entry);
    const { reached } = this.#tally;
    if (entry.type === 'resolved') {
      reached.resolves += 1;
      if (entry.reason === 'removed') reached.removals += 1;
      if (entry.reason === 'clear' && !readsClear(item, view, before?.clearSince !== undefined))
        this.#tally.fail('guessed', entry.eventId);
      return;
    }
    if (this.#isHeld(item, view)) this.#tally.fail('unheld', `${entry.type} ${entry.eventId}`);
    const telling = this.#telling.get(item.alertKey) ?? [];
    if (entry.type === 'firing') {
      reached.firings += 1;
      this.#telling.set(item.alertKey, [entry]);
      return;
    }
    reached.reminders += 1;
    if ((entry.reminder ?? 0) > 2) reached.escalations += 1;
    const waitedMs = entry.at - (telling.at(-1)?.at ?? 0);
    telling.push(entry);
    const isDue = waitedMs >= (reminderEveryMs[item.severity] ?? Infinity);
    if (item.state !== 'FIRING' || !isDue || telling.length > remindersMax + 1)
      this.#tally.fail('nagging', `${item.state} ${entry.eventId}`);
  }

  /** By what held when the writer began and holds still. */
  #isHeld(item: AlertItem, { now, silences }: View): boolean {
    const ofTenant = silences.filter(
      (one) =>
        one.tenantId === item.tenantId &&
        this.#fleet.silences.find(({ silenceId }) => silenceId === one.silenceId)?.endedAt === undefined,
    );
    const configuration = this.#fleet.windows.get(item.gatewayId);
    return silenceOf(item, ofTenant, now) !== undefined || isInWindow(configuration ?? {}, now) === true;
  }
}

/** What the writer knew says that it is well; `wasClear`: it was, and since then at least not worse than in between. */
function readsClear(
  { gatewayId, conditionId, component }: AlertItem,
  { now, statuses }: View,
  wasClear: boolean,
): boolean {
  // An alert about many gateways is no status's to clear.
  if (gatewayId === '') return true;
  const status = statuses.find((one) => one.gatewayId === gatewayId);
  if (!status || now - status.receivedAt > 2.5 * conditionLimits.heartbeatIntervalMs) return false;
  if (conditionId !== 'VolumeIrrecoverable') return true;
  const state = status.heartbeat.volumes.find(({ volumeId }) => volumeId === component)?.state;
  return state === 'healthy' || (wasClear && (state === 'restoring' || state === 'paused'));
}

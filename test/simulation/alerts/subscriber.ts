import type { AlertEvent } from '../../../core/alert-event.ts';
import { parseEventId } from '../../../core/alerts/alert-key.ts';
import { silentLog } from '../../../core/log.ts';
import type { LaneItem, SubscriptionItem } from '../../../core/subscriptions/model.ts';
import { routeAlert } from '../../../lambda/alerts/route-alert.ts';
import type { EnlistDeps } from '../../../lambda/subscriptions/enlist-event.ts';
import type { Tally } from './tally.ts';
import type { Turns } from './turns.ts';

type Kind = 'firing' | 'reminder' | 'resolved';

/** The bus, the real router and a subscriber's queue: at least once, in any order. */
export class Subscriber {
  /** Event id → what it told; the first message that has it counts, alone or in a digest. */
  readonly told = new Map<string, Kind>();
  /** Faults are over. */
  isCalm = false;
  readonly #turns: Turns;
  readonly #tally: Tally;
  readonly #lanes = new Map<string, LaneItem>();
  #onBus: unknown[] = [];
  #lastSeq = new Map<string, number>();

  constructor(turns: Turns, tally: Tally) {
    this.#turns = turns;
    this.#tally = tally;
  }

  /** The bus took an entry. */
  take(detail: unknown): void {
    this.#onBus.push(detail);
  }

  /** The bus delivers some of what it holds; all of it once faults are over. */
  async deliver(): Promise<void> {
    let rounds = this.isCalm ? Infinity : this.#turns.below(6);
    for (; rounds > 0 && this.#onBus.length > 0; rounds--) {
      const [detail] = this.#onBus.splice(this.#turns.below(this.#onBus.length), 1);
      const isDoubled = !this.isCalm && this.#turns.chance(0.1);
      if (isDoubled) this.#tally.reached.redeliveries += 1;
      try {
        await this.#route(detail);
        if (isDoubled) this.#onBus.push(detail);
      } catch {
        // The router failed: the event is retried.
        this.#onBus.push(detail);
      }
    }
  }

  #route(detail: unknown): Promise<void> {
    const confirmed = { kind: 'sqs', state: 'confirmed', challengeHash: '', createdAt: 0 } as const;
    const ofTenant = async (tenantId: string): Promise<SubscriptionItem[]> =>
      ['q-1', 'q-2'].map((deliveryKey) => ({
        ...{ ...confirmed, tenantId, subscriptionId: deliveryKey, deliveryKey, queueUrl: deliveryKey },
      }));
    const nobody = async () => undefined;
    const deps: EnlistDeps = {
      subscriptions: { ofTenant, get: nobody, update: nobody, listDue: async () => [] },
      lanes: {
        get: async (key) => this.#lanes.get(laneOf(key)),
        put: async (lane) => this.#putLane(lane),
        list: async () => [],
      },
      letters: { put: nobody, remove: nobody, list: async () => [] },
      clock: { now: () => 0, newId: () => 'turn' },
      start: nobody,
      log: silentLog,
    };
    return routeAlert(deps, JSON.parse(JSON.stringify(detail)));
  }

  /** What is in a lane is told: lanes have simulations of their own. */
  #putLane(lane: LaneItem): boolean {
    if (!this.isCalm && this.#turns.chance(0.1)) throw new Error('the table is down');
    this.#lanes.set(laneOf(lane), lane);
    if (lane.deliveryKey === 'q-1') for (const { event } of lane.pending) this.#hear(event);
    return true;
  }

  #hear({ eventId, type, digest }: AlertEvent): void {
    if (type !== 'digest') return this.#learn(eventId, type);
    this.#tally.reached.digests += 1;
    for (const kind of ['firing', 'reminder', 'resolved'] as const)
      for (const id of digest?.[kind] ?? []) this.#learn(id, kind);
  }

  #learn(eventId: string, kind: Kind): void {
    if (this.told.has(eventId)) return;
    this.told.set(eventId, kind);
    const { alertKey = '', seq = 0 } = parseEventId(eventId) ?? {};
    if (seq < (this.#lastSeq.get(alertKey) ?? 0)) this.#tally.reached.reorderings += 1;
    this.#lastSeq.set(alertKey, Math.max(seq, this.#lastSeq.get(alertKey) ?? 0));
  }
}

const laneOf = ({ deliveryKey, alertKey }: Pick<LaneItem, 'deliveryKey' | 'alertKey'>): string =>
  `${deliveryKey} ${alertKey}`;

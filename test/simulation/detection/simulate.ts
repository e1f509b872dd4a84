import { planGateway } from '../../../core/alerts/alert-plan.ts';
import { isInForce } from '../../../core/alerts/group-alerts.ts';
import { emitted } from '../../../core/alerts/lifecycle.ts';
import { conditionById } from '../../../core/conditions/conditions.ts';
import { observe } from '../../../core/conditions/evaluate.ts';
import { isStale, lostAt, staleAfterBeats } from '../../../core/conditions/signals.ts';
import type { AlertItem } from '../../../core/model.ts';
import { conditionLimits as limits, minutes, t0 } from '../../support/fleet.ts';
import { faultNames, days, GatewayLife, type FaultName, type Span } from './gateway-life.ts';

/** Between the schedule's tick and the last event that it emits. */
const tickTakesMs = 5_000;
/** A schedule of a minute starts its function so much late, at most. */
const tickLateMs = 2_000;
/** What ended a moment ago is still seen. */
const afterglowMs = 20 * minutes;

export interface DetectionFields {
  gatewayDays: number;
  /** Condition → ms from when its for-duration was over until its event was out. Of Offline, from when it counts as lost. */
  delaysMs: Record<string, number[]>;
  /** Of outages without a word: ms from the first second until it counts as lost. */
  silentMs: number[];
  /** Firings of what was not so. */
  falseFirings: string[];
  /** Outages and faults that lasted long enough and of which nobody was told. */
  missed: string[];
  /** Outages and faults that came back while the firing about the last one was still in force: nothing new to tell. */
  toldBefore: number;
  outages: number;
  faults: number;
}

export interface DetectionWorld {
  days: number;
  /** Of each message by itself. */
  messageLoss: number;
  tickEveryMinutes: number;
}

export const emptyFields = (): DetectionFields => ({
  gatewayDays: 0,
  delaysMs: {},
  silentMs: [],
  falseFirings: [],
  missed: [],
  toldBefore: 0,
  outages: 0,
  faults: 0,
});

/** One gateway's days under the real conditions, plan and lifecycle; it is looked at in each tick that can see anything new. */
export function simulateGateway(seed: number, world: DetectionWorld, into: DetectionFields): void {
  const { days: dayCount, messageLoss, tickEveryMinutes } = world;
  const life = new GatewayLife(seed, t0, messageLoss);
  const watch = new Watch(life, into);
  const end = t0 + dayCount * days;
  let tick = 0;
  while (t0 + tick * minutes < end) {
    const now = tickAt(tick);
    life.liveUntil(now);
    if (life.isNew || watch.isBusy || now >= watch.staleAt) watch.look(now);
    life.isNew = false;
    watch.judge(now);
    const next = watch.isBusy ? now : Math.min(life.nextAt(), watch.staleAt);
    const nextTick = Math.max(tick + 1, Math.ceil((next - t0) / minutes));
    tick = Math.ceil(nextTick / tickEveryMinutes) * tickEveryMinutes;
  }
  into.gatewayDays += dayCount;
}

const tickAt = (tick: number): number => t0 + tick * minutes + ((tick * 7_919) % tickLateMs);

class Watch {
  /** Something is open, so that the mere time may change it. */
  isBusy = false;
  /** When its silence begins to count, without anything that happens. */
  staleAt = 0;
  readonly #life: GatewayLife;
  readonly #into: DetectionFields;
  readonly #alerts = new Map<string, AlertItem>();
  /** Spans that somebody was told of, or that are not to be judged any more. */
  readonly #settled = new Set<Span>();
  /** Condition → what its newest firing was about. */
  readonly #toldOf = new Map<string, Span>();

  constructor(life: GatewayLife, into: DetectionFields) {
    this.#life = life;
    this.#into = into;
  }

  look(now: number): void {
    const { gateway, status } = this.#life;
    const input = { gateway, status, now, limits };
    const open = [...this.#alerts.values()].filter(({ openShard }) => openShard !== undefined);
    const fresh = isStale(input) ? undefined : status;
    for (const { alertKey, apply } of planGateway(gateway, open, observe(input), limits, { fresh })) {
      const item = apply(this.#alerts.get(alertKey), now);
      if (!item) continue;
      for (const { type } of item.outbox) if (type === 'firing') this.#fired(item, now);
      this.#alerts.set(alertKey, emitted(item, new Set(item.outbox.map(({ eventId }) => eventId)), now));
    }
    this.isBusy = [...this.#alerts.values()].some(({ openShard }) => openShard !== undefined);
    const heardAt = Math.max(status?.receivedAt ?? 0, gateway.route?.connectedAt ?? 0);
    const staleAt = heardAt + staleAfterBeats * limits.heartbeatIntervalMs + 1;
    this.staleAt = staleAt > now ? staleAt : Infinity;
  }

  #fired({ conditionId, alertKey }: AlertItem, now: number): void {
    const { down, faults } = this.#life;
    const span = conditionId === 'Offline' ? down : faults.get(conditionId as FaultName);
    const forMs = conditionById.get(conditionId)!.forMs(limits);
    const lastedMs = span ? Math.min(span.end, now) - span.start : 0;
    if (!span || lastedMs < forMs || now - span.end > afterglowMs) {
      this.#into.falseFirings.push(`${conditionId} ${alertKey}`);
      return;
    }
    this.#toldOf.set(conditionId, span);
    if (this.#settled.has(span)) return;
    this.#settled.add(span);
    const from = conditionId === 'Offline' ? (this.#lostAt(now) ?? span.start) : span.start;
    const delays = (this.#into.delaysMs[conditionId] ??= []);
    delays.push(now + tickTakesMs - from - forMs);
    if (conditionId === 'Offline') this.#into.outages += 1;
    else this.#into.faults += 1;
    if (span.isSilent && conditionId === 'Offline') this.#into.silentMs.push(from - span.start);
  }

  #lostAt(now: number): number | undefined {
    const { gateway, status } = this.#life;
    return lostAt({ gateway, status, now, limits });
  }

  /** What has lasted for long by now must have been told. A fault that began around an outage is none to judge by. */
  judge(now: number): void {
    const { down, faults } = this.#life;
    const check = (name: string, span: Span | undefined, withinMs: number): void => {
      if (!span || this.#settled.has(span) || now - span.start < withinMs || span.end < span.start + withinMs)
        return;
      this.#settled.add(span);
      const wasDown =
        name !== 'Offline' && down && down.start < span.start + withinMs && down.end > span.start - minutes;
      if (this.#isToldBefore(name, span)) this.#into.toldBefore += 1;
      else if (!wasDown) this.#into.missed.push(`${name} ${this.#life.gateway.gatewayId}`);
    };
    check('Offline', down, 40 * minutes);
    for (const name of faultNames) {
      const span = faults.get(name);
      // Told late because nobody could tell: not the detection's delay.
      if (span && down && down.start < span.start + 15 * minutes && down.end > span.start)
        this.#settled.add(span);
      else check(name, span, 15 * minutes);
    }
  }
  /** The firing about the one before is still in force. It ended minutes ago, or that firing should have been over. */
  #isToldBefore(name: string, { start }: Span): boolean {
    const last = this.#toldOf.get(name);
    if (!last || start - last.end > afterglowMs) return false;
    return [...this.#alerts.values()].some((item) => item.conditionId === name && isInForce(item));
  }
}

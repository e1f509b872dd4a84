import { conditionLimits } from '../support/fleet.ts';
import type { Condition } from '../../core/conditions/condition.ts';
import type { RuleDifference } from './differences.ts';
import { rowOf, type Recording } from './recordings.ts';

/**
 * What an alert is in each tick of a recording. Without any difference this is Prometheus's alerting rule with `for` and
 * `keep_firing_for`; each difference changes one thing of it. It shares no code with the product.
 */
export interface Moment {
  state: 'inactive' | 'pending' | 'firing' | 'unknown';
  /** Of what is pending or firing: since when, ms from the recording's begin. */
  activeAt?: number;
  /** How many firings began so far. */
  episode: number;
}

/** `missing`: the report lacks it; `gone`: there is no gateway any more. */
type Sight = 'raised' | 'between' | 'clear' | 'nothing' | 'missing' | 'gone';
type Differences = ReadonlySet<RuleDifference>;

const [minutes, hours] = [60_000, 3_600_000];
const lookbackMs = 5 * minutes;
const reportLastsMs = 12.5 * minutes;
const missingForMs = 24 * hours;
const unknownForMs = 14 * 24 * hours;
const reopenWithinMs = 30 * minutes;
const resolvesAnHour = 2;

export function modelled(recording: Recording, tickMs: number, differences: Differences): Moment[] {
  const rule = rowOf(recording);
  const machine = new Machine(rule, differences);
  return recording.reports.map((_, tick) =>
    machine.look(sightOf(recording, rule, { tick, tickMs, differences }), tick * tickMs),
  );
}

function sightOf(
  { reports }: Recording,
  rule: Condition,
  { tick, tickMs, differences }: { tick: number; tickMs: number; differences: Differences },
): Sight {
  if (reports[tick] === 'revoked' && differences.has('revoked')) return 'gone';
  const isBeats = differences.has('beats');
  const at = reports.findLastIndex(
    (report, i) =>
      i <= tick && report !== 'silent' && !(isBeats && typeof report === 'string' && isAway(report)),
  );
  const value = reports[at];
  const isOld = (tick - at) * tickMs > (isBeats ? reportLastsMs : lookbackMs);
  if (value === undefined || isOld) return 'nothing';
  // Disks are named only where they have something to tell.
  if (value === 'unreported') return rule.listed ? 'clear' : 'missing';
  if (typeof value === 'string') return 'nothing';
  if (differences.has('only-numbers') && !Number.isFinite(value)) return 'nothing';
  const badness = (measured: number): number => (rule.worse === 'below' ? -measured : measured);
  if (badness(value) >= badness(rule.raiseAt)) return 'raised';
  const clearAt = differences.has('two-thresholds') ? rule.clearAt : rule.raiseAt;
  return badness(value) <= badness(clearAt) ? 'clear' : 'between';
}
const isAway = (report: string): boolean => report === 'unreached' || report === 'revoked';

class Machine {
  readonly #rule: Condition;
  readonly #has: (id: RuleDifference) => boolean;
  readonly #forMs: number;
  #phase: 'inactive' | 'pending' | 'firing' = 'inactive';
  #activeAt = 0;
  #clearSince: number | undefined;
  #unknownSince: number | undefined;
  #missingSince: number | undefined;
  #episode = 0;
  readonly #resolves: number[] = [];

  constructor(rule: Condition, differences: Differences) {
    this.#rule = rule;
    this.#has = (id) => differences.has(id);
    this.#forMs = rule.forMs(conditionLimits);
  }

  look(sight: Sight, now: number): Moment {
    if (sight === 'gone') this.#end(now);
    else if (sight === 'nothing' || sight === 'missing') this.#lookAtNothing(sight === 'missing', now);
    else this.#lookAt(sight, now);
    const isUp = this.#phase !== 'inactive';
    return {
      state: this.#unknownSince === undefined ? this.#phase : 'unknown',
      ...(isUp && { activeAt: this.#activeAt }),
      episode: this.#episode,
    };
  }

  #lookAt(sight: 'raised' | 'between' | 'clear', now: number): void {
    if (this.#unknownSince !== undefined) {
      this.#unknownSince = this.#missingSince = this.#clearSince = undefined;
      if (this.#phase === 'pending') this.#activeAt = now;
    }
    if (this.#phase === 'inactive' && sight === 'raised') {
      this.#phase = 'pending';
      this.#activeAt = now;
    }
    if (this.#phase === 'pending') {
      if (sight === 'clear') this.#phase = 'inactive';
      else if (now - this.#activeAt >= this.#forMs) this.#fire(now);
    } else if (this.#phase === 'firing') {
      if (sight === 'raised') this.#clearSince = undefined;
      else if (sight === 'clear') this.#clearSince ??= now;
      const isOver = this.#clearSince !== undefined && now - this.#clearSince >= this.#rule.clearForMs;
      if (isOver && !this.#isFlapping(now)) this.#end(now);
    }
  }

  #lookAtNothing(isMissing: boolean, now: number): void {
    if (!this.#has('frozen')) return this.#lookAt('clear', now);
    if (this.#phase === 'inactive') return;
    this.#unknownSince ??= now;
    const isGoing = isMissing && this.#rule.scope === 'volume';
    this.#missingSince = isGoing ? (this.#missingSince ?? now) : undefined;
    const isRemoved = this.#missingSince !== undefined && now - this.#missingSince >= missingForMs;
    const isForgotten = now - this.#unknownSince >= unknownForMs;
    if ((isRemoved && this.#has('removed')) || (isForgotten && this.#has('given-up'))) this.#end(now);
  }

  #fire(now: number): void {
    const last = this.#resolves.at(-1);
    const goesOn = this.#has('episodes') && last !== undefined && now - last < reopenWithinMs;
    if (!goesOn) this.#episode += 1;
    this.#phase = 'firing';
    this.#clearSince = undefined;
  }

  #end(now: number): void {
    if (this.#phase === 'firing') this.#resolves.push(now);
    this.#phase = 'inactive';
    this.#clearSince = this.#unknownSince = this.#missingSince = undefined;
  }

  #isFlapping(now: number): boolean {
    const recent = this.#resolves.filter((at) => now - at < hours).length;
    return this.#has('flap-hold') && recent >= resolvesAnHour;
  }
}

/** What both sides say of a moment. Since when a firing one has been active, Holdfast does not keep. */
export const textOf = ({ state, activeAt, episode }: Moment): string =>
  `${state}${state === 'pending' ? ` since ${activeAt! / minutes} min` : ''} (${episode})`;

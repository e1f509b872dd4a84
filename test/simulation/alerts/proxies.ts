import type { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { HoldfastError } from '../../../core/errors.ts';
import { silentLog } from '../../../core/log.ts';
import type { AlertItem } from '../../../core/model.ts';
import { eventBridgeSink } from '../../../lambda/alerts/event-sink.ts';
import type { TickDeps } from '../../../lambda/alerts/ports.ts';
import { runTick } from '../../../lambda/alerts/tick.ts';
import { configured } from '../../support/configured.ts';
import { conditionLimits, pagesOf } from '../../support/fleet.ts';
import type { Fleet, View } from './fleet.ts';
import type { Ledger } from './ledger.ts';
import type { Subscriber } from './subscriber.ts';
import type { Tally } from './tally.ts';
import type { Turns } from './turns.ts';

/** Changes what a run of the proxy works with: one rule broken on purpose. */
export type Breakage = (deps: TickDeps, view: View) => TickDeps;

export interface World {
  turns: Turns;
  tally: Tally;
  fleet: Fleet;
  ledger: Ledger;
  subscriber: Subscriber;
  breakage: Breakage | undefined;
}

/** Performs something outside the run, which may fail and may be the run's last. */
type Effect = <T>(perform: () => T) => Promise<T>;

/** Runs of the real status proxy over stores and a bus that fail. */
export class Proxies {
  /** Faults are over. */
  isCalm = false;
  readonly #world: World;
  #olderIndex: AlertItem[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  /** Resolves when the run is over, however it ended. */
  async tick(): Promise<void> {
    const { tally, turns, fleet, breakage } = this.#world;
    tally.reached.ticks += 1;
    const view = fleet.view();
    const effectsLeft = !this.isCalm && turns.chance(0.4) ? 1 + turns.below(14) : Infinity;
    const deps = this.#deps(view, this.#effects(effectsLeft));
    try {
      await runTick(breakage ? breakage(deps, view) : deps);
    } catch (thrown) {
      if (!(thrown instanceof HoldfastError) || this.isCalm) tally.fail('unexpected', String(thrown));
    }
  }

  /** After so many the run does nothing any more: the last was done, or was not, and nobody heard of it. */
  #effects(count: number): Effect {
    const { turns, tally } = this.#world;
    let left = count;
    return async (perform) => {
      await turns.turn();
      left -= 1;
      if (left > 0 && !this.isCalm && turns.chance(0.01)) throw unavailable('the store did not answer');
      if (left > 0) return perform();
      if (left === 0) tally.reached.crashes += 1;
      if (left === 0 && turns.chance(0.5)) perform();
      throw unavailable('crashed');
    };
  }

  #deps(view: View, effect: Effect): TickDeps {
    const { fleet, ledger, tally } = this.#world;
    const put = (item: AlertItem): boolean => {
      const isWritten = ledger.put(item, view);
      if (!isWritten) tally.reached.conflicts += 1;
      return isWritten;
    };
    return {
      alerts: {
        open: () => effect(() => this.#index()),
        get: (key) => effect(() => ledger.get(key)),
        put: (item) => effect(() => put(item)),
      },
      fleet: {
        gateways: () => pagesOf(effect(() => view.gateways)),
        statuses: () => pagesOf(effect(() => view.statuses)),
      },
      events: eventBridgeSink(this.#bus(effect), 'alerts', silentLog),
      holds: {
        silences: (tenantId) => effect(() => fleet.silences.filter((each) => each.tenantId === tenantId)),
        configurationsOf: (ids) => effect(() => configured(ids, (id) => fleet.windows.get(id))),
      },
      limits: conditionLimits,
      now: () => view.now,
      log: silentLog,
    };
  }

  /** EventBridge: refuses single entries, and takes what it does not say that it took. */
  #bus(effect: Effect): EventBridgeClient {
    const { turns, tally, subscriber } = this.#world;
    const send = ({ input: { Entries = [] } }: PutEventsCommand) =>
      effect(() => {
        const answers = Entries.map(({ Detail = '' }) => {
          const isRefused = !this.isCalm && turns.chance(0.15);
          if (isRefused) tally.reached.refusedEntries += 1;
          else subscriber.take(JSON.parse(Detail));
          return isRefused ? { ErrorCode: 'ThrottlingException' } : { EventId: 'e' };
        });
        if (!this.isCalm && turns.chance(0.05)) throw unavailable('the answer was lost');
        return { FailedEntryCount: answers.filter(({ EventId }) => !EventId).length, Entries: answers };
      });
    return { send } as unknown as EventBridgeClient;
  }

  /** Open alerts as a global index shows them: now and then as they were a tick ago. */
  #index(): AlertItem[] {
    const listed = this.#world.ledger.listed();
    const older = this.#olderIndex;
    this.#olderIndex = listed;
    return structuredClone(!this.isCalm && this.#world.turns.chance(0.2) ? older : listed);
  }
}

const unavailable = (why: string) => new HoldfastError('UNAVAILABLE', why);

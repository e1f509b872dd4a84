import { bulkRequests } from '../../../core/bulk/api.ts';
import { isFinalTarget } from '../../../core/bulk/decide.ts';
import type { BulkJobItem, BulkTargetItem } from '../../../core/bulk/model.ts';
import { shareCount } from '../../../core/bulk/shares.ts';
import { newBulkJob } from '../../../core/bulk/submission.ts';
import { transition, type CommandEvent } from '../../../core/commands/machine.ts';
import { silentLog } from '../../../core/log.ts';
import type { CommandItem } from '../../../core/model.ts';
import { runBulkSends } from '../../../lambda/bulk/run-bulk-sends.ts';
import type { BulkRunnerDeps } from '../../../lambda/bulk/run.ts';
import { sweepGateway } from '../../../lambda/commands/sweep.ts';
import { gatewayItem } from '../../support/gateway-item.ts';
import { MemoryBulkStores } from '../../support/memory-bulk-stores.ts';
import { MemoryStores } from '../../support/memory-stores.ts';

/** What a gateway does with its command. `silent`: it is connected and never answers; `runs`: it never ends. */
export type Fate = 'succeeds' | 'fails' | 'offline' | 'revoked' | 'silent' | 'runs';
export const fates: readonly Fate[] = ['succeeds', 'fails', 'offline', 'revoked', 'silent', 'runs'];

const tenantId = 'acme';
const startAt = 1_800_000_000_000;

/**
 * The real runner and the real command service over stores in memory, with gateways that do as their fate says and a
 * clock that only waiting moves. After each write every rule is looked at.
 */
export class BulkWorld {
  now = startAt;
  readonly stores = new MemoryStores();
  readonly bulk = new MemoryBulkStores();
  /** Writes of the runner so far; it dies at those in `crashes`, before or after the write. */
  writes = 0;
  crashes = new Map<number, 'before' | 'after'>();
  onWait: () => void = () => undefined;
  /** Rules that a write broke: the runner survives what a store throws, so the test looks here. */
  readonly broken: unknown[] = [];
  #dead = false;
  #ids = 0;
  readonly #fates: ReadonlyMap<string, Fate>;
  readonly #starts: number[] = [];

  constructor(gateways: readonly Fate[]) {
    this.#fates = new Map(gateways.map((fate, i) => [`gw-${String(i).padStart(3, '0')}`, fate]));
    for (const [gatewayId, fate] of this.#fates) {
      const route = {
        epoch: 5,
        cellId: 'cell-1',
        connectionId: 'c',
        bootId: 'b',
        journalId: 'j',
        connectedAt: 0,
      };
      this.stores.gateways.set(gatewayId, {
        ...gatewayItem(),
        gatewayId,
        tenantId,
        status: fate === 'revoked' ? 'revoked' : 'active',
        ...(fate === 'offline' || fate === 'revoked' ? {} : { route }),
      });
    }
  }

  get gatewayIds(): string[] {
    return [...this.#fates.keys()];
  }
  get job(): BulkJobItem {
    return [...this.bulk.jobs.values()][0]!;
  }
  get rows(): BulkTargetItem[] {
    return [...this.bulk.targets.values()].sort((a, b) => a.position - b.position);
  }
  get commands(): CommandItem[] {
    return [...this.stores.commands.values()];
  }

  /** Stores a job as the API does. */
  create(asked: object): BulkJobItem {
    const body = bulkRequests.createBulkSend.parse({ kind: 'probe', ...asked });
    const job = newBulkJob(body, {
      tenantId,
      idempotencyKey: `k${this.bulk.jobs.size}`,
      submittedBy: { kind: 'operator', id: 'op' },
      at: this.now,
    });
    this.bulk.jobs.set(job.bulkId, job);
    return job;
  }

  /** One tick of the schedule, a minute long. */
  async tick(): Promise<void> {
    this.#dead = false;
    const from = this.now;
    await runBulkSends(this.deps(), { deadline: from + 40_000, leaseUntil: from + 50_000 });
    this.now = Math.max(this.now, from + 60_000);
    await this.#gatewaysAct();
  }

  async untilOver(ticksMax = 150): Promise<void> {
    for (let i = 0; i < ticksMax && this.job.openShard !== undefined; i++) await this.tick();
    if (this.job.openShard !== undefined)
      throw new Error(`the job never ends: ${JSON.stringify([this.job, this.rows])}`);
  }

  deps(): BulkRunnerDeps {
    const gateways = this.stores.gatewayStore();
    return {
      gateways: this.#mortal(gateways, ['update']),
      commands: this.#mortal(this.stores.commandStore(), ['create', 'replace']),
      audit: this.#mortal(this.stores.auditTrail(), ['append']),
      jobs: this.#mortal(this.bulk.jobStore(), ['update']),
      targets: this.#mortal(this.bulk.targetStore(), ['create', 'update']),
      select: async function* (this: BulkWorld) {
        yield* await Promise.resolve(this.gatewayIds.filter((id) => this.#fates.get(id) !== 'revoked'));
      }.bind(this),
      reach: {
        locate: async (id) => (await gateways.get(id))?.route,
        send: () => Promise.resolve('delivered'),
      },
      clock: { now: () => this.now, newId: () => `id-${(this.#ids += 1)}` },
      log: silentLog,
      cellId: undefined,
      wait: async (ms) => {
        this.now += ms;
        this.onWait();
        await this.#gatewaysAct();
      },
    };
  }

  /** A store whose process can die: from then on it neither reads nor writes. */
  #mortal<Store extends object>(store: Store, writing: readonly (keyof Store)[]): Store {
    const wrapped = Object.entries(store).map(
      ([name, call]: [string, (...args: unknown[]) => Promise<unknown>]) => [
        name,
        async (...args: unknown[]) => {
          if (this.#dead) throw new Error('the process is dead');
          if (!writing.includes(name as keyof Store)) return call(...args);
          const crash = this.crashes.get((this.writes += 1));
          if (crash) this.#dead = true;
          if (crash === 'before') throw new Error('the process dies');
          const before = this.commands.length;
          const result = await call(...args);
          try {
            this.#check(this.commands.length > before);
          } catch (error) {
            this.broken.push(error);
          }
          if (crash) throw new Error('the process dies');
          return result;
        },
      ],
    );
    return Object.fromEntries(wrapped) as Store;
  }

  /** What holds after every write. */
  #check(hasNewCommand: boolean): void {
    const { job, rows, commands } = this;
    const open = commands.filter(({ openSeq }) => openSeq !== undefined);
    expect(open.length).toBeLessThanOrEqual(job.concurrency);
    expect(new Set(commands.map(({ gatewayId }) => gatewayId)).size).toBe(commands.length);
    if (!hasNewCommand) return;
    expect(job.state).toBe('RUNNING');
    this.#starts.push(this.now);
    if (job.rate) {
      const { count, perMs } = job.rate;
      expect(this.#starts.filter((at) => at > this.now - perMs).length).toBeLessThanOrEqual(count);
    }
    const begun = rows.findLastIndex(({ commandId }) => commandId !== undefined);
    let largest = 0;
    for (const reach of job.waves.map((wave) => shareCount(wave, rows.length))) {
      if (begun >= reach && reach > largest)
        expect(rows.slice(0, reach).filter(({ state }) => !isFinalTarget(state))).toEqual([]);
      largest = Math.max(largest, reach);
    }
  }

  async #gatewaysAct(): Promise<void> {
    for (const [gatewayId, fate] of this.#fates) {
      for (const item of this.commands.filter(
        (each) => each.gatewayId === gatewayId && each.state === 'SENT',
      )) {
        if (fate === 'silent') continue;
        this.#apply(item, { type: 'ack', attempt: item.attempt, journalId: 'j', at: this.now });
        if (fate === 'runs') continue;
        this.#apply(item, {
          type: 'result',
          attempt: item.attempt,
          outcome: fate === 'succeeds' ? { status: 'SUCCEEDED' } : failure,
          startedAt: this.now,
          endedAt: this.now,
          at: this.now,
        });
      }
      const deps = {
        ...this.deps(),
        commands: this.stores.commandStore(),
        gateways: this.stores.gatewayStore(),
      };
      await sweepGateway(
        deps,
        gatewayId,
        [...this.stores.commands.values()].filter((item) => item.gatewayId === gatewayId),
      );
    }
  }

  #apply({ gatewayId, commandId }: CommandItem, event: CommandEvent): void {
    const key = `${gatewayId}/${commandId}`;
    const { next } = transition(this.stores.commands.get(key)!, event);
    if (next) this.stores.commands.set(key, next);
  }
}

const failure = { status: 'FAILED', error: { code: 'IO', message: 'the disk is gone' } } as const;

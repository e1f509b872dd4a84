import { isSameConfiguration } from '../../../core/configuration/configuration.ts';
import {
  nothingHeld,
  receiveDesired,
  type ConfigurationReport,
  type HeldConfiguration,
} from '../../../core/configuration/configuration-rules.ts';
import { silentLog } from '../../../core/log.ts';
import type { ConfigurationItem, GatewayItem } from '../../../core/model.ts';
import { parseDownstream } from '../../../core/messages.ts';
import { applied, type GuardedUpdate } from '../../../core/routes/guarded-update.ts';
import {
  offerAtHello,
  offerPending,
  takeReported,
} from '../../../lambda/configuration/offer-configuration.ts';
import { putConfiguration } from '../../../lambda/configuration/set-configuration.ts';
import { gatewayItem } from '../../support/gateway-item.ts';

/**
 * One gateway and its control plane, of which every call to a store and every frame waits until it is let go: the
 * functions are the real ones, the order in which their steps happen is the search's.
 */
export type Frame =
  | { t: 'desired'; epoch: number; version: number; configuration: unknown }
  | { t: 'reported'; epoch: number; report: ConfigurationReport }
  | { t: 'hello'; epoch: number; configVersion: number | undefined }
  | { t: 'status'; epoch: number };

/** What may still go wrong or be done; each step takes from it. */
export interface Budget {
  sets: number;
  statuses: number;
  restarts: number;
  losses: number;
  repeats: number;
  crashes: number;
  /** Changes that are through when the search begins. */
  setBefore: number;
}

interface Task {
  readonly name: string;
  /** What it has learned so far: with its name, all that its future depends on. */
  readonly learned: unknown[];
  go: (() => void) | undefined;
  isOver: boolean;
}

/** The second is one that the agent does not understand. */
const desires = [{ logLevel: 'debug' }, { timeZone: 'Mars/Olympus' }, { logLevel: 'warn' }];

export class World {
  item: ConfigurationItem | undefined;
  gateway: GatewayItem = gatewayItem();
  held: HeldConfiguration = nothingHeld;
  epoch = 1;
  frames: Frame[] = [];
  tasks: Task[] = [];
  setCount = 0;
  wasCrashed = false;
  readonly violations: string[] = [];
  readonly budget: Budget;

  constructor(budget: Budget) {
    this.budget = { ...budget };
    this.route(1);
  }

  async begin(): Promise<void> {
    for (; this.setCount < this.budget.setBefore; await this.settle()) this.set();
  }

  /** Every step that could be next. */
  steps(): string[] {
    const { budget, frames, tasks } = this;
    const steps = tasks.map((_, i) => `go ${i}`);
    frames.forEach((_, i) => steps.push(`deliver ${i}`));
    if (budget.losses > 0) frames.forEach((_, i) => steps.push(`lose ${i}`));
    if (budget.repeats > 0) frames.forEach((_, i) => steps.push(`repeat ${i}`));
    if (budget.crashes > 0) tasks.forEach((_, i) => steps.push(`crash ${i}`));
    if (budget.sets > 0) steps.push('set');
    if (budget.statuses > 0) steps.push('status');
    if (budget.restarts > 0) steps.push('restart');
    return steps;
  }

  async step(step: string): Promise<void> {
    const [verb, at] = step.split(' ');
    const before = this.counts();
    const index = Number(at);
    if (verb === 'go') this.tasks[index]!.go!();
    else if (verb === 'deliver') this.deliver(this.frames.splice(index, 1)[0]!);
    else if (verb === 'lose') this.spend('losses', () => this.frames.splice(index, 1));
    else if (verb === 'repeat') this.spend('repeats', () => this.deliver(this.frames[index]!));
    else if (verb === 'crash')
      this.spend('crashes', () => {
        this.wasCrashed = true;
        this.tasks.splice(index, 1);
      });
    else if (verb === 'set') this.spend('sets', () => this.set());
    else if (verb === 'status') this.spend('statuses', () => this.status());
    else if (verb === 'restart') this.spend('restarts', () => this.connect());
    await new Promise((resolve) => setImmediate(resolve));
    this.tasks = this.tasks.filter(({ isOver }) => !isOver);
    this.look(before, step);
  }

  /** All that the future depends on. */
  get key(): string {
    const { item, gateway, held, epoch, frames, budget, setCount, wasCrashed } = this;
    const tasks = this.tasks.map(({ name, learned }) => [name, learned]);
    const { route, configPending } = gateway;
    const texts = frames.map((frame) => JSON.stringify(frame)).sort();
    return JSON.stringify([
      item,
      route?.epoch,
      configPending,
      held,
      epoch,
      texts,
      budget,
      setCount,
      tasks,
      wasCrashed,
    ]);
  }

  get isQuiet(): boolean {
    return this.frames.length === 0 && this.tasks.length === 0;
  }

  status(): void {
    this.frames.push({ t: 'status', epoch: this.epoch });
  }

  /** A new connection of the same agent, with what stands on its disk. */
  connect(): void {
    this.epoch += 1;
    this.frames.push({ t: 'hello', epoch: this.epoch, configVersion: this.held.version || undefined });
  }

  async settle(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    while (!this.isQuiet) await this.step(this.steps()[0]!);
  }

  private spend(what: keyof Budget, act: () => void): void {
    this.budget[what] -= 1;
    act();
  }

  private route(epoch: number): void {
    const route = {
      epoch,
      cellId: 'cell-1',
      connectionId: `c${epoch}`,
      bootId: 'b',
      journalId: 'j',
      connectedAt: 0,
    };
    this.gateway = { ...this.gateway, route };
  }

  private set(): void {
    const configuration = desires[this.setCount++ % desires.length] as never;
    const asked = { principal: { kind: 'operator', id: 'op' } as const, tenantId: 'acme', gatewayId: 'gw-1' };
    this.run(`set ${this.setCount}`, (deps) => putConfiguration(deps, asked, { configuration }));
  }

  private deliver(frame: Frame): void {
    if (frame.t === 'desired') {
      if (frame.epoch !== this.epoch) return;
      // The agent's own look: what the cloud's schema knows and this agent's does not is the search's business.
      const { next, report } = receiveDesired(this.held, frame);
      this.held = next ?? this.held;
      this.frames.push({ t: 'reported', epoch: frame.epoch, report });
      return;
    }
    const socket = {
      connectionId: `c${frame.epoch}`,
      gatewayId: 'gw-1',
      tenantId: 'acme',
      epoch: frame.epoch,
      keyGeneration: 1,
    };
    if (frame.t === 'hello') {
      if (frame.epoch < (this.gateway.route?.epoch ?? 0)) return;
      this.route(frame.epoch);
      return this.run('hello', (deps) => offerAtHello(deps, socket, frame.configVersion), frame);
    }
    // As `requireLive` has it.
    const { gateway } = this;
    if (gateway.route?.epoch !== frame.epoch) return;
    if (frame.t === 'status')
      this.run('status', (deps) => offerPending(deps, socket, gateway), gateway.configPending);
    else this.run('reported', (deps) => takeReported(deps, socket, frame.report), frame);
  }

  private run(
    name: string,
    work: (deps: ReturnType<World['deps']>) => Promise<unknown>,
    given: unknown = '',
  ): void {
    const task: Task = { name, learned: [given], go: undefined, isOver: false };
    this.tasks.push(task);
    work(this.deps(task)).then(
      () => (task.isOver = true),
      (thrown: unknown) => {
        task.isOver = true;
        this.violations.push(`${name} threw ${String(thrown)}`);
      },
    );
  }

  /** A call that waits for its turn. */
  private turn<T>(task: Task, act: () => T): Promise<T> {
    return new Promise((resolve) => {
      task.go = () => {
        task.go = undefined;
        const result = structuredClone(act());
        task.learned.push(result ?? null);
        resolve(result);
      };
    });
  }

  private deps(task: Task) {
    const send = (epoch: number, drafts: readonly { t: string; body: unknown }[]): void => {
      for (const { body } of drafts) {
        const { version, configuration } = body as { version: number; configuration: unknown };
        this.frames.push({ t: 'desired', epoch, version, configuration });
      }
    };
    return {
      configurations: {
        get: () => this.turn(task, () => this.item),
        update: (gatewayId: string, update: GuardedUpdate) =>
          this.turn(task, () => {
            const next = applied(update, this.item, { gatewayId });
            if (next) this.item = next as ConfigurationItem;
            return next as ConfigurationItem | undefined;
          }),
      },
      gateways: {
        get: () => this.turn(task, () => this.gateway),
        update: (gatewayId: string, update: GuardedUpdate) =>
          this.turn(task, () => {
            const next = applied(update, this.gateway, { gatewayId });
            if (next) this.gateway = next;
            return next;
          }),
      },
      reach: {
        locate: () =>
          this.turn(task, () => {
            const { epoch, cellId, connectionId } = this.gateway.route!;
            return { epoch, cellId, connectionId };
          }),
        send: (_: string, { epoch }: { epoch: number }, drafts: readonly { t: string; body: unknown }[]) =>
          this.turn(task, () => {
            send(epoch, drafts);
            return 'delivered' as const;
          }),
      },
      connections: {
        post: (_connectionId: string, text: string) =>
          this.turn(task, () => {
            const parsed = parseDownstream(text);
            if (parsed.ok) send(parsed.message.epoch, [parsed.message]);
            return 'sent' as const;
          }),
        close: () => Promise.resolve(),
      },
      clock: { now: () => 0, newId: () => 'id' },
      log: silentLog,
    };
  }

  private counts() {
    const { item, held } = this;
    return {
      desired: item?.version ?? 0,
      reported: item?.reported?.version ?? 0,
      inForce: held.version,
      decided: Math.max(held.version, held.refused?.version ?? 0),
    };
  }

  private look(before: ReturnType<World['counts']>, step: string): void {
    const after = this.counts();
    for (const name of Object.keys(before) as (keyof typeof before)[])
      if (after[name] < before[name]) this.violations.push(`${step}: ${name} went back to ${after[name]}`);
  }
}

/** Whether the gateway and what is known of it agree. */
export function agrees({ item, gateway, held }: World): boolean {
  if (!item) return held.version === 0;
  const decided = Math.max(held.version, held.refused?.version ?? 0);
  const outcome = held.refused ? 'refused' : 'applied';
  const { reported } = item;
  return (
    decided === item.version &&
    (held.refused !== undefined || isSameConfiguration(held.configuration, item.configuration)) &&
    reported?.version === item.version &&
    reported.outcome === outcome &&
    gateway.configPending === undefined
  );
}

export interface Found {
  stateCount: number;
  quietCount: number;
  violations: string[];
}

/** Walks every order of steps that the budget allows, each state once. */
export async function searchOrders(budget: Budget): Promise<Found> {
  const seen = new Set<string>();
  const found: Found = { stateCount: 0, quietCount: 0, violations: [] };
  const open: string[][] = [[]];
  while (open.length > 0 && found.violations.length === 0) {
    const path = open.pop()!;
    const world = await replay(budget, path);
    if (seen.has(world.key)) continue;
    seen.add(world.key);
    found.stateCount += 1;
    found.violations.push(...world.violations.map((violation) => `${path.join(', ')}: ${violation}`));
    for (const step of world.steps()) open.push([...path, step]);
    if (!world.isQuiet) continue;
    found.quietCount += 1;
    found.violations.push(...(await unhealed(world, path)));
  }
  return found;
}

async function replay(budget: Budget, path: readonly string[]): Promise<World> {
  const world = new World(budget);
  await world.begin();
  for (const step of path) await world.step(step);
  return world;
}

/** From rest, the next status brings all in line; where a function died between two writes, the next hello. */
async function unhealed(world: World, path: readonly string[]): Promise<string[]> {
  const isRouted = world.gateway.route?.epoch === world.epoch;
  if (world.wasCrashed || !isRouted) {
    world.connect();
    await world.settle();
  }
  for (let statuses = 0; statuses < 2; statuses++) {
    world.status();
    await world.settle();
  }
  if (agrees(world) && world.violations.length === 0) return [];
  return [`${path.join(', ')}: never agreed: ${world.key} ${world.violations.join('; ')}`];
}

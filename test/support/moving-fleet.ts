import { randomUUID } from 'node:crypto';
import { Roster } from '../../core/alerts/roster.ts';
import type { GatewayItem, Route, StatusItem } from '../../core/model.ts';
import { newsShardOf } from '../../core/routes/gateway-news.ts';
import { applied, type GuardedUpdate } from '../../core/routes/guarded-update.ts';
import { confirmGateway, decideHello, loseRoute, repairRoute } from '../../core/routes/route-rules.ts';
import type { FleetSource } from '../../lambda/alerts/ports.ts';
import { gatewayItem, minutes, pagesOf, statusItem, t0 } from './fleet.ts';
import { seeded } from './random.ts';

/** An agent, as far as its connection goes. */
interface Agent {
  bootId: string;
  epoch: number;
  /** Whether its frames arrive. */
  isUp: boolean;
  rolloverAt: number;
  beatAt: number;
  upAt: number;
}

const beatMs = 5 * minutes;

/** A fleet in which everything happens that changes a gateway's item, by the rules that the functions write by. */
export class MovingFleet {
  now = t0;
  readonly happened = {} as Record<string, number>;
  readonly #items = new Map<string, GatewayItem>();
  readonly #statuses = new Map<string, StatusItem>();
  readonly #agents = new Map<string, Agent>();
  readonly #random: () => number;

  constructor(count: number, seed: number) {
    this.#random = seeded(seed);
    for (let i = 0; i < count; i++) this.#activate();
  }

  plain(): FleetSource {
    return {
      gateways: () => pagesOf([...this.#items.values()]),
      statuses: () => pagesOf([...this.#statuses.values()]),
    };
  }

  source({ whole }: { whole: () => void }): FleetSource {
    const plain = this.plain();
    return {
      ...plain,
      roster: new Roster(),
      gateways: () => (whole(), plain.gateways()),
      changes: {
        byIds: async (ids) => ids.flatMap((id) => this.#items.get(id) ?? []),
        since: (ms, isKnown) =>
          pagesOf(
            [...this.#items.values()].filter(
              ({ gatewayId, newsShard, newsAt }) =>
                newsShard !== undefined &&
                newsAt !== undefined &&
                newsAt >= ms &&
                !isKnown(gatewayId, newsAt),
            ),
          ),
      },
    };
  }

  /** In steps of seconds. */
  pass(ms: number): void {
    for (const end = this.now + ms; this.now < end; this.now += 5_000)
      for (const [id, agent] of this.#agents) this.#live(id, agent);
  }

  #live(id: string, agent: Agent): void {
    const item = this.#items.get(id)!;
    if (item.status === 'revoked') return;
    if (!agent.isUp) {
      if (this.now >= agent.upAt) this.#connect(id, agent, this.#chance(0.5) ? randomUUID() : agent.bootId);
      return;
    }
    if (this.now >= agent.rolloverAt) {
      this.#count('rollovers');
      this.#connect(id, agent, agent.bootId);
    }
    if (this.now >= agent.beatAt) {
      if (this.#chance(0.1)) this.#count('lateFrames');
      else this.#report(id, agent);
      agent.beatAt = this.now + beatMs;
    }
    if (this.#chance(1 / 1_500)) this.#strike(id, agent);
  }

  /** Something that is not planned. */
  #strike(id: string, agent: Agent): void {
    const item = this.#items.get(id)!;
    const strikes: Record<string, () => void> = {
      losses: () => {
        agent.isUp = false;
        agent.upAt = this.now + this.#random() * 30 * minutes;
        // `$disconnect` comes, or never.
        if (item.route && this.#chance(0.8)) this.#write(id, loseRoute(item.route, this.now));
      },
      // The old connection is still there when the new one says hello.
      flaps: () => this.#connect(id, agent, agent.bootId),
      clones: () => {
        for (const bootId of ['clone', agent.bootId]) this.#connect(id, agent, bootId, agent.bootId);
      },
      repairs: () => {
        const { route } = item;
        if (!route) return;
        this.#write(id, loseRoute(route, this.now));
        this.#write(id, repairRoute(this.#items.get(id)!, route, this.now));
      },
      revocations: () => {
        if (this.#chance(0.8)) return;
        const { route: _route, ...left } = item;
        this.#items.set(id, { ...left, status: 'revoked', routeLostAt: this.now, newsAt: this.now });
      },
      labels: () =>
        this.#items.set(id, { ...item, labels: { site: `s${this.#below(4)}` }, newsAt: this.now }),
      activations: () => this.#activate(),
      confirmations: () =>
        this.#write(id, item.status === 'pending' ? confirmGateway('acme', 'x', this.now) : undefined),
    };
    const names = Object.keys(strikes);
    const name = names[this.#below(names.length)]!;
    this.#count(name);
    strikes[name]!();
  }

  #activate(): void {
    const id = `gw-${this.#items.size}`;
    this.#items.set(
      id,
      gatewayItem({
        gatewayId: id,
        tenantId: 'acme',
        status: this.#chance(0.3) ? 'pending' : 'active',
        createdAt: this.now,
        route: undefined,
        recentHellos: [],
        newsShard: newsShardOf(id),
        newsAt: this.now,
      }),
    );
    const agent = { bootId: randomUUID(), epoch: 0, isUp: false, rolloverAt: 0, beatAt: 0, upAt: this.now };
    this.#agents.set(id, agent);
  }

  /** Says hello and reports at once; a report that is lost is of a connection to the same cell. */
  #connect(id: string, agent: Agent, bootId: string, own = bootId): void {
    const before = this.#items.get(id)!.route;
    const isHeard = before === undefined || this.#chance(0.8);
    agent.epoch = Math.max(agent.epoch + 1, this.now);
    const route: Route = {
      ...{ epoch: agent.epoch, bootId, journalId: 'j', connectedAt: this.now },
      ...{
        cellId: isHeard ? `cell-${this.#below(2)}` : (before?.cellId ?? 'cell-0'),
        connectionId: `${id}-${agent.epoch}`,
      },
    };
    const decision = decideHello(this.#items.get(id), { ...route, keyGeneration: 1 });
    if (decision.accept) this.#write(id, decision.update);
    agent.bootId = own;
    agent.isUp = true;
    agent.rolloverAt = this.now + 90 * minutes + this.#random() * 20 * minutes;
    if (isHeard) this.#report(id, agent);
    agent.beatAt = this.now + beatMs;
  }

  #report(id: string, { epoch, bootId }: Agent): void {
    const { route, tenantId } = this.#items.get(id)!;
    if (route?.epoch !== epoch) return;
    const of = { gatewayId: id, tenantId, epoch, cellId: route.cellId, receivedAt: this.now };
    const memory = this.#chance(0.1) ? 0.99 : 0.4;
    const beat = { bootId, sentAt: this.now, metrics: { 'system.memory.utilization': memory } };
    this.#statuses.set(id, statusItem(of, beat));
  }

  #write(id: string, update: GuardedUpdate | undefined): void {
    const next = update && applied(update, this.#items.get(id), { gatewayId: id });
    if (next) this.#items.set(id, next);
  }

  #count(what: string): void {
    this.happened[what] = (this.happened[what] ?? 0) + 1;
  }
  readonly #chance = (share: number): boolean => this.#random() < share;
  readonly #below = (count: number): number => Math.floor(this.#random() * count);
}

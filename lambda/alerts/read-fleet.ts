import { standingOf } from '../../core/alerts/doubts.ts';
import type { KnownGateway, Roster } from '../../core/alerts/roster.ts';
import type { GatewayItem, StatusItem } from '../../core/model.ts';
import { errorFields } from '../aws/invocation.ts';
import type { TickDeps } from './ports.ts';

/** What is remembered of a gateway is that old at most: whatever a write did not tell is found then. */
export const wholeEveryMs = 60 * 60_000;
/** News are asked for that far back: an index lags, and clocks of functions differ. */
export const newsOverlapMs = 15 * 60_000;
/** To read one gateway costs what a scan of six does: where so many are in doubt the next look reads all. */
const doubtfulShareMax = 1 / 6;
/** Statuses that wait in memory until their gateways are read. */
const heldMax = 1_000;

export interface FleetReader {
  /** Each gateway that is there, once, with its status. */
  take(gateway: KnownGateway, status: StatusItem | undefined): void;
  /** An item that cannot be read. */
  unreadable(gatewayId: string, thrown: unknown): void;
}
type ReadDeps = Pick<TickDeps, 'fleet' | 'limits' | 'begin' | 'log'>;

/**
 * Reads the fleet, gateways before statuses: each hour all gateways, in between those of which something changed. Who
 * seems to be silent by what is remembered is read again before anybody judges it. Where asking for news or
 * reading by key fails, all are read, at once or at the next look: a scan needs neither.
 */
export async function readFleet(
  deps: ReadDeps,
  roster: Roster,
  now: number,
  reader: FleetReader,
): Promise<void> {
  const { fleet, begin } = deps;
  begin?.('gateways');
  const isWhole = await new Gateways(deps, roster, reader).read(now);
  begin?.('statuses');
  const doubts = new Doubts(deps, roster, { now, isWhole, reader });
  const { wholeAt } = roster;
  // Unless this look comes to its end.
  roster.wholeAt = undefined;
  for await (const page of fleet.statuses()) {
    for (const status of page) doubts.take(status);
    await doubts.settle(heldMax);
  }
  for (const gateway of roster.rest()) doubts.judge(gateway, undefined);
  await doubts.settle(1);
  if (doubts.count <= doubtfulShareMax * roster.size) roster.wholeAt = wholeAt;
}

const isWholeDue = ({ wholeAt, newsUntil }: Roster, now: number): boolean =>
  wholeAt === undefined ||
  newsUntil === undefined ||
  now < Math.max(wholeAt, newsUntil) ||
  now - wholeAt >= wholeEveryMs;

/** Brings the roster up to date. */
class Gateways {
  readonly #deps: ReadDeps;
  readonly #roster: Roster;
  readonly #reader: FleetReader;

  constructor(deps: ReadDeps, roster: Roster, reader: FleetReader) {
    this.#deps = deps;
    this.#roster = roster;
    this.#reader = reader;
  }

  /** Whether all were read. */
  async read(now: number): Promise<boolean> {
    const isWhole = isWholeDue(this.#roster, now) || !(await this.#readChanges());
    if (isWhole) await this.#readAll(now);
    this.#roster.newsUntil = now;
    return isWhole;
  }

  async #readAll(now: number): Promise<void> {
    this.#roster.forgetAll();
    for await (const page of this.#deps.fleet.gateways()) this.#put(page);
    this.#roster.wholeAt = now;
  }

  /** False where there is no way to learn of changes, or it fails. */
  async #readChanges(): Promise<boolean> {
    const [roster, { changes }] = [this.#roster, this.#deps.fleet];
    if (!changes) return false;
    try {
      const broken = [...roster.broken];
      roster.broken.clear();
      if (broken.length > 0) this.#put(await changes.byIds(broken));
      const since = roster.forgetNews(roster.newsUntil! - newsOverlapMs);
      const isKnown = (id: string, newsAt: number): boolean =>
        roster.broken.has(id) || roster.knowsNews(id, newsAt);
      for await (const page of changes.since(since, isKnown)) this.#put(page);
      return true;
    } catch (thrown) {
      this.#deps.log('warn', 'proxy.news_unread', errorFields(thrown));
      return false;
    }
  }

  #put(gateways: readonly GatewayItem[]): void {
    for (const gateway of gateways)
      try {
        this.#roster.put(gateway);
      } catch (thrown) {
        unreadable(this.#roster, this.#reader, gateway.gatewayId, thrown);
      }
  }
}

/** Its old row is no help: who cannot be read is not judged by what it was. */
function unreadable(roster: Roster, reader: FleetReader, gatewayId: string, thrown: unknown): void {
  roster.forget(gatewayId);
  roster.broken.add(gatewayId);
  reader.unreadable(gatewayId, thrown);
}

/** A status that cannot be read is told of by whoever it is handed over to. */
function standingIn(
  look: Parameters<typeof standingOf>[2],
  gateway: KnownGateway,
  status: StatusItem | undefined,
): ReturnType<typeof standingOf> {
  try {
    return standingOf(gateway, status, look);
  } catch {
    return 'as-known';
  }
}

interface DoubtfulLook extends Pick<TickDeps, 'limits'> {
  now: number;
  isWhole: boolean;
  reader: FleetReader;
}

/** Hands over gateways with their statuses, and reads those again of which the roster may not know enough. */
class Doubts {
  count = 0;
  readonly #deps: ReadDeps;
  readonly #roster: Roster;
  readonly #look: DoubtfulLook;
  #held = new Map<string, StatusItem | undefined>();

  constructor(deps: ReadDeps, roster: Roster, look: Omit<DoubtfulLook, 'limits'>) {
    this.#deps = deps;
    this.#roster = roster;
    this.#look = { ...look, limits: deps.limits };
  }

  take(status: StatusItem): void {
    const gateway = this.#roster.take(status.gatewayId);
    if (gateway) return this.judge(gateway, status);
    // One that is not known, or was handed over already.
    if (this.#look.isWhole || this.#roster.has(status.gatewayId)) return;
    if (!this.#roster.broken.has(status.gatewayId)) this.#held.set(status.gatewayId, status);
  }

  judge(gateway: KnownGateway, status: StatusItem | undefined): void {
    const { isWhole, reader } = this.#look;
    const standing = standingIn(this.#look, gateway, status);
    if (standing === 'doubtful') this.count += 1;
    if (isWhole || standing === 'as-known' || this.#roster.isFresh(gateway)) reader.take(gateway, status);
    else if (standing === 'doubtful') this.#held.set(gateway.gatewayId, status);
    else reader.take(this.#roster.rollOver(gateway, status!), status);
  }

  /** Reads those that are held, where they are so many. */
  async settle(countMin: number): Promise<void> {
    if (this.#held.size < countMin) return;
    const held = this.#held;
    this.#held = new Map();
    const ids = [...held.keys()];
    const found = new Map((await this.#deps.fleet.changes!.byIds(ids)).map((item) => [item.gatewayId, item]));
    for (const gatewayId of ids) this.#settled(gatewayId, found.get(gatewayId), held.get(gatewayId));
  }

  #settled(gatewayId: string, item: GatewayItem | undefined, status: StatusItem | undefined): void {
    if (!item) return this.#roster.forget(gatewayId);
    let gateway: KnownGateway;
    try {
      gateway = this.#roster.putAndTake(item);
    } catch (thrown) {
      return unreadable(this.#roster, this.#look.reader, gatewayId, thrown);
    }
    this.#look.reader.take(gateway, status);
  }
}

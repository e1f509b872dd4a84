import { tellingHellos } from '../conditions/signals.ts';
import { HoldfastError } from '../errors.ts';
import { labelNames, type GatewayLabels } from '../identity/labels.ts';
import type { GatewayItem, Route } from '../model.ts';
import { networkOf } from '../patterns/attributes.ts';
import { Codes } from '../patterns/codes.ts';
import { newestEpoch as newestEpochOf } from '../routes/route-rules.ts';

/** What a look at the fleet needs to know of a gateway beside its status. */
export type KnownGateway = Pick<
  GatewayItem,
  'gatewayId' | 'tenantId' | 'status' | 'createdAt' | 'labels' | 'routeLostAt' | 'cloneSeenAt'
> & {
  route?: Pick<Route, 'epoch' | 'cellId' | 'connectedAt'>;
  recentHellos: readonly number[];
  /** The first half of the address that it was activated from. */
  network?: string;
  /** Of the newest connection that is known, its route's or one that is lost. */
  newestEpoch: number;
};

const statuses = ['pending', 'active', 'revoked'] as const satisfies readonly GatewayItem['status'][];

/** Columns of codes: of the customer, the status, the cell, the network, and of each label. */
const [tenant, status, cell, network, firstLabel] = [0, 1, 2, 3, 4] as const;
const codesOfRow = firstLabel + labelNames.length;
/** Columns of times, 0 where there is none. */
const [createdAt, routeLostAt, connectedAt, epoch, lastHelloAt] = [0, 1, 2, 3, 4] as const;
const timesOfRow = 5;

/**
 * A fleet's gateways in columns: 80 bytes each beside its id, where an item as an object has two thousand. What many of
 * them have in common (customer, cell, labels) is kept once.
 */
export class Roster {
  readonly #rows = new Map<string, number>();
  readonly #ids: string[] = [];
  readonly #tenants = new Codes();
  /** Code 0 is a text that is not there. */
  #texts = new Codes('');
  #codes = new Uint32Array(1_024 * codesOfRow);
  #times = new Float64Array(1_024 * timesOfRow);
  /** In which look the row was put, and taken, last. */
  #putIn = new Uint32Array(1_024);
  #takenIn = new Uint32Array(1_024);
  #look = 0;
  /** When all gateways were read last, and until when their news are known; undefined: never, or not to the end. */
  wholeAt: number | undefined;
  newsUntil: number | undefined;
  /** Those whose items could not be put. */
  readonly broken = new Set<string>();
  /** Of gateways with news: of when those are that were put. */
  readonly #news = new Map<string, number>();
  /** The last look at which all were put: whoever was not put since is not there. */
  #wholeLook = 0;
  #isInUse = false;
  /** Of the few whose hellos say more than when the last one was, and of those that have a clone. */
  readonly #hellos = new Map<number, readonly number[]>();
  readonly #clones = new Map<number, number>();

  /** A new look begins: gateways are put, then taken. False while another one goes on. */
  begin(): boolean {
    if (this.#isInUse) return false;
    this.#isInUse = true;
    this.#look += 1;
    return true;
  }
  /** In this look all are put: whoever is not is not there. Without it, those of the looks before are there still. */
  forgetAll(): void {
    // Also what this look put before, whose texts are no longer there.
    this.#look += 1;
    this.#wholeLook = this.#look;
    this.wholeAt = undefined;
    this.broken.clear();
    // Labels that were changed again and again would be kept for ever.
    this.#texts = new Codes('');
    // A scan may show a gateway as it was before its news.
    this.#news.clear();
  }
  /** News from before that time are asked for no more; answers with it. */
  forgetNews(before: number): number {
    for (const [gatewayId, newsAt] of this.#news) if (newsAt < before) this.#news.delete(gatewayId);
    return before;
  }
  /** Other news are not known, older ones neither: they may be a later write's, by a clock that is behind. */
  knowsNews(gatewayId: string, newsAt: number): boolean {
    return this.#news.get(gatewayId) === newsAt;
  }
  end(): void {
    this.#isInUse = false;
  }

  /** Adds a gateway, or takes over what is new of it. */
  put(gateway: GatewayItem): void {
    const row = this.#rowFor(gateway.gatewayId);
    const { route, labels, activatedFrom, cloneSeenAt } = gateway;
    // Before anything is taken over: an item without them is none.
    const hellos = tellingHellos(gateway.recentHellos);
    const { createdAt: created, routeLostAt: lost = 0 } = gateway;
    const [connected, newest] = [route?.connectedAt ?? 0, newestEpochOf(gateway)];
    const areTimes =
      Number.isFinite(created) &&
      Number.isFinite(lost) &&
      Number.isFinite(connected) &&
      Number.isFinite(newest);
    if (!areTimes || !hellos.every(Number.isFinite)) throw lacksTime(gateway);
    const codes = row * codesOfRow;
    this.#codes[codes + tenant] = this.#tenants.of(gateway.tenantId);
    this.#codes[codes + status] = statuses.indexOf(gateway.status);
    this.#codes[codes + cell] = this.#codeOf(route?.cellId);
    this.#codes[codes + network] = this.#codeOf(activatedFrom?.address && networkOf(activatedFrom.address));
    for (let i = 0; i < labelNames.length; i++)
      this.#codes[codes + firstLabel + i] = labels ? this.#codeOf(labels[labelNames[i]!]) : 0;
    const times = row * timesOfRow;
    this.#times[times + createdAt] = created;
    this.#times[times + routeLostAt] = lost;
    this.#times[times + connectedAt] = connected;
    this.#times[times + epoch] = newest;
    this.#times[times + lastHelloAt] = hellos.at(-1) ?? 0;
    if (hellos.length > 1) this.#hellos.set(row, hellos);
    else this.#hellos.delete(row);
    if (cloneSeenAt === undefined) this.#clones.delete(row);
    else this.#clones.set(row, cloneSeenAt);
    this.#putIn[row] = this.#look;
    if (gateway.newsAt !== undefined && this.#wholeLook !== this.#look)
      this.#news.set(gateway.gatewayId, gateway.newsAt);
  }

  /** It is not there until it is put again. */
  forget(gatewayId: string): void {
    const row = this.#rows.get(gatewayId);
    if (row !== undefined) this.#putIn[row] = 0;
  }

  /** Another connection took over as it was planned: nothing else of the gateway is new. */
  rollOver({ gatewayId }: KnownGateway, to: Pick<Route, 'epoch' | 'cellId'>): KnownGateway {
    const row = this.#rows.get(gatewayId)!;
    this.#codes[row * codesOfRow + cell] = this.#codeOf(to.cellId);
    this.#times[row * timesOfRow + epoch] = to.epoch;
    return this.#known(row);
  }

  has(gatewayId: string): boolean {
    const row = this.#rows.get(gatewayId);
    return row !== undefined && this.#isThere(row);
  }

  /** Whether it was put in this look. */
  isFresh({ gatewayId }: KnownGateway): boolean {
    return this.#putIn[this.#rows.get(gatewayId)!] === this.#look;
  }

  /** How many there are room for: about how many there are. */
  get size(): number {
    return this.#ids.length;
  }

  /** The gateway, once a look; undefined where it is not known, or was taken already. */
  take(gatewayId: string): KnownGateway | undefined {
    const row = this.#rows.get(gatewayId);
    return row !== undefined && this.#mayTake(row) ? this.#known(row) : undefined;
  }

  /** Takes all that are left. */
  *rest(): Generator<KnownGateway> {
    for (let row = 0; row < this.#ids.length; row++) if (this.#mayTake(row)) yield this.#known(row);
  }

  /** Puts one that was taken, or was not known, and takes it. */
  putAndTake(gateway: GatewayItem): KnownGateway {
    this.put(gateway);
    const row = this.#rows.get(gateway.gatewayId)!;
    this.#takenIn[row] = this.#look;
    return this.#known(row);
  }

  #isThere(row: number): boolean {
    return this.#putIn[row]! >= Math.max(1, this.#wholeLook);
  }

  #mayTake(row: number): boolean {
    if (!this.#isThere(row) || this.#takenIn[row] === this.#look) return false;
    this.#takenIn[row] = this.#look;
    return true;
  }

  #rowFor(gatewayId: string): number {
    const known = this.#rows.get(gatewayId);
    if (known !== undefined) return known;
    const row = this.#ids.push(gatewayId) - 1;
    this.#rows.set(gatewayId, row);
    if (row >= this.#takenIn.length) {
      const rows = 2 * this.#takenIn.length;
      this.#codes = larger(this.#codes, new Uint32Array(rows * codesOfRow));
      this.#times = larger(this.#times, new Float64Array(rows * timesOfRow));
      this.#putIn = larger(this.#putIn, new Uint32Array(rows));
      this.#takenIn = larger(this.#takenIn, new Uint32Array(rows));
    }
    return row;
  }

  #codeOf(text: string | undefined): number {
    return text ? this.#texts.of(text) : 0;
  }

  #known(row: number): KnownGateway {
    const [codes, times] = [row * codesOfRow, row * timesOfRow];
    const cellId = this.#textAt(codes + cell);
    const newestEpoch = this.#times[times + epoch]!;
    const last = this.#times[times + lastHelloAt]!;
    return {
      gatewayId: this.#ids[row]!,
      tenantId: this.#tenants.names[this.#codes[codes + tenant]!]!,
      status: statuses[this.#codes[codes + status]!]!,
      createdAt: this.#times[times + createdAt]!,
      labels: this.#labelsOf(codes),
      network: this.#textAt(codes + network),
      route:
        cellId === undefined
          ? undefined
          : { cellId, epoch: newestEpoch, connectedAt: this.#times[times + connectedAt]! },
      newestEpoch,
      routeLostAt: this.#times[times + routeLostAt]! || undefined,
      recentHellos: this.#hellos.get(row) ?? (last === 0 ? [] : [last]),
      cloneSeenAt: this.#clones.get(row),
    };
  }

  #textAt(place: number): string | undefined {
    return this.#texts.names[this.#codes[place]!] || undefined;
  }

  #labelsOf(codes: number): GatewayLabels | undefined {
    let labels: GatewayLabels | undefined;
    for (let i = 0; i < labelNames.length; i++) {
      const code = this.#codes[codes + firstLabel + i]!;
      if (code !== 0) (labels ??= {})[labelNames[i]!] = this.#texts.names[code];
    }
    return labels;
  }
}

/** A time that is no number would make whatever it is compared with come out false. */
const lacksTime = ({ gatewayId }: GatewayItem): HoldfastError =>
  new HoldfastError('INTERNAL', `the stored item of gateway ${gatewayId} lacks a time`, {
    hint: 'compare it in the Gateways table with another one',
  });

function larger<T extends Uint32Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

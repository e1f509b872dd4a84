import { isInForce } from '../../core/alerts/group-alerts.ts';
import type { AlertEvent } from '../../core/alert-event.ts';
import type { AlertItem } from '../../core/model.ts';
import type { Heartbeat } from '../../core/status.ts';
import { statusItem } from '../support/fleet.ts';
import { TickWorld, tickMs } from '../support/tick-world.ts';

/** An alert as a receiver knows it: its labels are what rules of inhibition and groups go by. */
export interface Labelled {
  id: string;
  labels: Readonly<Record<string, string>>;
}
/** What one look at a fleet leads to. */
export interface Notices {
  /** Of each alert that fires, the one that inhibits it; '' none does. */
  inhibitedBy: Readonly<Record<string, string>>;
  /** What went out, sorted; each with the alerts that it tells of. */
  messages: readonly string[];
}
/** One look in which something changed. */
export interface Look {
  /** What fires, causes of others too. */
  up: readonly Labelled[];
  /** Incidents that do not fire yet. */
  pending: readonly Labelled[];
  /** Of what fires, the ids of those of which nobody knows anything just now. */
  unknown: readonly string[];
  /** Nobody looked and nobody repeated anything, for longer than an alert lasts by itself. */
  isAway: boolean;
  holdfast: Notices;
}
export interface Scene {
  name: string;
  looks: readonly Look[];
}

export type News = Readonly<Record<string, 'firing' | 'resolved'>>;
export const messageText = (news: News): string =>
  Object.entries(news)
    .map(([id, type]) => `${id} ${type}`)
    .sort()
    .join(', ');

/** The real status proxy over a fleet, minute by minute; keeps the looks that change anything. */
export class Stage {
  readonly world = new TickWorld();
  readonly #looks: Look[] = [];
  readonly #beats = new Map<string, Partial<Heartbeat>>();

  /** What they report from now on, as long as they are heard of. */
  report(gatewayIds: readonly string[], beat: Partial<Heartbeat>): void {
    for (const gatewayId of gatewayIds) this.#beats.set(gatewayId, beat);
  }

  async ticks(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const { gateways, statuses, dark, now } = this.world;
      for (const [gatewayId, beat] of this.#beats) {
        const { route, tenantId } = gateways.get(gatewayId)!;
        if (!route) continue;
        // It speaks for itself, so the world does not.
        dark.add(gatewayId);
        statuses.set(gatewayId, statusItem({ gatewayId, tenantId, receivedAt: now + tickMs }, beat));
      }
      await this.world.tick();
      this.#note(false);
    }
  }

  /** The proxy is away for so long. */
  away(ms: number): void {
    this.world.now += ms;
    this.#note(true);
  }

  done(name: string): Scene {
    return { name, looks: this.#looks };
  }

  #note(isAway: boolean): void {
    const alerts = [...this.world.alerts.values()];
    const firing = alerts.filter(isFiring);
    const idOfKey = new Map(alerts.map((item) => [item.alertKey, idOf(item)]));
    const inhibitedBy = Object.fromEntries(
      firing.map((item) => [idOf(item), idOfKey.get(item.inhibitedBy ?? '') ?? item.inhibitedBy ?? '']),
    );
    const messages = this.world.heard().map((event) => messageText(newsOf(event, idOfKey)));
    const look: Look = {
      up: firing.map((item) => this.#labelled(item)),
      pending: alerts
        .filter(({ conditionId, state }) => conditionId === 'SiteIncident' && state === 'PENDING')
        .map((item) => this.#labelled(item)),
      unknown: firing.filter(({ state }) => state === 'UNKNOWN').map(idOf),
      isAway,
      holdfast: { inhibitedBy, messages: messages.sort() },
    };
    const before = this.#looks.at(-1);
    const isSame = stateText(look) === (before ? stateText(before) : '[{},[],[]]');
    if (messages.length > 0 || isAway || before?.isAway || !isSame) this.#looks.push(look);
  }

  #labelled(item: AlertItem): Labelled {
    const { conditionId, tenantId, gatewayId, component, pattern } = item;
    const labels = { alertname: conditionId, tenant: tenantId, key: idOf(item) };
    if (pattern) {
      const { attribute, value } = pattern;
      return {
        id: idOf(item),
        labels: {
          ...labels,
          condition: pattern.conditionId,
          attribute,
          ...(attribute !== '*' && { [attribute]: value }),
        },
      };
    }
    if (conditionId === 'SiteIncident') {
      const [condition = '', ...site] = component.split(' ').reverse();
      return { id: idOf(item), labels: { ...labels, condition, site: site.reverse().join(' ') } };
    }
    const { site = '', region = '' } = this.world.gateways.get(gatewayId)?.labels ?? {};
    return { id: idOf(item), labels: { ...labels, condition: conditionId, site, region } };
  }
}

const stateText = ({ holdfast, pending, unknown }: Look): string =>
  JSON.stringify([holdfast.inhibitedBy, pending.map(({ id }) => id), unknown]);

const isFiring = (item: AlertItem): boolean =>
  isInForce(item) || (item.state === 'UNKNOWN' && item.frozenState !== 'PENDING');

const idOf = ({ conditionId, tenantId, gatewayId, component }: AlertItem): string =>
  [conditionId, gatewayId || tenantId, component].filter((part) => part !== '').join(' ');

function newsOf(event: AlertEvent, idOfKey: ReadonlyMap<string, string>): News {
  const { type, digest } = event;
  const id = (eventId: string) => idOfKey.get(eventId.slice(0, eventId.indexOf('#'))) ?? eventId;
  if (type !== 'digest') return { [id(event.eventId)]: type === 'resolved' ? 'resolved' : 'firing' };
  const told = (ids: readonly string[] = [], as: 'firing' | 'resolved') => ids.map((each) => [id(each), as]);
  return Object.fromEntries([
    ...told(digest?.firing, 'firing'),
    ...told(digest?.resolved, 'resolved'),
  ]) as News;
}

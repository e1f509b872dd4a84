import type { Condition } from '../conditions/condition.ts';
import { conditions } from '../conditions/conditions.ts';
import type { Observation } from '../conditions/evaluate.ts';
import { beatMs, staleAfterBeats, type ConditionLimits } from '../conditions/signals.ts';
import type { AlertItem, GatewayItem, StatusItem } from '../model.ts';
import { heartbeatVolumesMax } from '../status.ts';
import { alertKeyOf } from './alert-key.ts';
import { isLive } from './inhibition.ts';
import { newAlert, observed, unseen, withdrawn } from './lifecycle.ts';
import type { AlertHold } from './model.ts';
import type { Holdable } from './holds.ts';
import { displaced, seated } from './places.ts';

/** One thing to do to one alert; `apply` may be repeated on a newer copy of the item. */
export interface AlertStep {
  alertKey: string;
  conditionId: string;
  /** The copy that the plan was made from; undefined: not among the open ones, read it by its key. */
  known: AlertItem | undefined;
  apply: (stored: AlertItem | undefined, now: number, hold?: AlertHold) => AlertItem | undefined;
  /** What an alert about many gateways stands for: it is held, too, where each of them is. */
  members?: readonly Holdable[];
}

/**
 * What has to be done to one gateway's alerts. Open alerts without an observation are frozen: missing data resolves none.
 * `open` holds the gateway's alerts of the index, `observations` what was seen now by `rows`, `fresh` the status that it
 * was seen in, where it is not stale.
 */
export function planGateway(
  gateway: PlannedGateway,
  open: readonly AlertItem[],
  observations: readonly Observation[],
  limits: ConditionLimits,
  { rows = conditions, fresh }: { rows?: readonly Condition[]; fresh?: StatusItem } = {},
): AlertStep[] {
  const rest = new Map(open.map((item) => [partOf(item.conditionId, item.component), item]));
  const known: [AlertItem, Observation][] = [];
  const newcomers: Observation[] = [];
  for (const o of gateway.status === 'active' ? observations : []) {
    if (o.condition.alerts === false) continue;
    const part = partOf(o.condition.id, o.component);
    const item = rest.get(part);
    rest.delete(part);
    if (item) known.push([item, o]);
    // A closed alert changes only when it is raised: the many quiet ones cost no read.
    else if (o.level === 'raised') newcomers.push(o);
  }
  const turn = fresh?.heartbeat.seq ?? 0;
  const remembered = known.filter(([item, { level }]) => !isLive(item) && level !== 'raised');
  const idle = [...rest.values(), ...remembered.map(([item]) => item)];
  const seating = seated(newcomers, { open, idle, turn });
  const lastsForMs = seating.isCrowded ? staleAfterBeats * beatMs({ status: fresh, limits }) : 0;
  const step = (item: AlertItem | undefined, o: Observation): AlertStep => {
    // Only now: a hash for each of the many that are clear would be most of a tick's work.
    const conditionId = o.condition.id;
    const alertKey = item?.alertKey ?? alertKeyOf({ ...gateway, conditionId, component: o.component });
    const read = o.component === '' ? o : { ...o, forMs: Math.max(lastsForMs, o.forMs ?? 0) };
    const apply: AlertStep['apply'] = (stored, now, hold) =>
      observed(stored ?? newAlert(gateway, o), read, now, limits, hold);
    return { alertKey, conditionId, known: item, apply };
  };
  const leaving = new Set(seating.displaced);
  const unread = withoutReading(gateway, rows, fresh);
  return [
    ...known.filter(([item]) => !leaving.has(item)).map(([item, o]) => step(item, o)),
    ...seating.displaced.map((item) => stepOf(item, makingRoom(item))),
    ...seating.admitted.map((o) => step(undefined, o)),
    ...[...rest.values()].filter((item) => !leaving.has(item)).map((item) => stepOf(item, unread)),
  ];
}

const stepOf = (known: AlertItem, apply: AlertStep['apply']): AlertStep => {
  const { alertKey, conditionId } = known;
  return { alertKey, conditionId, known, apply };
};

/** One that changed meanwhile may have its reading back: it stays. */
const makingRoom =
  ({ version }: AlertItem): AlertStep['apply'] =>
  (stored, now) =>
    stored?.version === version ? displaced(stored, now) : stored;

type PlannedGateway = Pick<GatewayItem, 'gatewayId' | 'tenantId' | 'status'>;

/** A condition's id holds no space. */
const partOf = (conditionId: string, component: string): string => `${conditionId} ${component}`;

const withoutReading =
  (gateway: PlannedGateway, rows: readonly Condition[], fresh: StatusItem | undefined): AlertStep['apply'] =>
  (stored, now) => {
    if (!stored) return undefined;
    if (gateway.status !== 'active') return withdrawn(stored, now, 'revoked');
    const row = rows.find(({ id }) => id === stored.conditionId);
    if (!row) return withdrawn(stored, now, 'unwatched');
    return unseen(stored, now, { isMissing: fresh !== undefined && isMissing(row, stored, fresh) });
  };

/**
 * True when the gateway's whole list of volumes lacks the alert's. A full list may have been cut, and file systems are left
 * out of a report that grows too large.
 */
const isMissing = (
  { scope }: Condition,
  { component }: AlertItem,
  { heartbeat: { volumes } }: StatusItem,
): boolean =>
  scope === 'volume' &&
  volumes.length < heartbeatVolumesMax &&
  volumes.every(({ volumeId }) => volumeId !== component);

import { acknowledged, unacknowledged } from '../../core/alerts/acknowledge.ts';
import { stateBehind } from '../../core/alerts/alert-item.ts';
import { escalated } from '../../core/alerts/escalate.ts';
import { openShards } from '../../core/alerts/alert-key.ts';
import { latestReading, type LatestReading } from '../../core/alerts/latest-reading.ts';
import { alertTrail as trailOf, isOpenAlert, shownAlert } from '../../core/alerts/alert-view.ts';
import type { AlertTrail, AlertView, Answers } from '../../core/api.ts';
import { HoldfastError } from '../../core/errors.ts';
import type { AlertItem, CommandItem } from '../../core/model.ts';
import { cursorOf } from '../api/cursor.ts';
import type { ApiRequest } from '../aws/http-handler.ts';
import type { commandsTable, gatewaysTable, statusTable } from '../aws/tables.ts';
import { collect } from '../aws/collect.ts';
import { putNext, type AlertsTable } from './alert-store.ts';
import { silencesOfTenant, type SilenceDeps } from './silences.ts';
import { requireWhole, wholeAlerts } from './whole-alerts.ts';
import { typed } from '../../core/typed.ts';

export interface AlertsDeps {
  readonly alerts: AlertsTable;
  readonly commands: ReturnType<typeof commandsTable>;
  readonly silences: SilenceDeps['silences'];
  readonly now: () => number;
}
/** For what an alert's gateway says now. */
export interface LatestDeps {
  readonly gateways: ReturnType<typeof gatewaysTable>;
  readonly status: ReturnType<typeof statusTable>;
}
interface Page {
  alerts: AlertView[];
  next?: string;
}

/** Alerts of one answer: with its audit one has 4 KB at most, so a page stays far below Lambda's 6 MB. */
export const pageCount = 100;
const conflictsMax = 5;
/** What a person calls open: it fired and was not resolved; frozen ones too. The same rule as `isOpenAlert`. */
export const isOpen = {
  filter: '#state IN (:firing, :acked) OR (#state = :unknown AND #frozenState <> :pending)',
  values: { ':firing': 'FIRING', ':acked': 'ACKED', ':unknown': 'UNKNOWN', ':pending': 'PENDING' },
};

/** The tenant's alerts, those that changed last first; `?state=open` (the default) or `all`. */
export async function listAlerts(
  deps: AlertsDeps,
  { tenantId, query, log }: ApiRequest<'listAlerts'>,
): Promise<Page> {
  const { state = 'open', next } = query;
  if (state !== 'open' && state !== 'all')
    throw new HoldfastError('INVALID_INPUT', `state "${state}" is neither open nor all`);
  const [changedAt, alertKey] = cursorOf(next, /^(\d{1,15})\.([0-9a-f]{32})$/);
  const found = deps.alerts.query({
    index: 'byTenant',
    key: '#tenantId = :tenant',
    filter: state === 'open' ? isOpen.filter : undefined,
    values: { ':tenant': tenantId, ...(state === 'open' ? isOpen.values : {}) },
    newestFirst: true,
    after: alertKey === undefined ? undefined : { tenantId, changedAt: Number(changedAt), alertKey },
  });
  return pageOf(deps, wholeAlerts(found, log), (last) => `${last.changedAt}.${last.alertKey}`);
}

/** Open alerts of every tenant, in no order. */
export async function fleetAlerts(
  deps: AlertsDeps,
  { query, log }: ApiRequest<'fleetAlerts'>,
): Promise<Page> {
  const [shard = openShards[0], alertKey] = cursorOf(query['next'], /^([0-7])\.([0-9a-f]{32})$/);
  async function* found() {
    for (const openShard of openShards.filter((one) => one >= shard))
      yield* deps.alerts.query({
        index: 'open',
        key: '#openShard = :shard',
        filter: isOpen.filter,
        values: { ':shard': openShard, ...isOpen.values },
        after: openShard === shard && alertKey !== undefined ? { openShard, alertKey } : undefined,
      });
  }
  return pageOf(deps, wholeAlerts(found(), log), (last) => `${last.openShard}.${last.alertKey}`);
}

export async function getAlert(
  deps: AlertsDeps & LatestDeps,
  request: ApiRequest<'getAlert'>,
): Promise<{ alert: AlertView }> {
  const item = await requireAlert(deps, request);
  const [silences, latest] = await Promise.all([silencesOf(deps, item), latestOf(deps, item)]);
  return { alert: { ...shownAlert(item, silences, deps.now()), ...(latest ? { latest } : {}) } };
}

async function latestOf(
  { gateways, status }: LatestDeps,
  item: AlertItem,
): Promise<LatestReading | undefined> {
  const { gatewayId } = item;
  // An alert about many gateways names none.
  if (gatewayId === '' || !isOpenAlert(item)) return undefined;
  const [gateway, newest] = await Promise.all([gateways.get({ gatewayId }), status.get({ gatewayId })]);
  try {
    return gateway && newest && latestReading(item, gateway, newest);
  } catch {
    // A stored item that cannot be read says nothing; the alert is shown all the same.
    return undefined;
  }
}

/** CONFLICT when the alert does not fire; acknowledging twice is no error and changes the reason alone. */
export async function ackAlert(
  deps: AlertsDeps,
  request: ApiRequest<'ackAlert'>,
): Promise<Answers['ackAlert']> {
  const { alert, before } = await changeAck(deps, request, acknowledged);
  const { ackedAt, ackedBy, ackedWhy } = before;
  return { alert, ...(stateBehind(before) === 'ACKED' ? { before: { ackedAt, ackedBy, ackedWhy } } : {}) };
}

/** CONFLICT when the alert does not fire; of one that nobody acknowledged nothing changes. */
export async function unackAlert(
  deps: AlertsDeps,
  request: ApiRequest<'unackAlert'>,
): Promise<{ alert: AlertView; hadNone?: true }> {
  const { alert, isSame } = await changeAck(deps, request, unacknowledged);
  return { alert, ...(isSame ? { hadNone: true } : {}) };
}

async function changeAck(
  deps: AlertsDeps,
  request: ApiRequest<'ackAlert' | 'unackAlert'>,
  by: typeof acknowledged,
): Promise<Changed> {
  return changeAlert(deps, request, (item) => {
    const next = by(item, { by: request.principal.id, why: request.body.why, at: deps.now() });
    if (next) return next;
    throw new HoldfastError('CONFLICT', `alert ${item.alertKey} is ${item.state}`, {
      hint: 'only a firing alert can be acknowledged, or an acknowledgement of it be taken back',
    });
  });
}

/** CONFLICT when that episode of the alert does not fire; the first mark of an episode stays. */
export async function escalateAlert(
  deps: AlertsDeps,
  request: ApiRequest<'escalateAlert'>,
): Promise<{ alert: AlertView }> {
  const { alert } = await changeAlert(deps, request, (item) => {
    const next = escalated(item, { ...request.body, by: request.principal.id }, deps.now());
    if (next) return next;
    throw new HoldfastError(
      'CONFLICT',
      `alert ${item.alertKey} is ${item.state}, in episode ${item.episode}`,
      { hint: 'only a firing alert can be escalated, in its own episode' },
    );
  });
  return { alert };
}

interface Changed {
  alert: AlertView;
  before: AlertItem;
  /** There was nothing to change. */
  isSame: boolean;
}

async function changeAlert(
  deps: AlertsDeps,
  request: ApiRequest<'ackAlert' | 'unackAlert' | 'escalateAlert'>,
  change: (item: AlertItem) => AlertItem,
): Promise<Changed> {
  for (let conflict = 0; conflict < conflictsMax; conflict++) {
    const item = await requireAlert(deps, request);
    const next = change(item);
    const isSame = next === item;
    if (isSame || (await putNext(deps.alerts, next)))
      return { alert: shownAlert(next, await silencesOf(deps, next), deps.now()), before: item, isSame };
  }
  throw new HoldfastError('UNAVAILABLE', 'the alert is changing too often just now', { hint: 'try again' });
}

export async function alertTrail(deps: AlertsDeps, request: ApiRequest<'alertTrail'>): Promise<AlertTrail> {
  const item = await requireAlert(deps, request);
  const [commands, silences] = await Promise.all([commandsFor(deps, item), silencesOf(deps, item)]);
  return trailOf(item, { commands, silences }, deps.now());
}

async function commandsFor({ commands }: AlertsDeps, item: AlertItem): Promise<CommandItem[]> {
  // Nobody commands many gateways in the name of one.
  if (item.gatewayId === '') return [];
  const found = commands.query({
    key: '#gatewayId = :gateway',
    filter: '#cause.#alertKey = :alert',
    values: { ':gateway': item.gatewayId, ':alert': item.alertKey },
    strong: true,
  });
  return collect(found);
}

const silencesOf = ({ silences }: AlertsDeps, { tenantId }: Pick<AlertItem, 'tenantId'>) =>
  silencesOfTenant(silences, tenantId);

/** NOT_FOUND also for another tenant's: who may not see it learns nothing of it. INTERNAL where it is damaged. */
async function requireAlert(
  { alerts }: AlertsDeps,
  { tenantId, params }: ApiRequest<'getAlert' | 'ackAlert' | 'unackAlert' | 'escalateAlert' | 'alertTrail'>,
): Promise<AlertItem> {
  const alertKey = params['alertKey'] ?? '';
  const item = /^[0-9a-f]{32}$/.test(alertKey) ? await alerts.get({ alertKey }) : undefined;
  if (item?.tenantId === tenantId) return requireWhole(item);
  throw new HoldfastError('NOT_FOUND', `there is no alert ${alertKey.slice(0, 64)}`, {
    hint: `\`${typed('holdfast alerts list --all')}\` shows them`,
  });
}

/** A full page may have another behind it. One query of silences for each tenant on it: of the whole fleet, 100 at most. */
async function pageOf(
  deps: AlertsDeps,
  found: AsyncIterable<AlertItem>,
  cursor: (last: AlertItem) => string,
): Promise<Page> {
  const items: AlertItem[] = [];
  for await (const item of found) if (items.push(item) === pageCount) break;
  const last = items.length === pageCount ? items.at(-1) : undefined;
  const tenants = [...new Set(items.map(({ tenantId }) => tenantId))];
  const silences = new Map(
    await Promise.all(tenants.map(async (id) => [id, await silencesOf(deps, { tenantId: id })] as const)),
  );
  const now = deps.now();
  const alerts = items.map((item) => shownAlert(item, silences.get(item.tenantId) ?? [], now));
  return { alerts, ...(last ? { next: cursor(last) } : {}) };
}

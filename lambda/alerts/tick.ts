import pLimit from 'p-limit';
import type { AlertEvent } from '../../core/alert-event.ts';
import { alertEvent } from '../../core/alerts/alert-events.ts';
import { planGateway, type AlertStep } from '../../core/alerts/alert-plan.ts';
import { cellOf, frozenCells } from '../../core/alerts/cell-health.ts';
import { emitted as withoutEmitted } from '../../core/alerts/lifecycle.ts';
import { observe } from '../../core/conditions/evaluate.ts';
import { conditionsByTenant, type ConditionSettingsItem } from '../../core/conditions/settings.ts';
import type { ConditionLimits } from '../../core/conditions/signals.ts';
import { HoldfastError } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { AlertItem, GatewayItem, StatusItem } from '../../core/model.ts';
import { isWindowTooSmall } from '../../core/reconnect-window.ts';
import { errorFields } from '../aws/invocation.ts';

/** Alerts and their outboxes. `put` writes when the stored version is the item's minus one; false: it is not. */
export interface AlertStore {
  /** Every alert that is open or has events to emit; may be a moment old. */
  open(): Promise<AlertItem[]>;
  /** Strongly read. */
  get(alertKey: string): Promise<AlertItem | undefined>;
  put(item: AlertItem): Promise<boolean>;
}
export interface FleetSource {
  statuses(): Promise<StatusItem[]>;
  gateways(): Promise<GatewayItem[]>;
  /** What tenants want otherwise of conditions. @default nothing */
  settings?(): Promise<ConditionSettingsItem[]>;
}
/** Emits at least once; answers with the ids of the events that were taken. */
export interface EventSink {
  put(events: readonly AlertEvent[]): Promise<Set<string>>;
}
export interface TickDeps {
  alerts: AlertStore;
  fleet: FleetSource;
  events: EventSink;
  limits: ConditionLimits;
  now: () => number;
  log: Log;
}
export interface TickReport {
  gateways: number;
  written: number;
  emitted: number;
  /** Alerts that were open, or had events to emit, at the start. */
  open: number;
  frozenCells: string[];
}

/** Two proxies at work at once meet this often on one alert at most; then the next tick goes on. */
const conflictsMax = 4;
const writesAtOnce = 16;

/**
 * One look at the whole fleet: collect, evaluate, write, then emit. Each alert changes in one conditional write that
 * holds its events too, and an event leaves the outbox only after it was taken: a crash between any two steps emits
 * it again under the same id. Throws INTERNAL after everything else is done when single gateways could not be judged.
 */
export async function runTick(deps: TickDeps): Promise<TickReport> {
  const now = deps.now();
  const [open, statuses, gateways, settings = []] = await Promise.all([
    deps.alerts.open(),
    deps.fleet.statuses(),
    deps.fleet.gateways(),
    deps.fleet.settings?.(),
  ]);
  const rowsOf = conditionsByTenant(settings, deps.limits);
  const statusOf = new Map(statuses.map((status) => [status.gatewayId, status]));
  const fleet = gateways.map((gateway) => ({ gateway, status: statusOf.get(gateway.gatewayId) }));
  const frozen = frozenCells(fleet, now, deps.limits);
  for (const cellId of frozen) deps.log('error', 'cell.frozen', { cellId });
  warnOfSmallWindow(deps, gateways);

  const { current, written, failed } = await judgeFleet(deps, { fleet, frozen, open, now, rowsOf });
  const withEvents = current.filter(({ outbox }) => outbox.length > 0);
  const emitted = await emit(deps, withEvents);
  if (failed > 0)
    throw new HoldfastError('INTERNAL', `${failed} of ${gateways.length} gateways could not be judged`, {
      hint: 'see the proxy.gateway_failed lines; the others were judged',
    });
  return { gateways: gateways.length, open: open.length, written, emitted, frozenCells: [...frozen] };
}

/** A fleet that has outgrown its window would come back from an outage faster than API Gateway lets it. */
function warnOfSmallWindow({ limits, log }: TickDeps, gateways: readonly GatewayItem[]): void {
  const { reconnectWindowMs } = limits;
  const gatewayCount = gateways.filter(({ status }) => status === 'active').length;
  if (isWindowTooSmall(gatewayCount, reconnectWindowMs))
    log('error', 'fleet.outgrew-window', { gatewayCount, reconnectWindowMs });
}

interface Look {
  fleet: { gateway: GatewayItem; status: StatusItem | undefined }[];
  frozen: Set<string>;
  open: AlertItem[];
  now: number;
  rowsOf: ReturnType<typeof conditionsByTenant>;
}

/** Evaluates and writes. `current` holds the newest copy of every alert that was or has become open. */
async function judgeFleet(deps: TickDeps, { fleet, frozen, open, now, rowsOf }: Look) {
  const openOf = Map.groupBy(open, ({ gatewayId }) => gatewayId);
  const current = new Map(open.map((item) => [item.alertKey, item]));
  let written = 0;
  let failed = 0;
  const judge = async ({ gateway, status }: Look['fleet'][number]): Promise<void> => {
    const cellFrozen = frozen.has(cellOf(gateway, status) ?? '');
    const ours = openOf.get(gateway.gatewayId) ?? [];
    const rows = rowsOf(gateway.tenantId);
    const seen = observe({ gateway, status, now, limits: deps.limits, cellFrozen, rows, open: ours });
    for (const step of planGateway(gateway, ours, seen, deps.limits, rows)) {
      const { item, wrote } = await takeStep(deps, step, now);
      if (item) current.set(item.alertKey, item);
      if (wrote) written += 1;
    }
  };
  const limit = pLimit(writesAtOnce);
  const judged = fleet.map((one) =>
    limit(() =>
      judge(one).catch((thrown: unknown) => {
        failed += 1;
        const { gatewayId } = one.gateway;
        deps.log('error', 'proxy.gateway_failed', { gatewayId, ...errorFields(thrown) });
      }),
    ),
  );
  await Promise.all(judged);
  return { current: [...current.values()], written, failed };
}

/** Applies a step, on a newer copy where somebody else wrote in between. */
async function takeStep(
  { alerts, log }: TickDeps,
  { alertKey, known, apply }: AlertStep,
  now: number,
): Promise<{ item: AlertItem | undefined; wrote: boolean }> {
  let stored = known ?? (await alerts.get(alertKey));
  for (let conflict = 0; conflict < conflictsMax; conflict++) {
    const next = apply(stored, now);
    if (!next || next === stored || next.version === (stored?.version ?? 0))
      return { item: stored, wrote: false };
    if (await alerts.put(next)) {
      if (next.state !== stored?.state)
        log('info', 'alert.changed', {
          alertKey,
          gatewayId: next.gatewayId,
          conditionId: next.conditionId,
          state: next.state,
        });
      return { item: next, wrote: true };
    }
    stored = await alerts.get(alertKey);
  }
  log('warn', 'alert.contended', { alertKey });
  return { item: stored, wrote: false };
}

/** Emits what the outboxes hold and takes out what was taken. */
async function emit(deps: TickDeps, items: AlertItem[]): Promise<number> {
  const events = items.flatMap((item) => item.outbox.map((entry) => alertEvent(item, entry)));
  if (events.length === 0) return 0;
  const taken = await deps.events.put(events);
  const limit = pLimit(writesAtOnce);
  const touched = items.filter(({ outbox }) => outbox.some(({ eventId }) => taken.has(eventId)));
  await Promise.all(touched.map((item) => limit(() => clearOutbox(deps, item, taken))));
  if (taken.size < events.length)
    deps.log('warn', 'proxy.events_left', { left: events.length - taken.size, emitted: taken.size });
  return taken.size;
}

async function clearOutbox(
  { alerts, now, log }: TickDeps,
  item: AlertItem,
  taken: Set<string>,
): Promise<void> {
  let stored: AlertItem | undefined = item;
  for (let conflict = 0; stored && conflict < conflictsMax; conflict++) {
    const next = withoutEmitted(stored, taken, now());
    if (next === stored || (await alerts.put(next))) return;
    stored = await alerts.get(item.alertKey);
  }
  // The events stay in the outbox and go out once more, under the same ids.
  log('warn', 'alert.contended', { alertKey: item.alertKey });
}

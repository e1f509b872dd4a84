import { damageOf } from '../../core/alerts/damage.ts';
import { isLive } from '../../core/alerts/inhibition.ts';
import { HoldfastError } from '../../core/errors.ts';
import type { AlertItem } from '../../core/model.ts';
import { isWindowTooSmall } from '../../core/reconnect-window.ts';
import { dayToKeep, keepDay } from '../design-report/keep-day.ts';
import { emit } from './emit.ts';
import { findInTick, isAfterGap, recall } from './find-in-tick.ts';
import { holdLookup } from './hold-source.ts';
import { Judge } from './judge.ts';
import { lookAtFleet } from './look-at-fleet.ts';
import type { TickDeps } from './ports.ts';

export interface TickReport {
  gateways: number;
  written: number;
  emitted: number;
  /** Alerts that were open, or had events to emit, at the start. */
  open: number;
  frozenCells: string[];
  /** Alerts that fire and of which nobody is told, because another says it all. */
  inhibited: number;
}

/**
 * One look at the whole fleet: collect, look for what failing gateways have in common, write, then emit. Each alert
 * changes in one conditional write that holds its events too, and an event leaves the outbox only after it was taken: a
 * crash between any two steps emits it again under the same id. Throws INTERNAL after everything else is done when single
 * gateways or alerts could not be judged, or stored alerts are damaged.
 */
export async function runTick(deps: TickDeps): Promise<TickReport> {
  const now = deps.now();
  deps.begin?.('recall');
  const [stored, memory] = await Promise.all([deps.alerts.open(), recall(deps)]);
  const damaged = new Set<string>();
  const open = stored.filter((item) => isWhole(deps, item, damaged));
  const look = await lookAtFleet(deps, { open, now, day: await dayToKeep(deps, now) });
  for (const cellId of look.frozen.keys()) deps.log('error', 'cell.frozen', { cellId });
  warnOfSmallWindow(deps, look.active);

  const { found, isKept } = await findInTick(deps, look, { memory, open, now });
  const judge = new Judge(deps, look, open, {
    now,
    isAfterGap: isAfterGap(deps, { memory, isKept, now }),
    holdOf: holdLookup(deps.holds, now, deps.log),
  });
  deps.begin?.('judge');
  await judge.judge(found);
  const current = [...judge.current.values()];
  deps.begin?.('emit');
  const emitted = await emit(
    deps,
    current.filter(({ outbox }) => outbox.length > 0),
  );
  await keepDay(deps, look, now);
  const failed = look.failed + judge.failed;
  if (failed > 0)
    throw new HoldfastError('INTERNAL', `${failed} of ${look.gateways} gateways could not be judged`, {
      hint: 'see the proxy.gateway_failed lines; the others were judged',
    });
  if (judge.failedGroups > 0)
    throw new HoldfastError('INTERNAL', `${judge.failedGroups} alerts about many could not be judged`, {
      hint: 'see the proxy.alert_failed lines; the others were judged, and the gateways of these by themselves',
    });
  const damagedCount = new Set([...damaged, ...judge.damaged]).size;
  if (damagedCount > 0)
    throw new HoldfastError(
      'INTERNAL',
      `${damagedCount} stored alerts are damaged, and nobody is told of them`,
      {
        hint: 'see the alert.damaged lines; delete such an item from the Alerts table, and what is still so fires anew',
      },
    );
  return {
    gateways: look.gateways,
    open: open.filter(isLive).length,
    written: judge.written,
    emitted,
    frozenCells: [...look.frozen.keys()],
    inhibited: current.filter(({ inhibitedBy }) => inhibitedBy !== undefined).length,
  };
}

/** A damaged alert costs itself, and not the look at all others; it is logged, and its key noted. */
function isWhole({ log }: TickDeps, item: AlertItem, damaged: Set<string>): boolean {
  const field = damageOf(item);
  if (field === undefined) return true;
  log('error', 'alert.damaged', { alertKey: item.alertKey, field });
  damaged.add(item.alertKey);
  return false;
}

/** A fleet that has outgrown its window would come back from an outage faster than API Gateway lets it. */
function warnOfSmallWindow({ limits, log }: TickDeps, gatewayCount: number): void {
  const { reconnectWindowMs } = limits;
  if (isWindowTooSmall(gatewayCount, reconnectWindowMs))
    log('error', 'fleet.outgrew-window', { gatewayCount, reconnectWindowMs });
}

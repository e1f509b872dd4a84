import { HoldfastError } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { GatewayItem, Route } from '../../core/model.ts';
import type { DeliverOutcome, Draft } from '../../core/routes/frames.ts';
import { newestEpoch, repairRoute } from '../../core/routes/route-rules.ts';
import { errorFields } from '../aws/invocation.ts';
import type { Cells, Clock, GatewayStore, HolderStore } from './ports.ts';
import type { Location, Reach } from './reach.ts';

export const forwardingModes = ['registry', 'broadcast', 'hybrid'] as const;
export type ForwardingMode = (typeof forwardingModes)[number];

export interface ForwardingDeps {
  gateways: GatewayStore;
  cells: Cells;
  clock: Clock;
  log: Log;
  /** Set in the functions of a cell: its own holder rows are looked at first. */
  local?: { cellId: string; holders: HolderStore };
}

/** Throws CONFIG for another mode than registry, broadcast and hybrid. */
export function forwardingMode(value: string): ForwardingMode {
  const mode = forwardingModes.find((each) => each === value);
  if (mode) return mode;
  throw new HoldfastError('CONFIG', `FORWARDING_MODE is "${value}"`, {
    hint: `one of ${forwardingModes.join(', ')}`,
  });
}

export function forwarding(mode: ForwardingMode, deps: ForwardingDeps): Reach {
  const send = sendThrough(deps);
  switch (mode) {
    case 'registry':
      return { send, locate: async (id) => newest(await held(deps, id), await registered(deps, id)) };
    case 'broadcast':
      return { send, locate: async (id) => (await found(deps, id))?.location };
    case 'hybrid':
      return { send, locate: (id, failed) => hybrid(deps, id, failed) };
  }
}

/**
 * The cell's own row, then the registry, then everybody: on a miss, after a failed send, and while the registry
 * cannot be read. What the peers know repairs the registry.
 */
async function hybrid(
  deps: ForwardingDeps,
  gatewayId: string,
  failed?: Location,
): Promise<Location | undefined> {
  if (!failed) {
    const local = await held(deps, gatewayId);
    const known = await registered(deps, gatewayId).catch((cause: unknown) => {
      deps.log('warn', 'forwarding.registry-unavailable', { gatewayId, ...errorFields(cause) });
      return undefined;
    });
    const location = newest(local, known);
    if (location) return location;
  }
  const holder = await found(deps, gatewayId);
  if (holder?.gateway) await repair(deps, holder.gateway, holder.route);
  return holder?.location;
}

async function repair(deps: ForwardingDeps, gateway: GatewayItem, route: Route): Promise<void> {
  const { gatewayId } = gateway;
  try {
    const update = repairRoute(gateway, route, deps.clock.now());
    if (update && (await deps.gateways.update(gatewayId, update)))
      deps.log('info', 'forwarding.route-repaired', { gatewayId, cellId: route.cellId, epoch: route.epoch });
  } catch (cause) {
    deps.log('warn', 'forwarding.repair-failed', { gatewayId, ...errorFields(cause) });
  }
}

interface Holder {
  location: Location;
  route: Route;
}

/**
 * What the cells say, unless a newer connection is known to have been the route: that one is gone, or its cell is
 * silent, and the one that it replaced must not come back. While no gateway can be read, the cells' word is all there is.
 */
async function found(
  deps: ForwardingDeps,
  gatewayId: string,
): Promise<(Holder & { gateway?: GatewayItem }) | undefined> {
  const holder = await asked(deps, gatewayId);
  if (!holder) return undefined;
  const gateway = await deps.gateways.get(gatewayId).catch((cause: unknown) => {
    deps.log('warn', 'forwarding.registry-unavailable', { gatewayId, ...errorFields(cause) });
    return undefined;
  });
  if (!gateway) return holder;
  return newestEpoch(gateway) > holder.route.epoch ? undefined : { ...holder, gateway };
}

/** By the cell's own holder row. */
async function held({ local, clock }: ForwardingDeps, gatewayId: string): Promise<Location | undefined> {
  const holder = await local?.holders.get(gatewayId);
  if (!local || !holder || holder.expiresAtSec * 1000 <= clock.now()) return undefined;
  return { cellId: local.cellId, epoch: holder.epoch, connectionId: holder.connectionId };
}

/** By the route in the gateway's item. */
async function registered({ gateways }: ForwardingDeps, gatewayId: string): Promise<Location | undefined> {
  const route = (await gateways.get(gatewayId))?.route;
  return route && { cellId: route.cellId, epoch: route.epoch, connectionId: route.connectionId };
}

/** By asking every cell at once; a cell that does not answer counts as not holding it. */
async function asked({ cells, log }: ForwardingDeps, gatewayId: string): Promise<Holder | undefined> {
  const cellIds = await cells.list();
  const answers = await Promise.all(
    cellIds.map(async (cellId) => {
      try {
        const { holder } = await cells.deliver(cellId, { gatewayId, frames: [] });
        return holder && { cellId, ...holder };
      } catch (cause) {
        log('warn', 'forwarding.cell-silent', { gatewayId, cellId, ...errorFields(cause) });
        return undefined;
      }
    }),
  );
  const route = answers.reduce(
    (best, each) => ((each?.epoch ?? -1) > (best?.epoch ?? -1) ? each : best),
    undefined,
  );
  if (!route) return undefined;
  const { cellId, epoch, connectionId } = route;
  return { route, location: { cellId, epoch, connectionId } };
}

const newest = (a: Location | undefined, b: Location | undefined): Location | undefined =>
  a && b ? (a.epoch >= b.epoch ? a : b) : (a ?? b);

/** One hop: the cell's Deliver posts to its own connection or says not-mine, and never passes anything on. */
const sendThrough =
  ({ cells, log }: ForwardingDeps) =>
  async (gatewayId: string, location: Location, drafts: readonly Draft[]): Promise<DeliverOutcome> => {
    const { cellId, epoch } = location;
    try {
      return (await cells.deliver(cellId, { gatewayId, epoch, frames: [...drafts] })).outcome;
    } catch (cause) {
      log('warn', 'forwarding.send-failed', { gatewayId, cellId, ...errorFields(cause) });
      return 'unknown';
    }
  };

import { lastHeardAt, type ConditionLimits, type JudgedGateway } from '../conditions/signals.ts';
import type { GatewayItem, Route, StatusItem } from '../model.ts';

/** A cell from which nobody was heard for this many beats has lost its own way to the store. */
const deafAfterBeats = 1.5;
/** So few gateways, or a single customer's, can well be gone all at once: their silence is their own. */
const gatewaysMin = 5;
const tenantsMin = 2;

/** Takes the fleet, one gateway after the other, and says which cells' silence says nothing about their gateways. */
export class CellHealth {
  readonly #cells = new Map<string, { heardAt: number; gateways: number; tenants: Set<string> }>();

  add(gateway: WatchedGateway, status: StatusItem | undefined): void {
    const cellId = cellOf(gateway, status);
    if (cellId === undefined || gateway.status !== 'active') return;
    let cell = this.#cells.get(cellId);
    if (!cell) this.#cells.set(cellId, (cell = { heardAt: 0, gateways: 0, tenants: new Set() }));
    // A recorded disconnect is a sign of life of the cell too.
    cell.heardAt = Math.max(cell.heardAt, lastHeardAt({ gateway, status }), gateway.routeLostAt ?? 0);
    cell.gateways += 1;
    if (cell.tenants.size < tenantsMin) cell.tenants.add(gateway.tenantId);
  }

  /**
   * Silent cells, with how many gateways each has: all of at least 5 gateways of 2 customers are quiet. Shorter than what
   * makes one gateway stale, so that the cell is frozen before its gateways count as lost.
   */
  frozen(now: number, { heartbeatIntervalMs }: ConditionLimits): Map<string, number> {
    const deafSince = now - deafAfterBeats * heartbeatIntervalMs;
    const deaf = [...this.#cells].filter(
      ([, { heardAt, gateways, tenants }]) =>
        heardAt < deafSince && gateways >= gatewaysMin && tenants.size >= tenantsMin,
    );
    return new Map(deaf.map(([cellId, { gateways }]) => [cellId, gateways]));
  }
}

interface Celled {
  route?: Pick<Route, 'cellId'>;
}
type WatchedGateway = JudgedGateway & Celled & Pick<GatewayItem, 'status' | 'tenantId'>;

/** The cell that holds the gateway, or held it last. */
export const cellOf = (gateway: Celled, status: StatusItem | undefined): string | undefined =>
  gateway.route?.cellId ?? status?.cellId;

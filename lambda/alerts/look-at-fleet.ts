import { failingOf, isFailure, type Failing } from '../../core/alerts/failing.ts';
import { CellHealth, cellOf } from '../../core/alerts/cell-health.ts';
import { Roster, type KnownGateway } from '../../core/alerts/roster.ts';
import { SiteSizes } from '../../core/alerts/site-sizes.ts';
import { conditions } from '../../core/conditions/conditions.ts';
import { conditionsByTenant, type RowsOf } from '../../core/conditions/settings.ts';
import { FleetDayBuilder, type FleetDay } from '../../core/design-report/fleet-day.ts';
import { isAnythingRaised, observe, type Observation } from '../../core/conditions/evaluate.ts';
import { tellsWhen } from '../../core/conditions/signals.ts';
import { HoldfastError } from '../../core/errors.ts';
import type { AlertItem, StatusItem } from '../../core/model.ts';
import { attributeNames, attributesOf, type AttributeValues } from '../../core/patterns/attributes.ts';
import { FleetBuilder, restrict, type Fleet } from '../../core/patterns/fleet.ts';
import { errorFields } from '../aws/invocation.ts';
import type { TickDeps } from './ports.ts';
import { readFleet, type FleetReader } from './read-fleet.ts';

/** A gateway with something to judge: one that meets a condition, or has an alert. The others are not kept. */
export interface Look {
  gateway: KnownGateway;
  status: StatusItem | undefined;
  seen: Observation[];
  open: AlertItem[];
  failing: Failing[];
  values: AttributeValues;
}
export interface FleetLook {
  /** The conditions of each tenant. */
  rowsOf: RowsOf;
  looks: Look[];
  gateways: number;
  active: number;
  /** Active gateways of each site, of the customers of whom one fails. */
  siteSizes: Map<string, number>;
  /** Silent cells, and how many gateways each has. */
  frozen: Map<string, number>;
  /** For the design report, where a day was asked for. */
  day: FleetDay | undefined;
  /** Gateways whose inventory is not known yet. */
  unknown: number;
  /** Gateways that could not be judged. */
  failed: number;
  /** For patterns: without those of silent cells. */
  fleet: Fleet;
  /** The same fleet, whose onsets are the conditions that are met now. */
  fleetNow: Fleet;
}

const failures = conditions.filter(isFailure).map(({ id }) => id);
const failureIndex = new Map(failures.map((id, index) => [id, index]));

/**
 * Reads the fleet once and keeps of it what is judged; of all others only columns of numbers.
 */
export async function lookAtFleet(
  deps: TickDeps,
  { open, now, day }: { open: readonly AlertItem[]; now: number; day?: number },
): Promise<FleetLook> {
  const settings = (await deps.fleet.settings?.()) ?? [];
  const rowsOf = conditionsByTenant(settings, deps.limits);
  const reader = new Reader(deps, open, { now, rowsOf, day });
  const roster = beginning(deps.fleet.roster) ?? beginning(new Roster())!;
  try {
    await readFleet(deps, roster, now, reader);
  } finally {
    roster.end();
  }
  deps.begin?.('columns');
  return { ...reader.finish(), rowsOf };
}

/** Two ticks that overlap in one process do not share one. */
const beginning = (roster: Roster | undefined): Roster | undefined => (roster?.begin() ? roster : undefined);

class Reader implements FleetReader {
  readonly #deps: TickDeps;
  readonly #now: number;
  readonly #rowsOf: RowsOf;
  readonly #openOf: Map<string, AlertItem[]>;
  readonly #cells = new CellHealth();
  /** Twice the conditions: what began when, and what is so now. */
  readonly #builder = new FleetBuilder(attributeNames, [...failures, ...failures]);
  readonly #sites = new SiteSizes();
  readonly #day: FleetDayBuilder | undefined;
  #looks: Look[] = [];
  #gateways = 0;
  #active = 0;
  #failed = 0;
  #unknown = 0;

  constructor(
    deps: TickDeps,
    open: readonly AlertItem[],
    { now, rowsOf, day }: { now: number; rowsOf: RowsOf; day: number | undefined },
  ) {
    this.#deps = deps;
    this.#now = now;
    this.#rowsOf = rowsOf;
    this.#day = day === undefined ? undefined : new FleetDayBuilder(day);
    this.#openOf = Map.groupBy(open, ({ gatewayId }) => gatewayId);
  }

  /** One item that cannot be read costs itself, and not the look at all others. */
  unreadable(gatewayId: string, thrown: unknown): void {
    this.#gateways += 1;
    this.#fail(gatewayId, thrown);
  }

  take(gateway: KnownGateway, status: StatusItem | undefined): void {
    this.#gateways += 1;
    try {
      this.#read(gateway, status);
    } catch (thrown) {
      this.#fail(gateway.gatewayId, thrown);
    }
  }

  #fail(gatewayId: string, thrown: unknown): void {
    this.#failed += 1;
    this.#deps.log('error', 'proxy.gateway_failed', { gatewayId, ...errorFields(thrown) });
  }

  #read(gateway: KnownGateway, status: StatusItem | undefined): void {
    if (status && !tellsWhen(status))
      throw new HoldfastError('INTERNAL', 'its stored status does not tell when it came', {
        hint: 'its next report replaces it',
      });
    this.#cells.add(gateway, status);
    const hash = status?.heartbeat.inventoryHash;
    const facts = this.#deps.patterns?.inventory.factsOf(gateway.gatewayId, hash);
    const values = attributesOf({ gateway, status, facts });
    const failedBefore = this.#failed;
    const look = this.#judged({ gateway, status, values }, false);
    if (look) this.#looks.push(look);
    if (gateway.status !== 'active') return;
    this.#active += 1;
    if (hash !== undefined && !facts) this.#unknown += 1;
    if (this.#failed === failedBefore) this.#day?.add(gateway, values, failuresOf(look));
    const row = this.#builder.add(gateway.tenantId, values);
    this.#sites.add(this.#builder.customerOf(row), gateway.labels?.site);
    for (const { conditionId, since, isNow } of look?.failing ?? []) {
      const condition = failureIndex.get(conditionId);
      if (condition === undefined) continue;
      this.#builder.onset(row, condition, this.#now - since);
      if (isNow) this.#builder.onset(row, failures.length + condition, 0);
    }
  }

  finish(): Omit<FleetLook, 'rowsOf'> {
    const frozen = this.#cells.frozen(this.#now, this.#deps.limits);
    // Who is in a silent cell was judged before anybody knew that it is one.
    if (frozen.size > 0)
      this.#looks = this.#looks.flatMap((look) =>
        frozen.has(cellOf(look.gateway, look.status) ?? '') ? (this.#judged(look, true) ?? []) : look,
      );
    const both = withoutCells(this.#builder.build(), frozen);
    return {
      ...{ looks: this.#looks, gateways: this.#gateways, active: this.#active, failed: this.#failed },
      ...{ day: this.#day?.build(new Set(frozen.keys())), unknown: this.#unknown },
      siteSizes: this.#sites.of(
        new Set(this.#looks.flatMap(({ failing }) => failing.map(({ tenantId }) => tenantId))),
        this.#builder.customerNames,
      ),
      frozen,
      fleet: { ...both, conditionIds: failures, onsets: both.onsets.slice(0, failures.length) },
      fleetNow: { ...both, conditionIds: failures, onsets: both.onsets.slice(failures.length) },
    };
  }

  /** Undefined: there is nothing to judge. */
  #judged(
    { gateway, status, values }: Pick<Look, 'gateway' | 'status' | 'values'>,
    cellFrozen: boolean,
  ): Look | undefined {
    const { limits } = this.#deps;
    const [open, now] = [this.#openOf.get(gateway.gatewayId), this.#now];
    const rows = this.#rowsOf(gateway.tenantId);
    const input = { gateway, status, now, limits, cellFrozen, rows, open };
    try {
      if (!open && !isAnythingRaised(input)) return undefined;
      const seen = observe(input);
      const alerts = open ?? [];
      const isJudged = gateway.status === 'active';
      const failing = isJudged ? failingOf(gateway, { seen, open: alerts, values, now }) : [];
      return { gateway, status, seen, open: alerts, failing, values };
    } catch (thrown) {
      this.#fail(gateway.gatewayId, thrown);
      return undefined;
    }
  }
}

const failuresOf = (look: Look | undefined): Failing[] =>
  look?.failing.filter(({ conditionId }) => failureIndex.has(conditionId)) ?? [];

function withoutCells(fleet: Fleet, frozen: ReadonlyMap<string, number>): Fleet {
  if (frozen.size === 0) return fleet;
  const cell = attributeNames.indexOf('cell');
  const names = fleet.values[cell] ?? [];
  const isIn = names.map((name) => frozen.has(name));
  return restrict(
    fleet,
    Uint8Array.from(fleet.columns[cell] ?? [], (code) => (isIn[code] ? 0 : 1)),
  );
}

import type { AlertEvent } from '../../../core/alert-event.ts';
import type { ConditionSettingsItem } from '../../../core/conditions/settings.ts';
import { silentLog } from '../../../core/log.ts';
import { parseUpstream } from '../../../core/messages.ts';
import { checkedParts, type Heartbeat } from '../../../core/status.ts';
import { dynamoAlertStore } from '../../../lambda/alerts/alert-store.ts';
import { eventBridgeSink } from '../../../lambda/alerts/event-sink.ts';
import { collect } from '../../../lambda/aws/collect.ts';
import { dynamoFleet } from '../../../lambda/alerts/fleet-source.ts';
import type { FleetSource } from '../../../lambda/alerts/ports.ts';
import { runTick } from '../../../lambda/alerts/tick.ts';
import {
  alertsTable,
  conditionSettingsTable,
  configurationsTable,
  gatewaysTable,
  inventoryTable,
  rollupsTable,
  statusTable,
} from '../../../lambda/aws/tables.ts';
import { dynamoConfigurations, dynamoGateways } from '../../../lambda/commands/dynamo-stores.ts';
import { greet, leave } from '../../../lambda/connections/greet.ts';
import type { Socket } from '../../../lambda/connections/socket.ts';
import { dynamoStatusStore } from '../../../lambda/status/status-store.ts';
import { takeReport } from '../../../lambda/status/take-report.ts';
import type { TestDynamo } from '../../support/dynamo.ts';
import { startFakeBus, type FakeBus } from '../../support/fake-bus.ts';
import { conditionLimits, gatewayItem, heartbeat, pagesOf, t0 } from '../../support/fleet.ts';
import { memoryHolders, MemoryStores } from '../../support/memory-stores.ts';

/**
 * The way of a status, from the frame to the event on the bus, through the functions' own code over real tables; only
 * the clock is the test's. Each gateway is looked at alone.
 */
export class ConditionStage {
  now = t0;
  readonly gatewayId: string;
  readonly #shared: Shared;
  readonly #commands = new MemoryStores();
  readonly #holders = memoryHolders();
  /** As in a process that lives on: all gateways are read once an hour. */
  readonly #fleet: FleetSource;
  #epoch = 0;
  #seq = 0;

  constructor(shared: Shared, gatewayId: string) {
    this.#shared = shared;
    this.gatewayId = gatewayId;
    this.#fleet = fleetOf(shared.tables, gatewayId);
  }

  pass(ms: number): void {
    this.now += ms;
  }

  /** A new connection of this process of the agent. */
  async hello(bootId = 'boot-1'): Promise<void> {
    this.#epoch += 1;
    const body = { bootId, journalId: 'j', agentVersion: '1.2.0', sentAt: this.now };
    const hello = parseUpstream(this.#frame('hello', body));
    if (!hello.ok || hello.message.t !== 'hello') throw new Error('the hello is none');
    await greet(this.#deps(), this.#socket(), hello.message);
  }

  /** The connection ends. */
  disconnect(): Promise<void> {
    return leave(this.#deps(), this.#socket());
  }

  /** A heartbeat of a healthy gateway, but for `over`; its clock is off by `skewMs`. */
  async beat(over: Partial<Heartbeat> = {}, skewMs = 0): Promise<void> {
    this.#seq += 1;
    const of = { seq: this.#seq, sentAt: this.now, checked: [...checkedParts] };
    const body = { heartbeat: heartbeat({ ...of, ...over }) };
    await takeReport(this.#deps(), this.#socket(), this.#frame('status', body, this.now + skewMs));
  }

  /** One look of the status proxy. */
  async tick(): Promise<void> {
    const { tables, bus } = this.#shared;
    await runTick({
      alerts: dynamoAlertStore(tables.alerts),
      fleet: this.#fleet,
      events: eventBridgeSink(bus.client, 'alerts', silentLog),
      limits: conditionLimits,
      now: () => this.now,
      log: silentLog,
    });
  }

  events(): AlertEvent[] {
    return this.#shared.bus.eventsOf(this.gatewayId);
  }

  async setConditions(overrides: ConditionSettingsItem['overrides']): Promise<void> {
    await this.#shared.tables.settings.put({ tenantId: 'acme', version: 1, overrides });
  }

  #socket(): Socket {
    const epoch = this.#epoch;
    const of = { gatewayId: this.gatewayId, tenantId: 'acme', keyGeneration: 1 };
    return { ...of, connectionId: `${this.gatewayId}-${epoch}`, epoch };
  }

  #frame(t: string, body: object, ts = this.now): string {
    return JSON.stringify({ v: 1, t, id: 'm', epoch: this.#epoch, seq: 1, ts, body });
  }

  #deps() {
    const { tables } = this.#shared;
    return {
      cellId: 'cell-1',
      gateways: dynamoGateways(tables.gateways),
      configurations: dynamoConfigurations(tables.configurations),
      store: dynamoStatusStore(tables),
      holders: this.#holders,
      commands: this.#commands.commandStore(),
      audit: this.#commands.auditTrail(),
      cells: { list: () => Promise.resolve([]), deliver: () => Promise.reject(new Error('no other cell')) },
      heartbeatIntervalMs: conditionLimits.heartbeatIntervalMs,
      reconnectWindowMs: conditionLimits.reconnectWindowMs,
      changeBurst: 5,
      connections: { post: () => Promise.resolve('sent' as const), close: () => Promise.resolve() },
      clock: { now: () => this.now, newId: () => 'id' },
      log: silentLog,
    };
  }
}

/** The fleet's tables, as if there were this gateway alone. */
function fleetOf(tables: Shared['tables'], gatewayId: string): FleetSource {
  const fleet = dynamoFleet(tables);
  const changes = fleet.changes!;
  const only = <T extends { gatewayId: string }>(pages: AsyncIterable<readonly T[]>) =>
    pagesOf(collect(pages).then((all) => all.flat().filter((item) => item.gatewayId === gatewayId)));
  return {
    ...fleet,
    gateways: () => only(fleet.gateways()),
    statuses: () => only(fleet.statuses()),
    changes: { ...changes, since: (...of) => only(changes.since(...of)) },
  };
}

type Shared = Awaited<ReturnType<typeof sharedTables>> & { bus: FakeBus };

async function sharedTables(dynamo: TestDynamo) {
  const names = await dynamo.createTables();
  const { client } = dynamo;
  return {
    tables: {
      gateways: gatewaysTable(names.GATEWAYS_TABLE, client),
      status: statusTable(names.STATUS_TABLE, client),
      inventory: inventoryTable(names.INVENTORY_TABLE, client),
      rollups: rollupsTable(names.ROLLUPS_TABLE, client),
      configurations: configurationsTable(names.CONFIGURATIONS_TABLE, client),
      alerts: alertsTable(names.ALERTS_TABLE, client),
      settings: conditionSettingsTable(names.CONDITION_SETTINGS_TABLE, client),
    },
  };
}

/** Tables and a bus for many gateways; `gateway` is one that is connected for the first time. */
export async function makeConditionStages(dynamo: TestDynamo) {
  const bus = await startFakeBus();
  const shared = { ...(await sharedTables(dynamo)), bus };
  return {
    gateway: async (gatewayId: string): Promise<ConditionStage> => {
      const fresh = { gatewayId, route: undefined, recentHellos: [] };
      await shared.tables.gateways.put(gatewayItem(fresh));
      const stage = new ConditionStage(shared, gatewayId);
      await stage.hello();
      return stage;
    },
    close: () => bus.close(),
  };
}

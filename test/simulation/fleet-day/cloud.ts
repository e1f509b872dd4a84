import { commandSpecs, type CommandKind } from '../../../core/command-kinds.ts';
import { silentLog } from '../../../core/log.ts';
import type { AlertItem, CommandItem, GatewayItem, HolderItem, StatusItem } from '../../../core/model.ts';
import type { UpstreamType } from '../../../core/messages.ts';
import type { FleetSource } from '../../../lambda/alerts/ports.ts';
import { runTick } from '../../../lambda/alerts/tick.ts';
import type { Connections, PostResult } from '../../../lambda/aws/connections.ts';
import type { Invocation } from '../../../lambda/aws/invocation.ts';
import { submitCommand } from '../../../lambda/commands/command-service.ts';
import { forwarding } from '../../../lambda/commands/forwarding.ts';
import { handOver } from '../../../lambda/commands/hand-over.ts';
import type { Cells, ConfigurationStore } from '../../../lambda/commands/ports.ts';
import { reportTypes, takeReport as takeCommandReport } from '../../../lambda/commands/report.ts';
import { sweep } from '../../../lambda/commands/sweep.ts';
import { authorizeDial, type DialContext } from '../../../lambda/connections/authorize.ts';
import { greet, leave } from '../../../lambda/connections/greet.ts';
import { receive, type Socket } from '../../../lambda/connections/socket.ts';
import { takeReport } from '../../../lambda/status/take-report.ts';
import { runDue } from '../../../lambda/subscriptions/run-due.ts';
import { memoryHolders, MemoryStores } from '../../support/memory-stores.ts';
import type { RollupItem } from '../../../core/rollups/rollup-item.ts';
import { SimulatedFunction } from './functions.ts';
import { MeteredDetector } from './metered-detector.ts';
import { meteredFleet } from './metered-fleet.ts';
import { serviceTimes } from './service-times.ts';
import {
  meteredCommands,
  meteredTrail,
  meteredGateways,
  meteredHolders,
  meteredStatus,
  TableMeter,
  tableTimes,
} from './metered-stores.ts';
import { Meter, readUnitsOf, type Part } from './usage-meter.ts';
import type { VirtualClock } from './virtual-clock.ts';

export interface CloudSettings {
  cellIds: readonly string[];
  heartbeatIntervalMs: number;
  reconnectWindowMs: number;
  /** Of each function that connections drive, in each cell. */
  concurrencyMax: number;
  /** To start a process of a function; billed as well. */
  coldStartMs: number;
}

const memoryMiB = 512;
const proxyMemoryMiB = 1_024;
/** Nothing bounds the functions of home but the account. */
const homeConcurrencyMax = 1_000;

/** What a cell posts to a connection. */
export type Post = (cellId: string, connectionId: string, frame: string) => PostResult;

const handlers = [
  'WsAuthorizer',
  'Connect',
  'Disconnect',
  'Hello',
  'StatusIngest',
  'CommandReports',
  'Deliver',
] as const;
type HandlerName = (typeof handlers)[number];
const partOf: Record<HandlerName, Part> = {
  WsAuthorizer: 'connections',
  Connect: 'connections',
  Disconnect: 'connections',
  Hello: 'connections',
  StatusIngest: 'status',
  CommandReports: 'commands',
  Deliver: 'commands',
};

/** Home and its cells: the real handlers, their functions' bounds, and tables in memory that count what they cost. */
export class Cloud {
  readonly stores = new MemoryStores();
  readonly statuses = new Map<string, StatusItem>();
  readonly rollups = new Map<string, RollupItem>();
  readonly alerts = new Map<string, AlertItem>();
  readonly holders: ReadonlyMap<string, Map<string, HolderItem>>;
  readonly meter = new Meter();
  readonly functions = new Map<string, SimulatedFunction>();
  /** Firings of alerts: `conditionId gatewayId`. */
  readonly firings: string[] = [];
  readonly #clock: VirtualClock;
  readonly #settings: CloudSettings;
  readonly #post: Post;
  readonly #tables: Record<Part, TableMeter>;
  readonly detector: MeteredDetector;
  readonly #fleet: FleetSource;
  #ids = 0;

  constructor(clock: VirtualClock, settings: CloudSettings, post: Post) {
    this.#clock = clock;
    this.#settings = settings;
    this.#post = post;
    this.holders = new Map(settings.cellIds.map((cellId) => [cellId, new Map<string, HolderItem>()]));
    const table = (part: Part) => new TableMeter(this.meter, part, clock.wait);
    this.#tables = {
      connections: table('connections'),
      status: table('status'),
      commands: table('commands'),
      schedules: table('schedules'),
    };
    const world = { clock, meter: this.meter };
    const { concurrencyMax, coldStartMs } = settings;
    for (const cellId of settings.cellIds)
      for (const name of handlers)
        this.functions.set(
          `${cellId} ${name}`,
          new SimulatedFunction(name, world, { memoryMiB, concurrencyMax, coldStartMs }),
        );
    const home = { memoryMiB, concurrencyMax: homeConcurrencyMax, coldStartMs };
    this.functions.set('Commands', new SimulatedFunction('Commands', world, home));
    this.functions.set('Sweeper', new SimulatedFunction('Sweeper', world, { ...home, concurrencyMax: 1 }));
    const proxy = { memoryMiB: proxyMemoryMiB, concurrencyMax: 1, coldStartMs };
    this.functions.set('StatusProxy', new SimulatedFunction('StatusProxy', world, proxy));
    const retries = new SimulatedFunction('AlertRetries', world, { ...home, concurrencyMax: 1 });
    this.functions.set('AlertRetries', retries);
    this.detector = new MeteredDetector(this.#tables.schedules);
    this.#fleet = meteredFleet(this, this.#tables.schedules);
  }

  get gateways(): ReadonlyMap<string, GatewayItem> {
    return this.stores.gateways;
  }
  get commands(): Map<string, CommandItem> {
    return this.stores.commands;
  }

  /** The authorizer, then the route `$connect`. 403: denied. 500: a function was throttled. */
  async connect(cellId: string, token: string): Promise<DialContext | 403 | 500> {
    const answered = await this.#run(cellId, 'WsAuthorizer', 'dial', async ({ log }) => {
      const gateways = meteredGateways(
        this.stores.gatewayStore(),
        this.gateways,
        this.#unhurried('connections'),
      );
      const deps = { cellId, gateways, clock: this.#systemClock, log };
      const context = await this.#clock.hold(authorizeDial(deps, `Bearer ${token}`));
      // Signatures are checked on real threads, while virtual time stands still; the time is let pass afterwards.
      await this.#clock.wait(tableTimes.readMs + tableTimes.writeMs + serviceTimes.verifyMs);
      return context;
    });
    if (!answered) return 500;
    if (!answered.result) return 403;
    const connected = await this.#route(cellId, 'Connect', '$connect', undefined, () => Promise.resolve());
    return connected ? answered.result : 500;
  }

  async disconnect(cellId: string, socket: Socket): Promise<void> {
    await this.#route(cellId, 'Disconnect', '$disconnect', socket, ({ log }) =>
      leave({ ...this.#cell(cellId, 'connections'), log }, socket),
    );
  }

  /** A frame that the connection sent. False: its function was throttled. */
  async frame(cellId: string, socket: Socket, type: UpstreamType, text: string): Promise<boolean> {
    switch (type) {
      case 'hello':
        return this.#route(cellId, 'Hello', type, socket, async ({ log }) => {
          const deps = { ...this.#cell(cellId, 'connections'), log };
          const message = await receive(deps, socket, text, ['hello']);
          if (message) await greet(deps, socket, message);
        });
      case 'status':
      case 'inventory':
        return this.#route(cellId, 'StatusIngest', type, socket, ({ log }) => {
          const store = meteredStatus(this.statuses, this.rollups, this.#tables.status);
          return takeReport({ ...this.#cell(cellId, 'status'), store, log }, socket, text);
        });
      case 'cmd.ack':
      case 'cmd.progress':
      case 'cmd.result':
        return this.#route(cellId, 'CommandReports', type, socket, async ({ log }) => {
          const deps = { ...this.#cell(cellId, 'commands'), log };
          const message = await receive(deps, socket, text, reportTypes);
          if (message) await takeCommandReport(deps, socket, message);
        });
      default:
        return true;
    }
  }

  async submit(gatewayId: string, tenantId: string, kind: CommandKind, key: string): Promise<void> {
    const submit = { kind, params: paramsOf(kind), idempotencyKey: key, whenOffline: 'queue' as const };
    const caller = { tenantId, principal: { kind: 'operator', id: 'op' } as const };
    await this.functions.get('Commands')!.run('commands', 'http.request', async ({ log }) => {
      const shared = { ...this.#shared('commands'), log };
      await submitCommand(
        { ...shared, cellId: undefined, reach: forwarding('registry', shared) },
        caller,
        gatewayId,
        submit,
      );
    });
  }

  async sweep(): Promise<void> {
    await this.functions.get('Sweeper')!.run('schedules', 'sweeper.tick', async ({ log, note }) => {
      const shared = { ...this.#shared('schedules'), log };
      note({ ...(await sweep({ ...shared, reach: forwarding('registry', shared) }, Infinity)) });
    });
  }

  /** One look of the status proxy at the whole fleet. */
  async judge(): Promise<void> {
    await this.functions.get('StatusProxy')!.run('schedules', 'proxy.tick', async ({ log, note }) => {
      const table = this.#tables.schedules;
      await table.pause(serviceTimes.proxyMsPerGateway * this.gateways.size);
      table.units('readUnits', alertShards * readUnitsOf(0, false));
      const report = await runTick({
        alerts: this.#alertStore(),
        fleet: this.#fleet,
        events: { put: (events) => Promise.resolve(new Set(events.map(({ eventId }) => eventId))) },
        limits: this.#settings,
        patterns: this.detector.deps(60_000),
        now: () => this.#clock.now,
        log,
      });
      note({ ...report, frozenCells: report.frozenCells.join(' ') || undefined });
    });
  }

  /** Looks whether any lane of a subscription waits; none does here. */
  async retryAlerts(): Promise<void> {
    await this.functions.get('AlertRetries')!.run('schedules', 'retries.tick', async ({ log, note }) => {
      const table = this.#tables.schedules;
      await table.pause(tableTimes.queryMs);
      table.units('readUnits', readUnitsOf(0, false));
      const subscriptions = { listDue: () => Promise.resolve([]) };
      const start = () => Promise.resolve();
      note({ ...(await runDue({ subscriptions, start, now: () => this.#clock.now, log })) });
    });
  }

  #alertStore() {
    return {
      open: () =>
        Promise.resolve([...this.alerts.values()].filter(({ openShard }) => openShard !== undefined)),
      get: (alertKey: string) => Promise.resolve(this.alerts.get(alertKey)),
      put: (item: AlertItem) => {
        const before = this.alerts.get(item.alertKey);
        if (item.state === 'FIRING' && before?.state !== 'FIRING')
          this.firings.push(`${item.conditionId} ${item.gatewayId}`);
        this.alerts.set(item.alertKey, item);
        return Promise.resolve(true);
      },
    };
  }

  readonly #systemClock = {
    now: () => Math.floor(this.#clock.now),
    newId: () => `00000000-0000-4000-8000-${String(this.#ids++).padStart(12, '0')}`,
  };

  /** Counts, and takes no time. */
  #unhurried(part: Part): TableMeter {
    return new TableMeter(this.meter, part, () => Promise.resolve());
  }

  #run<T>(
    cellId: string,
    name: HandlerName,
    event: string,
    work: (invocation: Invocation) => Promise<T>,
  ): Promise<{ result: T } | undefined> {
    return this.functions.get(`${cellId} ${name}`)!.run(partOf[name], event, work);
  }

  /** A route of the WebSocket API, with the line that `webSocketHandler` writes and API Gateway's own. */
  async #route(
    cellId: string,
    name: HandlerName,
    routeKey: string,
    socket: Socket | undefined,
    work: (invocation: Invocation) => Promise<void>,
  ): Promise<boolean> {
    this.meter.add(partOf[name], 'accessLogBytes', accessLineBytes + routeKey.length);
    const done = await this.#run(cellId, name, 'websocket.message', async (invocation) => {
      const {
        connectionId = '0123456789abcdef',
        gatewayId = 'gw-00000',
        tenantId = 't-00',
        epoch = 1_790_000_000_000,
      } = socket ?? {};
      invocation.note({ route: routeKey, connectionId });
      invocation.note({ gatewayId, tenantId, epoch });
      await work(invocation);
    });
    return done !== undefined;
  }

  #shared(part: Part) {
    const table = this.#tables[part];
    return {
      gateways: meteredGateways(this.stores.gatewayStore(), this.gateways, table),
      commands: meteredCommands(this.stores.commandStore(), this.commands, table),
      audit: meteredTrail(this.stores.auditTrail(), table),
      cells: this.#cells(),
      clock: this.#systemClock,
      log: silentLog,
    };
  }

  /** Nobody has configured anything; each hello looks. */
  #configurations(table: TableMeter): ConfigurationStore {
    const none = () => Promise.resolve(undefined);
    return { get: () => table.read(() => 0, none), update: none };
  }

  #cell(cellId: string, part: Part) {
    const { heartbeatIntervalMs, reconnectWindowMs } = this.#settings;
    const rows = this.holders.get(cellId)!;
    return {
      ...this.#shared(part),
      cellId,
      holders: meteredHolders(memoryHolders(rows), rows, this.#tables[part]),
      connections: this.#connections(cellId, part),
      configurations: this.#configurations(this.#tables[part]),
      heartbeatIntervalMs,
      reconnectWindowMs,
      changeBurst: 5,
    };
  }

  #cells(): Cells {
    return {
      list: () => Promise.resolve([...this.#settings.cellIds]),
      deliver: async (cellId, request) => {
        await this.#clock.wait(serviceTimes.invokeMs);
        const done = await this.#run(cellId, 'Deliver', 'deliver', ({ log }) =>
          handOver({ ...this.#cell(cellId, 'commands'), log }, request),
        );
        if (!done) throw new Error('TooManyRequestsException');
        return done.result;
      },
    };
  }

  #connections(cellId: string, part: Part): Connections {
    return {
      post: async (connectionId, frame) => {
        await this.#clock.wait(serviceTimes.postMs);
        const result = this.#post(cellId, connectionId, frame);
        if (result === 'sent') this.meter.add(part, 'messages', 1);
        return result;
      },
      close: () => Promise.resolve(),
    };
  }
}

/** Of the alerts' index of open ones. */
const alertShards = 8;

/** API Gateway's line for a request, as lib/websocket-api.ts asks for it, without the name of the route. */
const accessLineBytes =
  JSON.stringify({
    requestId: 'aBcDeFgHIjKlMnO=',
    requestTime: '29/Nov/2026:06:53:05 +0000',
    eventType: 'MESSAGE',
    routeKey: '',
    status: '200',
    connectionId: 'aBcDeFgHIjKlMnO=',
    connectedAt: '1790000000000',
  }).length + 27;

const paramsOf = (kind: CommandKind): Record<string, string> =>
  'volumeId' in commandSpecs[kind].params.shape ? { volumeId: 'vol-1' } : {};

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { silentLog } from '../../core/log.ts';
import type { Connections } from '../../lambda/aws/connections.ts';
import { eventHandler } from '../../lambda/aws/event-handler.ts';
import type { LambdaContext } from '../../lambda/aws/invocation.ts';
import { webSocketHandler, type WebSocketEvent } from '../../lambda/aws/websocket-handler.ts';
import { systemClock } from '../../lambda/commands/aws-deps.ts';
import type { CommandServiceDeps } from '../../lambda/commands/command-service.ts';
import { forwarding, type ForwardingDeps } from '../../lambda/commands/forwarding.ts';
import { handOver } from '../../lambda/commands/hand-over.ts';
import { reportTypes, takeReport } from '../../lambda/commands/report.ts';
import { authorizeDial } from '../../lambda/connections/authorize.ts';
import { answer, authorizationOf, type AuthorizerEvent } from '../../lambda/connections/authorizer.ts';
import { greet, leave } from '../../lambda/connections/greet.ts';
import { receive, socketOf } from '../../lambda/connections/socket.ts';
import { WebSocketApi } from '../../local/gateway/websocket-api.ts';
import { webSocketLimits } from '../../local/gateway/websocket-limits.ts';
import type { ApiModel, Route } from '../../local/gateway/api-model.ts';
import { KeyRing } from '../../local/iam/keys.ts';
import { Region } from '../../local/region.ts';
import { Identities } from '../../local/services/identities.ts';
import { IndexedStores, indexedHolders } from './indexed-stores.ts';

const cellId = 'cell-1';
const stage = 'v1';
const authorizerName = 'WsAuthorizer';
/** As the template has them. */
const times = { heartbeatIntervalMs: 300_000, reconnectWindowMs: 30_000, changeBurst: 10 };

type Handler = (event: never, context: LambdaContext) => Promise<unknown>;

/** A cell and home in this process: the emulated API Gateway and the real handlers over stores in memory. */
export interface MemoryCell {
  readonly stores: IndexedStores;
  readonly webSocketUrl: string;
  /** What submits commands and sweeps: home's way to the connections, by registry. */
  readonly home: CommandServiceDeps;
  close(): Promise<void>;
}

export async function startMemoryCell(): Promise<MemoryCell> {
  const stores = new IndexedStores();
  const holders = indexedHolders();
  const shared = {
    cellId,
    clock: systemClock,
    gateways: stores.gatewayStore(),
    commands: stores.commandStore(),
    audit: stores.auditTrail(),
    holders,
  };
  const connections: Connections = {
    async post(connectionId, message) {
      const connection = api.find(connectionId);
      if (!connection?.isOpen) return 'gone';
      return connection.send(Buffer.from(message)).then(
        () => 'sent',
        () => 'gone',
      );
    },
    close: async (connectionId) => api.find(connectionId)?.close(1000, ''),
  };
  const own = { ...shared, connections };
  const cells: ForwardingDeps['cells'] = {
    list: async () => [cellId],
    deliver: (_cellId, request) => handOver({ ...own, log: silentLog }, request),
  };
  const functions = functionsOf({ ...own, cells });
  const region = new Region({
    region: 'local-1',
    accountId: '000000000000',
    plans: [],
    servicesUrls: {},
    users: {},
  });
  const api = new WebSocketApi({
    api: modelOf(Object.keys(functions)),
    region,
    identities: new Identities(region, new KeyRing(randomBytes(32))),
    caller: {
      call: async (_service, name, _sourceArn, event) => {
        try {
          return { kind: 'ok', payload: await functions[name]?.(event as never, contextOf(name)) };
        } catch {
          return { kind: 'failed' }; // The function’s own line in the log says why.
        }
      },
    },
    limits: webSocketLimits,
    now: () => new Date(),
    onFault: (error) => console.error(error),
  });
  api.server.listen(0, '127.0.0.1');
  await once(api.server, 'listening');
  const { port } = api.server.address() as AddressInfo;
  const reach = forwarding('registry', { ...shared, cells, log: silentLog });
  return {
    stores,
    webSocketUrl: `ws://127.0.0.1:${port}/${stage}`,
    home: { ...shared, cellId: undefined, reach, log: silentLog },
    close: async () => {
      api.close();
      api.server.close();
      await once(api.server, 'close');
    },
  };
}

type CellDeps = Omit<Parameters<typeof greet>[0], 'log' | keyof typeof times>;

/** The functions of a cell with their own wrappers: schemas, log lines and all; only AWS’s clients are left out. */
function functionsOf(deps: CellDeps): Record<string, Handler> {
  const onSocket = (handle: (log: typeof silentLog, request: Received) => Promise<unknown>): Handler =>
    webSocketHandler({
      env: [],
      deps: () => undefined,
      handle: async (_, request) => void (await handle(request.log, request)),
    }) as (event: WebSocketEvent, context: LambdaContext) => Promise<unknown>;
  return {
    [authorizerName]: eventHandler({
      event: 'dial',
      env: [],
      deps: () => undefined,
      handle: async (_, { methodArn, headers }: AuthorizerEvent, { log }) =>
        answer(methodArn, await authorizeDial({ ...deps, log }, authorizationOf(headers))),
    }),
    $connect: onSocket(async () => undefined),
    $disconnect: onSocket((log, request) => leave({ ...deps, log }, socketOf(request))),
    hello: onSocket(async (log, request) => {
      const message = await receive({ ...deps, log }, socketOf(request), request.body, ['hello']);
      if (message) await greet({ ...deps, ...times, log }, socketOf(request), message);
    }),
    ...Object.fromEntries(
      reportTypes.map((type) => [
        type,
        onSocket(async (log, request) => {
          const report = await receive({ ...deps, log }, socketOf(request), request.body, reportTypes);
          if (report) await takeReport({ ...deps, log }, socketOf(request), report);
        }),
      ]),
    ),
    $default: onSocket((log, request) =>
      receive({ ...deps, log }, socketOf(request), request.body, ['bye', 'probe.ok', 'reject']),
    ),
  };
}

type Received = Parameters<Parameters<typeof webSocketHandler>[0]['handle']>[1];

/** As lib/websocket-api.ts declares it, the names of functions in place of their ARNs. */
function modelOf(names: readonly string[]): ApiModel {
  const routeOf = (routeKey: string): Route => ({
    routeKey,
    functionArn: routeKey,
    timeoutMs: 29_000,
    payloadFormat: '1.0',
    authorization: 'NONE',
    scopes: [],
  });
  const authorizer = {
    id: 'dial',
    ApiId: 'memory',
    Name: authorizerName,
    AuthorizerType: 'REQUEST',
    AuthorizerUri: authorizerName,
    EnableSimpleResponses: false,
    IdentitySource: ['route.request.header.Authorization'],
  } as const;
  const routes = names.filter((name) => name !== authorizerName).map(routeOf);
  return {
    id: 'memory',
    logicalId: 'WebSocket',
    properties: { Name: 'memory', ProtocolType: 'WEBSOCKET', RouteSelectionExpression: '$request.body.t' },
    stages: [stage],
    routes: routes.map((route) =>
      route.routeKey === '$connect'
        ? {
            ...route,
            authorization: 'CUSTOM',
            authorizer: { ...authorizer, IdentitySource: [...authorizer.IdentitySource] },
          }
        : route,
    ),
  };
}

let requestCount = 0;
const contextOf = (functionName: string): LambdaContext => ({
  awsRequestId: String(++requestCount),
  functionName,
  getRemainingTimeInMillis: () => 10_000,
});

import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { apiRoutes, operatorBase, operatorRoutes, tenantBase } from '../../../core/api-routes.ts';
import { protocolVersion } from '../../../core/messages.ts';
import type { CommandItem, GatewayItem } from '../../../core/model.ts';
import { newCommand } from '../../../core/commands/submission.ts';
import * as tablesByName from '../../../lambda/aws/tables.ts';
import type { HttpEvent } from '../../../lambda/aws/http-handler.ts';
import type { WebSocketEvent } from '../../../lambda/aws/websocket-handler.ts';
import type { LogRecord } from '../../../local/log.ts';
import { wildcard } from '../../../local/iam/conditions.ts';
import { readAssembly } from '../../../local/template/assembly.ts';
import { planStacks, resourcesOf } from '../../../local/template/plan.ts';
import { until } from '../../../cli/demo/processes.ts';
import { gatewayItem } from '../../support/gateway-item.ts';
import { addUnderstudies, understudyOf } from './understudies.ts';
import { World } from './world.ts';

/** A connection as its authorizer let it in, whether there is one or not. */
export type Socket = Pick<GatewayItem, 'gatewayId' | 'tenantId'> & { epoch: number; connectionId: string };
type RouteName = keyof typeof apiRoutes | keyof typeof operatorRoutes;

/** A world with an understudy for every grant, and what stories need to be told. */
export class Stage {
  readonly world: World;
  readonly #lambda: LambdaClient;
  /** Name of an understudy → the grants of its role, with every name filled in. */
  readonly #whole: Map<string, { action: string; resource: string }[]>;
  readonly #heard = new Map<string, string[]>();
  #count = 0;

  private constructor(world: World) {
    this.world = world;
    this.#whole = wholeGrants(world);
    const { region, rootCredentials: credentials, endpoints } = world.cloud;
    this.#lambda = new LambdaClient({ region, credentials, endpoint: endpoints['holdfast-home'] });
  }

  static async start(): Promise<Stage> {
    // Lambda waits a minute before it tries an event again: a tenth of a second here.
    return new Stage(await World.start({ scheduleScale: 600, edit: addUnderstudies }));
  }

  async stop(): Promise<void> {
    this.#lambda.destroy();
    await this.world.stop();
  }

  understudy(stack: string, of: string, index: number): Understudy {
    return new Understudy(this.#lambda, understudyOf(stack, of, index));
  }

  /** What somebody else was told on behalf of the function of this name: it counts like its log. */
  heard(name: string, text: string): void {
    this.#heard.set(name, [...(this.#heard.get(name) ?? []), text]);
  }

  /** What was refused to the function of this name, once there is anything: `action on resource`. */
  refusedTo(name: string): Promise<string[]> {
    const ask = (): Promise<string[] | undefined> => {
      const lines = this.world.cloud.logs.filter(({ source }) => source.endsWith(`/${name}`));
      const texts = [...lines.map((line) => JSON.stringify(line)), ...(this.#heard.get(name) ?? [])];
      const found = new Set(
        texts.flatMap((text) => [...text.matchAll(refusal)].map(([, a, r]) => `${a} on ${r}`)),
      );
      return Promise.resolve(found.size > 0 ? [...found] : undefined);
    };
    return until(`a refusal in the log of ${name}`, 20_000, ask, 10);
  }

  /** Whether this refusal is what the understudy lacks. */
  isLackedBy(stack: string, of: string, index: number, refused: string): boolean {
    const { action, resource } = this.#whole.get(`${stack}/${of}`)![index]!;
    return wildcard(`${action} on ${resource}`).test(refused);
  }

  /** A table of home or of the first cell, with root's rights. */
  table<Name extends keyof typeof tablesByName>(name: Name): ReturnType<(typeof tablesByName)[Name]> {
    const construct = name.replace(/Table$/, '').replace(/^./, (letter) => letter.toUpperCase());
    const { tables } = this.world;
    const physical = tables.named(construct, construct === 'Connections' ? 'holdfast-cell-1' : undefined);
    return tablesByName[name](physical, tables.client) as ReturnType<(typeof tablesByName)[Name]>;
  }

  newId(): string {
    return `${(this.#count += 1)}`.padStart(32, '0');
  }

  /** An active gateway of `acme` that never connected, changed as is said. */
  async gateway(changed: Partial<GatewayItem> = {}): Promise<GatewayItem> {
    const gateway = gatewayItem({ gatewayId: `gw-s${this.newId().slice(-6)}`, ...changed });
    await this.table('gatewaysTable').put(gateway);
    return gateway;
  }

  /** A gateway whose route names a connection of this cell that is long gone. */
  async routed(cellId: string, changed: Partial<GatewayItem> = {}): Promise<GatewayItem & Socket> {
    const route = { epoch: 7, cellId, connectionId: 'Gone0000000000=', bootId: 'b1', journalId: 'j1' };
    const item = await this.gateway({
      route: { ...route, connectedAt: Date.now() },
      routedEpoch: 7,
      ...changed,
    });
    return { ...item, ...route };
  }

  /** As the cell's own row has it. */
  async held(changed: Partial<GatewayItem> = {}): Promise<GatewayItem & Socket> {
    const gateway = await this.routed('cell-1', changed);
    const { gatewayId, epoch, connectionId } = gateway;
    const more = { bootId: 'b1', journalId: 'j1', connectedAt: Date.now() };
    const expiresAtSec = Math.floor(Date.now() / 1000) + 3_600;
    await this.table('connectionsTable').put({ gatewayId, epoch, connectionId, ...more, expiresAtSec });
    return gateway;
  }

  /** A gateway that is really connected to the first cell, whose hello has been dealt with to its end. */
  async online(): Promise<Socket> {
    const { gatewayId } = await this.world.online('cell-1');
    const isEnd = (line: LogRecord) => line['route'] === 'hello' && line['gatewayId'] === gatewayId;
    const ask = () => Promise.resolve(this.world.cloud.logs.some(isEnd) || undefined);
    await until('the end of the hello', 20_000, ask, 10);
    const { tenantId, route } = (await this.table('gatewaysTable').get({ gatewayId }))!;
    return { gatewayId, tenantId, epoch: route!.epoch, connectionId: route!.connectionId };
  }

  /** A stored command of the gateway, queued and changed as is said. */
  async command(gatewayId: string, changed: Partial<CommandItem> = {}): Promise<CommandItem> {
    const { kind = 'probe', params = kind === 'snapshot.create' ? { volumeId: 'v1' } : {} } = changed;
    const at = Date.now();
    const submittedBy = { kind: 'operator', id: 'o' } as const;
    const of = { gatewayId, tenantId: 'acme', idempotencyKey: this.newId(), openSeq: 1, submittedBy, at };
    const item = { ...newCommand({ kind, params, whenOffline: 'queue' }, of), ...changed };
    await this.table('commandsTable').put(item);
    return item;
  }
}

const refusal = /not authorized to perform: ([\w:-]+) on resource: ([^\s"\\]+)/g;

/** Construct of a role, `home/Gateways` → its grants in the order of its policy, as the local mode resolves them. */
function wholeGrants({ cloud }: World): Map<string, { action: string; resource: string }[]> {
  const place = { accountId: '000000000000', servicesUrl: () => 'http://nowhere:1', apiPort: () => 1 };
  const plans = planStacks(readAssembly(cloud.cdkOutDir), { region: cloud.region, ...place });
  return new Map(
    plans.flatMap((plan) =>
      resourcesOf(plan, 'AWS::IAM::Policy').map(({ logicalId, properties }) => [
        `${plan.name.replace('holdfast-', '')}/${logicalId.replace(/RoleDefaultPolicy[0-9A-F]{8}$/, '')}`,
        properties.PolicyDocument.Statement.flatMap(({ Action = [], Resource = [] }) =>
          Action.flatMap((action) => Resource.map((resource) => ({ action, resource }))),
        ),
      ]),
    ),
  );
}

/** A function that lacks one grant. It gets what API Gateway, EventBridge or another function would send. */
export class Understudy {
  readonly name: string;
  readonly #lambda: LambdaClient;

  constructor(lambda: LambdaClient, name: string) {
    this.#lambda = lambda;
    this.name = name;
  }

  async runs(payload: object = {}): Promise<unknown> {
    const call = { FunctionName: this.name, Payload: JSON.stringify(payload) };
    const { Payload } = await this.#lambda.send(new InvokeCommand(call));
    return JSON.parse(Buffer.from(Payload!).toString()) as unknown;
  }

  /** Nobody waits for the end of it. */
  async runsLater(payload: object = {}): Promise<void> {
    const call = {
      FunctionName: this.name,
      Payload: JSON.stringify(payload),
      InvocationType: 'Event',
    } as const;
    await this.#lambda.send(new InvokeCommand(call));
  }

  /** An operator’s request. */
  asks(
    name: RouteName,
    { query, body, ...params }: Record<string, unknown> = {},
  ): Promise<{ statusCode: number; body: string }> {
    const { method, path } = { ...apiRoutes, ...operatorRoutes }[name];
    const base = name === 'activate' ? tenantBase : name in apiRoutes ? operatorBase : '';
    const event: HttpEvent = {
      routeKey: `${method} ${base}${path}`,
      pathParameters: { tenantId: 'acme', ...params } as Record<string, string>,
      queryStringParameters: query as Record<string, string>,
      body: JSON.stringify(body),
      requestContext: {
        authorizer:
          name === 'activate' ? undefined : { iam: { userArn: 'arn:aws:iam::000000000000:user/o' } },
        http: { sourceIp: '127.0.0.1', userAgent: 'test' },
      },
    };
    return this.runs(event) as Promise<{ statusCode: number; body: string }>;
  }

  /** A frame of this connection. */
  hears({ gatewayId, tenantId, epoch, connectionId }: Socket, t: string, body: object): Promise<unknown> {
    const authorizer = { gatewayId, tenantId, epoch: String(epoch), keyGeneration: '1' };
    const frame = { v: protocolVersion, t, id: 'f1', epoch, seq: 1, ts: Date.now(), body };
    const event: WebSocketEvent = {
      requestContext: {
        ...(t === '$disconnect' ? { eventType: 'DISCONNECT' } : { eventType: 'MESSAGE' }),
        ...{ routeKey: t, connectionId, connectedAt: Date.now(), authorizer },
      },
      body: JSON.stringify(frame),
    };
    return this.runs(event);
  }
}

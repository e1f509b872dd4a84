import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { apiRoutes, fillPath, operatorBase, operatorRoutes, tenantBase } from '../../core/api-routes.ts';
import type { AlertEvent } from '../../core/alert-event.ts';
import { newGateway } from '../../core/identity/activation.ts';
import { newToken } from '../../core/identity/secrets.ts';
import type { SubscriptionItem } from '../../core/model.ts';
import { alertsTable, gatewaysTable, subscriptionsTable } from '../../lambda/aws/tables.ts';
import { until } from '../../cli/demo/processes.ts';
import { activationBody, newAgentKey } from '../lambda/api/api-fixture.ts';
import { homeAndCell, ofType } from '../lib/synthesis.ts';
import { knock, signedHeaders, type Heard, type Knock } from '../support/door.ts';
import { firingAlert } from '../support/firing-alert.ts';
import { startLocalCloud, type EditableTemplate, type TestCloud } from '../support/local-cloud.ts';
import { localTables, type LocalTables } from '../support/local-tables.ts';
import { connect, dialToken, TestConnection, type TestGateway } from '../support/test-gateway.ts';

/**
 * One grant of each function is taken out of the synthesized template, and what needs it is done: the log names the
 * action and the resource, as it would in the cloud, and who asked learns nothing of what is inside.
 */
interface Removed {
  stack: 'home' | 'cell-1' | 'cell-2' | 'cell-3';
  /** Construct whose role loses it. */
  of: string;
  action: string;
  /** What the resource's name in the log says. */
  on: RegExp;
  /** Does what needs it; the answer that somebody got, if anybody asked. */
  need: (world: World) => Promise<Heard | undefined>;
}

/** Every function whose story does not need what another row of the same list takes away. */
const first: Removed[] = [
  {
    stack: 'home',
    of: 'Activation',
    action: 'dynamodb:UpdateItem',
    on: /tablesactivationcodes/i,
    need: async (world) => {
      const { text } = await world.asOperator('createActivationCode', {}, {});
      const { code } = JSON.parse(text) as { code: string };
      const body = activationBody(code, newAgentKey());
      return knock(world.door('home'), { method: 'POST', path: `${tenantBase}/activate`, body });
    },
  },
  {
    stack: 'home',
    of: 'HttpAuthorizer',
    action: 'dynamodb:GetItem',
    on: /tablestokens/i,
    need: (world) => world.withToken('home', 'listGateways'),
  },
  {
    stack: 'home',
    of: 'Gateways',
    action: 'dynamodb:Scan',
    on: /tablesgateways/i,
    need: (world) => world.signed('home', { method: 'GET', path: operatorRoutes.fleetGateways.path }),
  },
  {
    stack: 'home',
    of: 'Alerts',
    action: 'dynamodb:Query',
    on: /tablesalerts.*index\/byTenant/i,
    need: (world) => world.asOperator('listAlerts'),
  },
  {
    stack: 'home',
    of: 'BundleLinks',
    action: 'dynamodb:GetItem',
    on: /tablesgateways/i,
    need: (world) => world.asOperator('linkBundle', { gatewayId: 'gw-1', commandId: 'c1' }),
  },
  {
    stack: 'home',
    of: 'BulkSends',
    action: 'dynamodb:Query',
    on: /tablesbulksends.*index\/byTenant/i,
    need: (world) => world.asOperator('listBulkSends'),
  },
  {
    stack: 'home',
    of: 'BulkRunner',
    action: 'dynamodb:Query',
    on: /tablesbulksends.*index\/open/i,
    need: () => nobodyAsks(),
  },
  {
    stack: 'home',
    of: 'Configuration',
    action: 'dynamodb:GetItem',
    on: /tablesgateways/i,
    need: (world) => world.asOperator('getConfiguration', { gatewayId: 'gw-1' }),
  },
  {
    stack: 'home',
    of: 'Cells',
    action: 'ssm:GetParametersByPath',
    on: /parameter\/holdfast/i,
    need: (world) => world.signed('home', { method: 'GET', path: operatorRoutes.fleetCells.path }),
  },
  {
    stack: 'home',
    of: 'Audit',
    action: 'dynamodb:Query',
    on: /tablesaudit/i,
    need: (world) => world.asOperator('listAudit'),
  },
  {
    stack: 'home',
    of: 'Access',
    action: 'sqs:SendMessage',
    on: /holdfast-alerts-of-acme/,
    need: async (world) => {
      const body = { kind: 'sqs', queueUrl: await world.queue('holdfast-alerts-of-acme') };
      return world.asOperator('putSubscription', { subscriptionId: 'main' }, body);
    },
  },
  {
    stack: 'home',
    of: 'Sweeper',
    action: 'dynamodb:Query',
    on: /tablescommands.*index\/openByShard/i,
    need: () => nobodyAsks(),
  },
  {
    stack: 'home',
    of: 'StatusProxy',
    action: 'dynamodb:Scan',
    on: /tables(gateways|status)/i,
    need: () => nobodyAsks(),
  },
  {
    stack: 'cell-1',
    of: 'WsAuthorizer',
    action: 'dynamodb:UpdateItem',
    on: /tablesgateways/i,
    need: async (world) => {
      const gateway = await world.gateway();
      const dial = TestConnection.open(gateway.cells['cell-1']!, await dialToken(gateway, 'cell-1'));
      await expect(dial).rejects.toThrow(/500/);
      return undefined;
    },
  },
  {
    stack: 'cell-2',
    of: 'AgentStorage',
    action: 's3:PutObject',
    on: /snapshots.*\/acme\/gw-.*\/v1\/packs\/p/,
    need: (world) => world.uploadThrough('cell-2'),
  },
  {
    stack: 'cell-3',
    of: 'Hello',
    action: 'dynamodb:UpdateItem',
    on: /tablesgateways/i,
    need: async (world) => {
      const connection = await world.open(await world.gateway(), 'cell-3');
      connection.hello('j1');
      return undefined;
    },
  },
];
const second: Removed[] = [
  {
    stack: 'home',
    of: 'Commands',
    action: 'lambda:InvokeFunction',
    on: /holdfast-cell-1-deliver/,
    need: async (world) => {
      const { gatewayId } = await world.online('cell-1');
      await world.asOperator('submitCommand', { gatewayId }, { kind: 'probe' });
      return undefined; // It is stored, and the sweeper sends it.
    },
  },
  {
    stack: 'home',
    of: 'StatusProxy',
    action: 'events:PutEvents',
    on: /event-bus\//,
    need: async (world) => {
      await world.alertToEmit();
      return undefined;
    },
  },
  {
    stack: 'home',
    of: 'SubscriptionRouter',
    action: 'sqs:SendMessage',
    on: /holdfast-alerts-of-routed/,
    need: async (world) => {
      await world.routeAlert();
      return undefined;
    },
  },
  {
    stack: 'cell-1',
    of: 'HttpAuthorizer',
    action: 'dynamodb:GetItem',
    on: /tablestokens/i,
    need: (world) => world.withToken('cell-1', 'listCommands'),
  },
  {
    stack: 'cell-1',
    of: 'CellCommands',
    action: 'dynamodb:Query',
    on: /tablescommands.*index\//i,
    need: async (world) => {
      const { gatewayId } = await world.gateway();
      return world.asOperator('listCommands', { gatewayId }, undefined, 'cell-1');
    },
  },
  {
    stack: 'cell-2',
    of: 'CommandReports',
    action: 'dynamodb:PutItem',
    on: /tablescommands/i,
    need: async (world) => {
      const { gatewayId, connection } = await world.online('cell-2');
      await world.asOperator('submitCommand', { gatewayId }, { kind: 'probe' }, 'cell-2');
      const { commandId, attempt } = (await connection.next('cmd')).body;
      connection.send('cmd.ack', { commandId, attempt, journalId: 'j1' });
      return undefined;
    },
  },
  {
    stack: 'cell-2',
    of: 'Credentials',
    action: 'sts:AssumeRole',
    on: /agentstorage/i,
    need: async (world) => {
      const { connection } = await world.online('cell-2');
      connection.send('creds.get', { requestId: 'r', purpose: { kind: 'snapshot', volumeId: 'v1' } });
      const { error } = (await connection.next('creds')).body;
      return { status: 500, text: JSON.stringify(error) };
    },
  },
  {
    stack: 'cell-2',
    of: 'KeyRotation',
    action: 'dynamodb:GetItem',
    on: /tablesgateways/i,
    need: async (world) => {
      const { connection } = await world.online('cell-2');
      const proof = 'A'.repeat(86);
      const asked = {
        generation: 1,
        publicKey: newAgentKey().publicKey,
        proofOfOld: proof,
        proofOfNew: proof,
      };
      connection.send('key.rotate', asked);
      return undefined;
    },
  },
  {
    stack: 'cell-2',
    of: 'StatusIngest',
    action: 'dynamodb:PutItem',
    on: /tablesinventory/i,
    need: async (world) => {
      const { connection } = await world.online('cell-2');
      const about = { hostname: 'h', os: 'o', kernel: 'k', arch: 'a', cpuModel: 'c', cpuCount: 1 };
      const more = { memoryBytes: 1, agentVersion: '1', nodeVersion: '24', disks: [], interfaces: [] };
      connection.send('inventory', { inventory: { hash: 'abcd', ...about, ...more } });
      return undefined;
    },
  },
  {
    stack: 'cell-2',
    of: 'DefaultRoute',
    action: 'execute-api:ManageConnections',
    on: /POST\/@connections\//,
    need: async (world) => {
      (await world.online('cell-2')).connection.send('unheard-of', {});
      return undefined;
    },
  },
  {
    stack: 'cell-2',
    of: 'Disconnect',
    action: 'dynamodb:DeleteItem',
    on: /connections/i,
    need: async (world) => {
      (await world.online('cell-2')).connection.close();
      return undefined;
    },
  },
  {
    stack: 'cell-3',
    of: 'Deliver',
    action: 'execute-api:ManageConnections',
    on: /POST\/@connections\//,
    need: async (world) => {
      const { gatewayId } = await world.online('cell-3');
      await world.asOperator('submitCommand', { gatewayId }, { kind: 'probe' }, 'cell-3');
      return undefined;
    },
  },
];
/** The schedule starts it. */
const nobodyAsks = (): Promise<undefined> => Promise.resolve(undefined);

describe.each([
  ['some of home’s and of the dial', first],
  ['some of what follows a dial', second],
])('without %s', (_, rows) => {
  let world: World;
  beforeAll(async () => {
    world = await World.start(rows);
  }, 180_000);
  afterAll(() => world?.stop());

  it.each(rows.map((row) => [row.stack, row.of, row.action, row] as const))(
    '%s/%s says that it may not %s',
    async (_stack, _of, _action, row) => {
      const answer = await row.need(world);
      if (answer) expectDiscreet(answer, row);
      if (row.of === 'AgentStorage') return; // S3 itself says so, to the agent.
      const words = `is not authorized to perform: ${row.action} on resource: `;
      await until(`the log line of ${row.of}`, 50_000, () => {
        const said = world.cloud.logs.some(({ source, ...fields }) => {
          const resource = JSON.stringify(fields).split(words)[1];
          const isOf = source.startsWith(`holdfast-${row.stack}/`) && source.includes(functionOf(row));
          return isOf && resource !== undefined && row.on.test(resource);
        });
        return Promise.resolve(said ? true : undefined);
      });
    },
  );

  function expectDiscreet({ status, text }: Heard, { of, action, on }: Removed): void {
    expect({ of, status: status >= 400 }).toEqual({ of, status: true });
    if (of === 'AgentStorage') {
      // The agent's operator sees which right its session lacks.
      expect(text).toContain(action);
      expect(text).toMatch(on);
    } else expect(text).not.toMatch(/arn:|not authorized|perform|dynamodb|lambda:|tables/i);
  }
});

it('knows a call for every function that may do anything', async () => {
  const { home, cell } = await homeAndCell();
  const known = [...first, ...second].map(({ stack, of }) => `${stack === 'home' ? 'home' : 'cell'} ${of}`);
  for (const [kind, stack] of Object.entries({ home, cell })) {
    const policies = Object.values(ofType(stack, 'AWS::IAM::Policy')).filter(({ Properties }) =>
      statementsOf(Properties).some(
        ({ Action }) => ![Action].flat().every((action) => action.startsWith('logs:')),
      ),
    );
    const roles = policies.flatMap(({ Properties }) =>
      rolesOf(Properties).map((role) => `${kind} ${constructOf(role)}`),
    );
    expect(roles.filter((name) => !known.includes(name))).toEqual([]);
  }
});

interface Statement {
  Action: string | string[];
  Resource: unknown;
}
const statementsOf = (properties: Record<string, unknown>): Statement[] =>
  (properties['PolicyDocument'] as { Statement: Statement[] }).Statement;
const rolesOf = (properties: Record<string, unknown>): string[] =>
  (properties['Roles'] as { Ref: string }[]).map(({ Ref }) => Ref);
const constructOf = (roleId: string): string => roleId.replace(/Role[0-9A-F]{8}$/, '');
/** As it stands in the source of the log: names that are chosen are so, the others begin with the construct. */
const functionOf = ({ of, stack }: Removed): string =>
  of === 'Deliver' ? `holdfast-${stack}-deliver` : `${of}Function`;

/** Takes one action away from one role. */
function remove(template: EditableTemplate, { of, action }: Removed): void {
  let removed = 0;
  for (const { Type, Properties } of Object.values(template.Resources)) {
    if (Type !== 'AWS::IAM::Policy' || !rolesOf(Properties).some((role) => constructOf(role) === of))
      continue;
    for (const statement of statementsOf(Properties)) {
      const actions = [statement.Action].flat();
      if (!actions.includes(action)) continue;
      removed += 1;
      const rest = actions.filter((each) => each !== action);
      // A statement without an action is none.
      statement.Action = rest.length > 0 ? rest : ['sts:GetCallerIdentity'];
    }
  }
  // Whom the role itself names needs no grant beside it.
  if (action === 'sts:AssumeRole')
    for (const [id, { Properties }] of Object.entries(template.Resources))
      if (constructOf(id) === 'AgentStorage') Properties['AssumeRolePolicyDocument'] = trustsLambdaAlone;
  if (removed === 0) throw new Error(`${of} has no grant of ${action} that could be removed`);
}

const trustsLambdaAlone = {
  Version: '2012-10-17',
  Statement: [{ Action: 'sts:AssumeRole', Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' } }],
};

class World {
  readonly cloud: TestCloud;
  readonly #tables: LocalTables;
  readonly #connections: TestConnection[] = [];
  #gateways = 0;

  private constructor(cloud: TestCloud) {
    this.cloud = cloud;
    this.#tables = localTables(cloud);
  }

  static async start(rows: Removed[]): Promise<World> {
    const edit = (template: EditableTemplate, stackName: string) => {
      for (const row of rows) if (stackName === `holdfast-${row.stack}`) remove(template, row);
    };
    // A minute of the schedules is a second here.
    return new World(
      await startLocalCloud({ cells: ['cell-1', 'cell-2', 'cell-3'], scheduleScale: 60, edit }),
    );
  }

  async stop(): Promise<void> {
    for (const connection of this.#connections) connection.close();
    this.#tables.close();
    await this.cloud.stop();
  }

  door(stack: string): string {
    return this.cloud.urls[`holdfast-${stack}`]!['ApiUrl']!;
  }

  async signed(stack: string, request: Knock): Promise<Heard> {
    const at = this.door(stack);
    const headers = await signedHeaders(at, request, this.cloud.operatorCredentials, this.cloud.region);
    return knock(at, { ...request, headers });
  }

  asOperator(
    name: keyof typeof apiRoutes,
    params: Record<string, string> = {},
    body?: object,
    stack = 'home',
  ): Promise<Heard> {
    const { method, path } = apiRoutes[name];
    return this.signed(stack, {
      method,
      path: fillPath(`${operatorBase}${path}`, { tenantId: 'acme', ...params }),
      body,
    });
  }

  withToken(stack: string, name: keyof typeof apiRoutes): Promise<Heard> {
    const path = fillPath(`${tenantBase}${apiRoutes[name].path}`, { gatewayId: 'gw-any' });
    const headers = { authorization: `Bearer ${newToken(randomBytes)}` };
    return knock(this.door(stack), { method: 'GET', path, headers });
  }

  /** A gateway that is activated, without the API that could do it. */
  async gateway(): Promise<TestGateway> {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const codeHash = `h-${(this.#gateways += 1)}`;
    const code = { codeHash, tenantId: 'acme', createdAt: 0, expiresAt: 0, createdBy: 'o' };
    const item = newGateway(code, publicKey.export({ format: 'jwk' }).x!, Date.now());
    await gatewaysTable(this.#tables.named('Gateways'), this.#tables.client).put(item);
    const cells = ['cell-1', 'cell-2', 'cell-3'].map((cellId) => [
      cellId,
      this.cloud.urls[`holdfast-${cellId}`]!['WebSocketUrl']!,
    ]);
    return {
      gatewayId: item.gatewayId,
      tenantId: 'acme',
      privateKey,
      cells: Object.fromEntries(cells) as Record<string, string>,
    };
  }

  async open(gateway: TestGateway, cellId: string): Promise<TestConnection> {
    const connection = await TestConnection.open(gateway.cells[cellId]!, await dialToken(gateway, cellId));
    this.#connections.push(connection);
    return connection;
  }

  async online(cellId: string): Promise<{ gatewayId: string; connection: TestConnection }> {
    const gateway = await this.gateway();
    const connection = await connect(gateway, cellId, 'j1');
    this.#connections.push(connection);
    return { gatewayId: gateway.gatewayId, connection };
  }

  async queue(QueueName: string): Promise<string> {
    const endpoint = this.cloud.endpoints['holdfast-home']!;
    const { region, rootCredentials: credentials } = this.cloud;
    const sqs = new SQSClient({ endpoint, region, credentials });
    const { QueueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName }));
    sqs.destroy();
    return new URL(new URL(QueueUrl).pathname, endpoint).href;
  }

  /** What S3 answers a session of this cell. */
  async uploadThrough(cellId: string): Promise<Heard> {
    const { connection } = await this.online(cellId);
    connection.send('creds.get', { requestId: 'r', purpose: { kind: 'snapshot', volumeId: 'v1' } });
    const { credentials } = (await connection.next('creds')).body;
    const { bucket: Bucket, prefix, endpoint, region, ...keys } = credentials!;
    const s3 = new S3Client({ credentials: keys, endpoint, region, forcePathStyle: true, maxAttempts: 1 });
    try {
      await s3.send(new PutObjectCommand({ Bucket, Key: `${prefix}/packs/p`, Body: 'x' }));
      return { status: 200, text: '' };
    } catch (thrown) {
      return { status: 403, text: String(thrown) };
    } finally {
      s3.destroy();
    }
  }

  async alertToEmit(): Promise<void> {
    const item = firingAlert({ tenantId: 'acme', gatewayId: 'gw-gone', summary: 's' });
    item.outbox = [{ eventId: `${item.alertKey}#1#1`, type: 'firing', at: item.changedAt }];
    await alertsTable(this.#tables.named('Alerts'), this.#tables.client).put(item);
  }

  async routeAlert(): Promise<void> {
    const subscription: SubscriptionItem = {
      tenantId: 'acme',
      subscriptionId: 'main',
      kind: 'sqs',
      queueUrl: await this.queue('holdfast-alerts-of-routed'),
      state: 'confirmed',
      challengeHash: 'h',
      createdAt: 1,
    };
    await subscriptionsTable(this.#tables.named('Subscriptions'), this.#tables.client).put(subscription);
    const alertKey = '0'.repeat(32);
    const detail: AlertEvent = {
      ...{ eventId: `${alertKey}#1#1`, type: 'firing', alertKey, episode: 1, seq: 1, tenantId: 'acme' },
      ...{ gatewayId: 'gw-1', conditionId: 'HighMemory', component: '', severity: 'warning' },
      ...{ summary: 's', at: 1 },
    };
    const { region, rootCredentials: credentials, endpoints } = this.cloud;
    const lambda = new LambdaClient({ region, credentials, endpoint: endpoints['holdfast-home'] });
    await lambda.send(
      new InvokeCommand({
        FunctionName: this.#tables.functionNamed('SubscriptionRouter'),
        Payload: JSON.stringify({ detail }),
      }),
    );
    lambda.destroy();
  }
}

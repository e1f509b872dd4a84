import { operatorRoutes, tenantBase } from '../../core/api-routes.ts';
import { until } from '../../cli/demo/processes.ts';
import { activationBody, newAgentKey } from '../lambda/api/api-fixture.ts';
import { homeAndCell, ofType } from '../lib/synthesis.ts';
import { knock, type Heard } from '../support/door.ts';
import type { EditableTemplate } from '../support/local-cloud.ts';
import { dialToken, TestConnection } from '../support/test-gateway.ts';
import { World } from './grants/world.ts';

/**
 * One grant of each function is taken out of the synthesized template, and what needs it is done through the doors: the
 * log names the action and the resource, as it would in the cloud, and who asked learns nothing of what is inside. Every
 * grant has its turn in grants/, function by function.
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
    on: /tables(alerts.*index\/byTenant|silences)/i,
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
    action: 'dynamodb:Query',
    on: /tablestokens.*index\/byTenant/i,
    need: (world) => world.asOperator('listTokens'),
  },
  {
    stack: 'home',
    of: 'Subscriptions',
    action: 'kms:Encrypt',
    on: /key\//,
    need: (world) => {
      const body = { kind: 'webhook', url: 'https://ops.example.com/' };
      return world.asOperator('putSubscription', { subscriptionId: 'main' }, body);
    },
  },
  {
    stack: 'home',
    of: 'AlertRetries',
    action: 'dynamodb:Query',
    on: /tablessubscriptions.*index\/due/i,
    need: () => nobodyAsks(),
  },
  {
    stack: 'home',
    of: 'DesignReport',
    action: 'dynamodb:GetItem',
    on: /tablespatterns/i,
    need: () => nobodyAsks(),
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
    on: /tables(conditionsettings|gateways|status)/i,
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
    of: 'AlertDelivery',
    action: 'sqs:SendMessage',
    on: /holdfast-alerts-acme_asked/,
    need: async (world) => {
      const body = { kind: 'sqs', queueUrl: await world.queue('holdfast-alerts-acme_asked') };
      return world.asOperator('putSubscription', { subscriptionId: 'asked' }, body);
    },
  },
  {
    stack: 'home',
    of: 'SubscriptionRouter',
    action: 'dynamodb:PutItem',
    on: /tablesalertlanes/i,
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
    // A minute of the schedules is a second here.
    world = await World.start({
      cells: ['cell-1', 'cell-2', 'cell-3'],
      scheduleScale: 60,
      edit: without(rows),
    });
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

const without = (rows: Removed[]) => (template: EditableTemplate, stackName: string) => {
  for (const row of rows) if (stackName === `holdfast-${row.stack}`) remove(template, row);
};

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

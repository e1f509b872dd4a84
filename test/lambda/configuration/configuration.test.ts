import type { ApiClient } from '../../../cli/api-client.ts';
import type { ConfigurationView } from '../../../core/configuration/configuration-view.ts';
import { startLocalCloud, type TestCloud } from '../../support/local-cloud.ts';
import { operatorApi } from '../../support/operator-api.ts';
import { heartbeat } from '../../support/fleet.ts';
import { activateGateway, dialToken, TestConnection, type TestGateway } from '../../support/test-gateway.ts';

let cloud: TestCloud;
let api: ApiClient;
const connections: TestConnection[] = [];

beforeAll(async () => {
  cloud = await startLocalCloud();
  api = apiOf('acme');
});
afterEach(() => {
  for (const connection of connections.splice(0)) connection.close();
});
afterAll(() => cloud.stop());

const url = (): string => cloud.urls['holdfast-home']!['ApiUrl']!.replace(/\/+$/, '');
const apiOf = (tenantId: string): ApiClient => operatorApi(cloud, tenantId);
async function newGateway(): Promise<TestGateway> {
  const { code } = await api.call('createActivationCode', { body: {} });
  return activateGateway(url(), code);
}
/** Says hello with the version that is in force there, and waits for the welcome. */
async function online(
  gateway: TestGateway,
  cellId = 'cell-1',
  configVersion?: number,
): Promise<TestConnection> {
  const connection = await TestConnection.open(gateway.cells[cellId]!, await dialToken(gateway, cellId));
  connections.push(connection);
  const hello = { bootId: 'boot-1', journalId: 'j1', agentVersion: '1.0.0', sentAt: Date.now() };
  connection.send('hello', { ...hello, configVersion });
  await connection.next('welcome');
  return connection;
}
const put = async (
  { gatewayId }: TestGateway,
  configuration: object,
  ifVersion?: number,
): Promise<ConfigurationView> =>
  (await api.call('putConfiguration', { params: { gatewayId }, body: { configuration, ifVersion } }))
    .configuration;
const read = async ({ gatewayId }: TestGateway): Promise<ConfigurationView> =>
  (await api.call('getConfiguration', { params: { gatewayId } })).configuration;
async function until(gateway: TestGateway, state: ConfigurationView['state']): Promise<ConfigurationView> {
  for (;;) {
    const view = await read(gateway);
    if (view.state === state) return view;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('a configuration', () => {
  it('that was never set is in sync with nothing', async () => {
    const gateway = await newGateway();
    expect(await read(gateway)).toMatchObject({
      state: 'in-sync',
      desired: { version: 0, configuration: {} },
    });
    const connection = await online(gateway);
    expect(connection.pending('state.desired')).toEqual([]);
  });

  it.each(['cell-1', 'cell-2'])(
    'reaches a gateway that %s holds at once, and is in sync when it says so',
    async (cellId) => {
      const gateway = await newGateway();
      const connection = await online(gateway, cellId);
      expect(await put(gateway, { logLevel: 'debug' })).toMatchObject({
        state: 'waiting',
        desired: { version: 1, changedBy: { kind: 'operator' } },
      });
      const { body } = await connection.next('state.desired');
      expect(body).toEqual({ version: 1, configuration: { logLevel: 'debug' } });
      connection.send('state.reported', { version: 1, outcome: 'applied' });
      expect((await until(gateway, 'in-sync')).reported).toMatchObject({ version: 1, outcome: 'applied' });
    },
  );

  it('waits for a gateway that is away, which then learns the newest alone', async () => {
    const gateway = await newGateway();
    await put(gateway, { logLevel: 'debug' });
    await put(gateway, { logLevel: 'warn' });
    const connection = await online(gateway);
    expect((await connection.next('state.desired')).body).toEqual({
      version: 2,
      configuration: { logLevel: 'warn' },
    });
    expect(connection.pending('state.desired')).toEqual([]);
  });

  it('is noted as in force where a hello says so, and not sent again', async () => {
    const gateway = await newGateway();
    await put(gateway, { logLevel: 'debug' });
    const connection = await online(gateway, 'cell-1', 1);
    expect((await until(gateway, 'in-sync')).reported).toMatchObject({ version: 1 });
    expect(connection.pending('state.desired')).toEqual([]);
  });

  it('is sent again with each status until it is answered, and then no more', async () => {
    const gateway = await newGateway();
    const connection = await online(gateway);
    await put(gateway, { logLevel: 'debug' });
    await connection.next('state.desired');
    const report = async (seq: number) => {
      connection.send('status', { heartbeat: heartbeat({ seq }) });
      await connection.next('status.ack');
    };
    await report(1);
    expect((await connection.next('state.desired')).body.version).toBe(1);
    connection.send('state.reported', { version: 1, outcome: 'applied' });
    await until(gateway, 'in-sync');
    await report(2);
    // The hello may have seen it as well.
    const before = connection.pending('state.desired').length;
    await report(3);
    await report(4);
    expect(connection.pending('state.desired')).toHaveLength(before);
  });

  it('that the gateway cannot take says why, until another one is set', async () => {
    const gateway = await newGateway();
    const connection = await online(gateway);
    await put(gateway, { timeZone: 'Europe/Oslo' });
    await connection.next('state.desired');
    connection.send('state.reported', { version: 1, outcome: 'refused', problems: ['no such zone'] });
    expect((await until(gateway, 'refused')).reported?.problems).toEqual(['no such zone']);
    expect(await put(gateway, {})).toMatchObject({ state: 'waiting', desired: { version: 2 } });
  });

  it('hears only the connection that reaches the gateway', async () => {
    const gateway = await newGateway();
    const old = await online(gateway, 'cell-1');
    await online(gateway, 'cell-2');
    await put(gateway, { logLevel: 'debug' });
    await old.next('superseded');
    old.send('state.reported', { version: 1, outcome: 'applied' });
    await old.next('superseded');
    expect((await read(gateway)).state).toBe('waiting');
  });
});

describe('a change', () => {
  it('over another version than was read is a CONFLICT that says which there is', async () => {
    const gateway = await newGateway();
    await put(gateway, { logLevel: 'debug' }, 0);
    const late = put(gateway, { logLevel: 'error' }, 0);
    await expect(late).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('version 1'),
    });
    expect((await read(gateway)).desired).toMatchObject({ version: 1, configuration: { logLevel: 'debug' } });
  });

  it('is made by one of many that read the same version, and by each of many that did not look', async () => {
    const gateway = await newGateway();
    const levels = ['debug', 'info', 'warn', 'error'];
    const made = await Promise.allSettled(levels.map((logLevel) => put(gateway, { logLevel }, 0)));
    expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const minutes = [2, 3, 4, 5];
    await Promise.all(minutes.map((n) => put(gateway, { heartbeatIntervalMs: n * 60_000 })));
    const { desired, changes } = await read(gateway);
    expect(desired.version).toBe(5);
    expect(changes.map(({ version }) => version)).toEqual([1, 2, 3, 4, 5]);
  });

  it('to the same settings is none', async () => {
    const gateway = await newGateway();
    await put(gateway, { logLevel: 'debug' });
    expect((await put(gateway, { logLevel: 'debug' })).desired.version).toBe(1);
  });

  it('of what is no setting, of another tenant’s gateway and of a revoked one is refused', async () => {
    const gateway = await newGateway();
    const { gatewayId } = gateway;
    await expect(put(gateway, { heartbeatIntervalMs: 1 })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    const body = { configuration: {} };
    for (const call of ['getConfiguration', 'watchGateway'] as const)
      await expect(
        apiOf('other').call(call, { params: { gatewayId }, body: call === 'watchGateway' ? {} : undefined }),
      ).rejects.toMatchObject({
        code: 'NOT_FOUND',
      });
    await expect(
      apiOf('other').call('putConfiguration', { params: { gatewayId }, body }),
    ).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    await api.call('revokeGateway', { params: { gatewayId } });
    await expect(put(gateway, {})).rejects.toMatchObject({ code: 'GONE' });
  });
});

test('who watches has the gateway report faster for a while, and learns where it is away', async () => {
  const gateway = await newGateway();
  const params = { gatewayId: gateway.gatewayId };
  expect(await api.call('watchGateway', { params, body: {} })).toMatchObject({ isReached: false });
  const connection = await online(gateway, 'cell-2');
  const { isReached, ...told } = await api.call('watchGateway', { params, body: {} });
  expect(isReached).toBe(true);
  expect((await connection.next('watch')).body).toEqual(told);
});

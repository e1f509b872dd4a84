import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import type { ApiClient } from '../../../cli/api-client.ts';
import { keyRotationText } from '../../../core/identity/key-rotation.ts';
import { startLocalCloud, type TestCloud } from '../../support/local-cloud.ts';
import { operatorApi } from '../../support/operator-api.ts';
import {
  activateGateway,
  connect,
  dialToken,
  TestConnection,
  type TestGateway,
} from '../../support/test-gateway.ts';

let cloud: TestCloud;
let api: ApiClient;
const connections: TestConnection[] = [];

beforeAll(async () => {
  cloud = await startLocalCloud({ scheduleScale: 60 });
  api = operatorApi(cloud);
});
afterEach(() => {
  for (const connection of connections.splice(0)) connection.close();
});
afterAll(() => cloud.stop());

async function newGateway(code: object = {}): Promise<TestGateway> {
  const made = await api.call('createActivationCode', { body: code });
  return activateGateway(cloud.urls['holdfast-home']!['ApiUrl']!, made.code);
}
async function online(gateway: TestGateway, cellId = 'cell-1', bootId?: string): Promise<TestConnection> {
  const connection = await connect(gateway, cellId, 'j1', bootId);
  connections.push(connection);
  return connection;
}

interface NextKey {
  gateway: TestGateway;
  request: object;
}
function nextKey(gateway: TestGateway, generation = gateway.keyGeneration ?? 1): NextKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const { x } = publicKey.export({ format: 'jwk' });
  const text = Buffer.from(keyRotationText(gateway.gatewayId, generation, x!));
  const signed = (key: KeyObject) => sign(null, text, key).toString('base64url');
  return {
    gateway: { ...gateway, privateKey, keyGeneration: generation + 1 },
    request: {
      generation,
      publicKey: x,
      proofOfOld: signed(gateway.privateKey),
      proofOfNew: signed(privateKey),
    },
  };
}

describe('another key', () => {
  const submitProbe = ({ gatewayId }: TestGateway) =>
    api.call('submitCommand', { params: { gatewayId }, body: { kind: 'probe' } });

  it('takes the old one’s place, and the connection that asked goes on until the new key opened one', async () => {
    const gateway = await newGateway();
    const connection = await online(gateway);
    const next = nextKey(gateway);
    connection.send('key.rotate', next.request);
    expect((await connection.next('key.rotated')).body.keyGeneration).toBe(2);
    connection.send('key.rotate', next.request);
    expect((await connection.next('key.rotated')).body.keyGeneration).toBe(2);
    await submitProbe(gateway);
    await connection.next('cmd');
    const old = await dialToken(gateway, 'cell-1');
    await expect(TestConnection.open(gateway.cells['cell-1']!, old)).rejects.toThrow(/403/);
    const newer = await online(next.gateway, 'cell-2');
    expect((await connection.next('superseded')).body.byEpoch).toBe(newer.epoch);
  });

  it('is refused where the proofs are another’s, and from a connection that is not the route', async () => {
    const gateway = await newGateway();
    const connection = await online(gateway);
    connection.send('key.rotate', nextKey(await newGateway()).request);
    expect((await connection.next('reject')).body.code).toBe('KEY_REFUSED');
    const newer = await online(gateway, 'cell-2');
    await connection.next('superseded');
    connection.send('key.rotate', nextKey(gateway).request);
    expect((await connection.next('superseded')).body.byEpoch).toBe(newer.epoch);
    await online(gateway);
  });

  it('is not taken from who has the replaced key, whose frames hear why', async () => {
    const gateway = await newGateway();
    const waiting = await TestConnection.open(gateway.cells['cell-1']!, await dialToken(gateway, 'cell-1'));
    connections.push(waiting);
    const connection = await online(gateway);
    connection.send('key.rotate', nextKey(gateway).request);
    await connection.next('key.rotated');
    waiting.send('key.rotate', nextKey(gateway).request);
    expect((await waiting.next('reject')).body.code).toBe('KEY_REPLACED');
  });
});

describe('two hosts with one key', () => {
  it('raise an alarm that the customer is told of, and another key clears it', async () => {
    const gateway = await newGateway();
    const { gatewayId } = gateway;
    const alerts = async () => {
      const { alerts: all } = await api.call('listAlerts', { query: { state: 'open' } });
      return all.filter((alert) => alert.gatewayId === gatewayId).map(({ conditionId }) => conditionId);
    };
    await online(gateway, 'cell-1', 'host-a');
    await online(gateway, 'cell-2', 'host-b');
    const shown = async () => (await api.call('getGateway', { params: { gatewayId } })).gateway;
    expect(await shown()).not.toHaveProperty('cloneSeenAt');
    const back = await online(gateway, 'cell-1', 'host-a');
    expect(await shown()).toMatchObject({ cloneSeenAt: expect.any(Number) as number });
    while (!(await alerts()).includes('GatewayCloned')) await shown();
    const next = nextKey(gateway);
    back.send('key.rotate', next.request);
    await back.next('key.rotated');
    expect(await shown()).toMatchObject({ key: { generation: 2 } });
    expect(await shown()).not.toHaveProperty('cloneSeenAt');
    while ((await alerts()).includes('GatewayCloned')) await shown();
  });
});

describe('a gateway whose code wants a confirmation', () => {
  const params = ({ gatewayId }: TestGateway) => ({ gatewayId });
  const probe = (gateway: TestGateway) =>
    api.call('submitCommand', { params: params(gateway), body: { kind: 'probe' } });

  it('connects and reports, and gets commands and credentials once it is confirmed', async () => {
    const gateway = await newGateway({ requireConfirmation: true });
    const connection = await online(gateway);
    const shown = await api.call('getGateway', { params: params(gateway) });
    expect(shown.gateway).toMatchObject({
      status: 'pending',
      connection: { state: 'connected' },
      activatedFrom: { address: '127.0.0.1' },
      key: { fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
    });
    await expect(probe(gateway)).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('waits for its confirmation') as string,
    });
    const purpose = { kind: 'snapshot', volumeId: 'v1' };
    connection.send('creds.get', { requestId: 'r', purpose });
    expect((await connection.next('creds')).body).toMatchObject({ error: { code: 'FORBIDDEN' } });
    for (const _time of [1, 2]) {
      const { gateway: confirmed } = await api.call('confirmGateway', { params: params(gateway) });
      expect(confirmed.status).toBe('active');
    }
    await probe(gateway);
    await connection.next('cmd');
    connection.send('creds.get', { requestId: 'r2', purpose });
    expect((await connection.next('creds')).body).toHaveProperty('credentials');
  });

  it('is refused by its revocation, and stays so', async () => {
    const gateway = await newGateway({ requireConfirmation: true });
    const connection = await online(gateway);
    await api.call('revokeGateway', { params: params(gateway) });
    await connection.closed;
    await expect(api.call('confirmGateway', { params: params(gateway) })).rejects.toMatchObject({
      code: 'GONE',
    });
    const dial = await dialToken(gateway, 'cell-1');
    await expect(TestConnection.open(gateway.cells['cell-1']!, dial)).rejects.toThrow(/403/);
  });

  it('tells its agent the name that it has now', async () => {
    const gateway = await newGateway({ gatewayName: 'Cellar' });
    const open = async () => {
      const connection = await TestConnection.open(
        gateway.cells['cell-1']!,
        await dialToken(gateway, 'cell-1'),
      );
      connections.push(connection);
      connection.hello('j1');
      return (await connection.next('welcome')).body.name;
    };
    expect(await open()).toBe('Cellar');
    await api.call('renameGateway', { params: params(gateway), body: { name: 'Attic' } });
    expect(await open()).toBe('Attic');
  });
});

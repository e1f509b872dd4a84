import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { createApiClient, type ApiClient } from '../../../cli/api-client.ts';
import { keyRotationText } from '../../../core/identity/key-rotation.ts';
import { startLocalCloud, type TestCloud } from '../../support/local-cloud.ts';
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
  api = createApiClient({
    endpoint: cloud.urls['holdfast-home']!['ApiUrl']!,
    cells: {},
    region: cloud.region,
    tenantId: 'acme',
    identity: { kind: 'operator', keys: () => Promise.resolve(cloud.operatorCredentials) },
  });
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

describe('another key', () => {
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

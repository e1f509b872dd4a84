import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import type { ApiClient } from '../../../cli/api-client.ts';
import type { CommandView } from '../../../core/api.ts';
import type { CredentialPurpose } from '../../../core/messages.ts';
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
  // A minute of the schedules is a second here.
  cloud = await startLocalCloud({ scheduleScale: 60 });
  api = apiOf('acme');
});
afterEach(() => {
  for (const connection of connections.splice(0)) connection.close();
});
afterAll(() => cloud.stop());

const apiOf = (tenantId: string): ApiClient => operatorApi(cloud, tenantId);
async function newGateway(): Promise<TestGateway> {
  const { code } = await api.call('createActivationCode', { body: {} });
  return activateGateway(cloud.urls['holdfast-home']!['ApiUrl']!, code);
}
async function online(gateway: TestGateway, cellId = 'cell-1', journalId = 'j1'): Promise<TestConnection> {
  const connection = await connect(gateway, cellId, journalId);
  connections.push(connection);
  return connection;
}
const submit = async (gateway: TestGateway, body: object, viaCell?: string): Promise<CommandView> =>
  (await api.call('submitCommand', { params: { gatewayId: gateway.gatewayId }, body, viaCell })).command;
const read = async ({ gatewayId, commandId }: CommandView): Promise<CommandView> =>
  (await api.call('getCommand', { params: { gatewayId, commandId } })).command;
const succeeded = { outcome: { status: 'SUCCEEDED' }, startedAt: 1, endedAt: 2 };

describe('a dial', () => {
  it('is let in once with its token', async () => {
    const gateway = await newGateway();
    const dial = await dialToken(gateway, 'cell-1');
    connections.push(await TestConnection.open(gateway.cells['cell-1']!, dial));
    await expect(TestConnection.open(gateway.cells['cell-1']!, dial)).rejects.toThrow(/40[13]/);
  });

  it('is denied with a token of another cell, another key or none', async () => {
    const gateway = await newGateway();
    const other = await newGateway();
    const url = gateway.cells['cell-1']!;
    const foreignCell = await dialToken(gateway, 'cell-2');
    const foreignKey = await dialToken({ ...gateway, privateKey: other.privateKey }, 'cell-1');
    const oldGeneration = await dialToken(gateway, 'cell-1', { gen: 2 });
    for (const dial of [foreignCell, foreignKey, oldGeneration, { token: 'none', epoch: 1 }])
      await expect(TestConnection.open(url, dial)).rejects.toThrow(/40[13]/);
  });
});

describe('a connection', () => {
  it('is welcomed, and superseded by a newer one in another cell', async () => {
    const gateway = await newGateway();
    const first = await online(gateway, 'cell-1');
    const second = await online(gateway, 'cell-2');
    expect((await first.next('superseded')).body.byEpoch).toBe(second.epoch);
    first.send('cmd.ack', { commandId: 'any', attempt: 1, journalId: 'j1' });
    expect((await first.next('superseded')).body.byEpoch).toBe(second.epoch);
  });

  it('has frames refused that are not understood, and goes on', async () => {
    const connection = await online(await newGateway());
    connection.sendRaw('{"not json');
    expect((await connection.next('reject')).body.code).toBe('NOT_JSON');
    connection.send('cmd.unheard-of', {});
    expect((await connection.next('reject')).body).toMatchObject({ code: 'UNKNOWN_TYPE', messageId: 'f2' });
    connection.send('hello', { bootId: '' });
    expect((await connection.next('reject')).body.code).toBe('BAD_BODY');
    connection.send('cmd.ack', { commandId: 'c', attempt: 1, journalId: 'j1' }, { epoch: 1 });
    expect((await connection.next('reject')).body.code).toBe('WRONG_EPOCH');
    connection.hello('j1');
    await connection.next('welcome');
  });

  it('must say hello before anything else', async () => {
    const gateway = await newGateway();
    const connection = await TestConnection.open(
      gateway.cells['cell-1']!,
      await dialToken(gateway, 'cell-1'),
    );
    connections.push(connection);
    connection.send('cmd.ack', { commandId: 'c', attempt: 1, journalId: 'j1' });
    expect((await connection.next('reject')).body.code).toBe('NO_ROUTE');
  });
});

describe('a command', () => {
  it('goes through a cell that does not hold the connection, and its result comes back', async () => {
    const gateway = await newGateway();
    const connection = await online(gateway, 'cell-1');
    const command = await submit(gateway, { kind: 'probe', params: { echo: 'hi' } }, 'cell-2');
    expect(command).toMatchObject({ state: 'SENT', viaCellId: 'cell-2' });
    const { body } = await connection.next('cmd');
    expect(body).toMatchObject({
      commandId: command.commandId,
      kind: 'probe',
      params: { echo: 'hi' },
      needsGo: false,
    });
    const { commandId, attempt } = body;
    connection.send('cmd.result', { commandId, attempt, ...succeeded });
    await connection.next('result.ack');
    expect((await read(command)).audit.map(({ state }) => state)).toEqual(['QUEUED', 'SENT', 'SUCCEEDED']);
    const trail = async () =>
      (await api.call('listAudit', { query: { gateway: gateway.gatewayId } })).entries.filter(
        ({ subject }) => subject['commandId'] === commandId,
      );
    let entries = await trail();
    while (entries.length < 2) entries = await trail();
    expect(entries).toMatchObject([
      { action: 'command.final', outcome: { state: 'SUCCEEDED' }, details: { attempts: 1 } },
      { action: 'command.submit', details: { params: { echo: 'hi' } }, from: { cellId: 'cell-2' } },
    ]);
  });

  it('that must not run twice starts after its ack, and holds its lane up until then', async () => {
    const gateway = await newGateway();
    const connection = await online(gateway);
    const restore = await submit(gateway, { kind: 'restore.start', params: { volumeId: 'v1' } });
    const pause = await submit(gateway, { kind: 'restore.pause', params: { volumeId: 'v1' } });
    expect(pause.state).toBe('QUEUED');
    const { body } = await connection.next('cmd');
    expect(body).toMatchObject({ commandId: restore.commandId, needsGo: true });
    expect(connection.pending('cmd')).toEqual([]);
    connection.send('cmd.ack', { commandId: body.commandId, attempt: body.attempt, journalId: 'j1' });
    await connection.next('cmd.go');
    expect((await connection.next('cmd')).body.commandId).toBe(pause.commandId);
    expect((await read(restore)).state).toBe('ACKED');
  });

  it('waits for a gateway that is away, and is INDETERMINATE when the journal that had it is lost', async () => {
    const gateway = await newGateway();
    const command = await submit(gateway, { kind: 'snapshot.create', params: { volumeId: 'v1' } });
    expect(command.state).toBe('QUEUED');
    const first = await online(gateway, 'cell-1', 'j1');
    const { body } = await first.next('cmd');
    first.send('cmd.ack', { commandId: body.commandId, attempt: body.attempt, journalId: 'j1' });
    await first.next('cmd.go');
    // Not acked, so that the next connection gets it again: after the hello has looked at the journals.
    const probe = await submit(gateway, { kind: 'probe' });
    const second = await online(gateway, 'cell-1', 'j2');
    expect((await second.next('cmd')).body).toMatchObject({ commandId: probe.commandId, attempt: 2 });
    expect((await read(command)).state).toBe('INDETERMINATE');
    second.send('cmd.result', { commandId: body.commandId, attempt: body.attempt, ...succeeded });
    await second.next('result.ack');
    expect((await read(command)).state).toBe('INDETERMINATE');
  });

  it('is refused at once for a gateway that is away, if it is not to wait', async () => {
    const gateway = await newGateway();
    const refused = submit(gateway, { kind: 'probe', whenOffline: 'refuse' });
    await expect(refused).rejects.toMatchObject({ code: 'OFFLINE' });
    const { commands } = await api.call('listCommands', { params: { gatewayId: gateway.gatewayId } });
    expect(commands).toEqual([]);
  });

  it('is the same command for the same key, and a conflict for another body', async () => {
    const gateway = await newGateway();
    const body = { kind: 'volume.check', params: { volumeId: 'v1' }, idempotencyKey: 'k' };
    const first = await submit(gateway, body);
    const again = await submit(gateway, body, 'cell-2');
    expect(again.commandId).toBe(first.commandId);
    const other = submit(gateway, { ...body, params: { volumeId: 'v2' } });
    await expect(other).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('expires by itself for a gateway that stays away', async () => {
    let command = await submit(await newGateway(), { kind: 'probe', expiresInMs: 1_000 });
    while (command.audit.length < 2) command = await read(command);
    expect(command.audit.map(({ state }) => state)).toEqual(['QUEUED', 'EXPIRED']);
  });

  it('is refused for a gateway that was revoked, whose connection ends and which cannot dial', async () => {
    const gateway = await newGateway();
    const connection = await online(gateway, 'cell-2');
    await api.call('revokeGateway', { params: { gatewayId: gateway.gatewayId } });
    await connection.closed;
    await expect(submit(gateway, { kind: 'probe' })).rejects.toMatchObject({ code: 'GONE' });
    const dial = await dialToken(gateway, 'cell-1');
    await expect(TestConnection.open(gateway.cells['cell-1']!, dial)).rejects.toThrow(/403/);
  });

  it('of another tenant, of no gateway, of no kind or too large is an error that says so', async () => {
    const gateway = await newGateway();
    const { gatewayId } = gateway;
    const foreign = apiOf('other').call('submitCommand', { params: { gatewayId }, body: { kind: 'probe' } });
    await expect(foreign).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(submit({ ...gateway, gatewayId: 'gw-none' }, { kind: 'probe' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    await expect(submit(gateway, { kind: 'format' })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    const large = { kind: 'probe', params: { echo: 'x'.repeat(20_000) } };
    await expect(submit(gateway, large)).rejects.toMatchObject({ code: 'TOO_LARGE' });
  });

  it('is canceled at once while it waits', async () => {
    const gateway = await newGateway();
    const { gatewayId, commandId } = await submit(gateway, { kind: 'probe' });
    const cancel = () => api.call('cancelCommand', { params: { gatewayId, commandId } });
    expect((await cancel()).command.state).toBe('CANCELED');
    expect((await cancel()).command.state).toBe('CANCELED');
    const connection = await online(gateway);
    expect(connection.pending('cmd')).toEqual([]);
  });
});

describe('credentials', () => {
  it('reach one volume of one gateway for one purpose', async () => {
    const gateway = await newGateway();
    const connection = await online(gateway);
    const writer = await access(connection, { kind: 'snapshot', volumeId: 'v1' });
    expect(writer.prefix).toBe(`acme/${gateway.gatewayId}/v1`);
    await writer.put('packs/s1/p');
    await writer.put('intents/s1/open');
    await writer.list('');
    await writer.delete('intents/s1/open');
    await denied(writer.delete('packs/s1/p'));
    await denied(writer.put('../v2/packs/s1/p'));
    await denied(writer.list('../'));

    const reader = await access(connection, { kind: 'restore', volumeId: 'v1', snapshotId: 's1' });
    await reader.get('packs/s1/p');
    await reader.put('pins/s1/restore-1');
    await reader.delete('pins/s1/restore-1');
    await denied(reader.put('pins/s2/restore-1'));
    await denied(reader.put('packs/s1/p'));
    await denied(reader.delete('packs/s1/p'));

    const deleter = await access(connection, { kind: 'delete', volumeId: 'v1', snapshotId: 's1' });
    await deleter.put('tombstones/s1');
    await denied(deleter.put('packs/s1/q'));
    await deleter.delete('packs/s1/p');
    await denied(deleter.delete('../v2/packs/s1/p'));
  });

  it('for a bundle write into the gateway’s own folder and do nothing else', async () => {
    const gateway = await newGateway();
    const connection = await online(gateway);
    const uploader = await access(connection, { kind: 'diagnostics' });
    expect(uploader.prefix).toBe(`diagnostics/acme/${gateway.gatewayId}`);
    await uploader.put('c1.json.gz');
    await denied(uploader.get('c1.json.gz'));
    await denied(uploader.delete('c1.json.gz'));
    await denied(uploader.list(''));
    await denied(uploader.put('../gw-other/c1.json.gz'));
    await denied(uploader.put(`/acme/${gateway.gatewayId}/v1/packs/p`));
    const writer = await access(connection, { kind: 'snapshot', volumeId: 'v1' });
    await denied(writer.put(`/diagnostics/acme/${gateway.gatewayId}/c2.json.gz`));
  });

  it('are refused for a volume whose name could mean another', async () => {
    const connection = await online(await newGateway());
    connection.send('creds.get', { requestId: 'r', purpose: { kind: 'snapshot', volumeId: '*' } });
    expect((await connection.next('creds')).body).toMatchObject({ error: { code: 'INVALID_INPUT' } });
  });

  const denied = (call: Promise<unknown>) => expect(call).rejects.toMatchObject({ name: 'AccessDenied' });

  async function access(connection: TestConnection, purpose: CredentialPurpose) {
    connection.send('creds.get', { requestId: 'r', purpose });
    const { credentials } = (await connection.next('creds')).body;
    if (!credentials) throw new Error('no credentials');
    const {
      accessKeyId,
      secretAccessKey,
      sessionToken,
      endpoint,
      region,
      bucket: Bucket,
      prefix,
    } = credentials;
    const keys = { accessKeyId, secretAccessKey, sessionToken };
    const client = new S3Client({ credentials: keys, endpoint, region, forcePathStyle: true });
    /** `../` stands for what lies beside the prefix, `/` for the bucket's root: S3 itself knows no such steps. */
    const Key = (path: string) => {
      if (path.startsWith('/')) return path.slice(1);
      return path.startsWith('../') ? prefix.replace(/[^/]+$/, path.slice(3)) : `${prefix}/${path}`;
    };
    return {
      prefix,
      put: (path: string) => client.send(new PutObjectCommand({ Bucket, Key: Key(path), Body: 'x' })),
      get: (path: string) => client.send(new GetObjectCommand({ Bucket, Key: Key(path) })),
      delete: (path: string) => client.send(new DeleteObjectCommand({ Bucket, Key: Key(path) })),
      list: (path: string) => client.send(new ListObjectsV2Command({ Bucket, Prefix: Key(path) })),
    };
  }
});

import { randomBytes, sign } from 'node:crypto';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { newToken } from '../../../core/identity/secrets.ts';
import { keyRotationText } from '../../../core/identity/key-rotation.ts';
import type { CommandItem, GatewayItem } from '../../../core/model.ts';
import { newAgentKey } from '../../lambda/api/api-fixture.ts';
import { heartbeat } from '../../support/fleet.ts';
import { dialToken } from '../../support/test-gateway.ts';
import { cellDirectory, commandStories, deliver } from './home-stories.ts';
import { each, type Stories, type Story } from './stories.ts';
import type { Stage } from './stage.ts';

const post = 'execute-api:ManageConnections on POST/@connections/*';
const close = 'execute-api:ManageConnections on DELETE/@connections/*';

/** A frame of a gateway that was revoked: it is refused, and its connection closed. */
const turnsAway =
  (t: string, body: object): Story =>
  async (stage, it) =>
    it.hears(await stage.routed('cell-1', { status: 'revoked' }), t, body);
const turnsAwayOnline =
  (t: string, body: object): Story =>
  async (stage, it) => {
    const socket = await stage.online();
    const { gatewayId } = socket;
    await stage
      .table('gatewaysTable')
      .update({ gatewayId }, 'SET #status = :s', { values: { ':s': 'revoked' } });
    return it.hears(socket, t, body);
  };

const hello = (configVersion?: number) => ({
  ...{ bootId: 'b1', journalId: 'j1', agentVersion: '1.0.0', sentAt: Date.now() },
  ...(configVersion === undefined ? {} : { configVersion }),
});
/** Of a connection that is gone before it is welcomed. */
const greets =
  (changed: Partial<GatewayItem> = {}): Story =>
  async (stage, it) => {
    const socket = await stage.routed('cell-1', changed);
    return it.hears(socket, 'hello', hello());
  };
/** Of a connection that stays, with what the gateway’s commands have been through. */
const greetsOnline =
  (command: Partial<CommandItem> = {}): Story =>
  async (stage, it) => {
    const socket = await stage.online();
    await stage.command(socket.gatewayId, command);
    return it.hears(socket, 'hello', hello());
  };
/** The gateway comes from the other cell. */
const supersedes: Story = async (stage, it) => {
  const gateway = await stage.routed('cell-2');
  return it.hears({ ...gateway, epoch: 8, connectionId: 'Gone0000000001=' }, 'hello', hello());
};
const greetsGranted: Story = async (stage, it) => {
  const socket = await stage.online();
  const values = { ':grants': { granted: 'j1' } };
  const { gatewayId } = socket;
  await stage.table('gatewaysTable').update({ gatewayId }, 'SET #grants = :grants', { values });
  return it.hears(socket, 'hello', hello());
};
const greetsConfigured: Story = async (stage, it) => {
  const socket = await stage.online();
  await configured(stage, socket.gatewayId);
  return it.hears(socket, 'hello', hello(1));
};
const configured = (stage: Stage, gatewayId: string) =>
  stage
    .table('configurationsTable')
    .put({ gatewayId, tenantId: 'acme', version: 1, configuration: {}, changes: [] });

/** An ack of a posted command that needs a start grant. */
const takesAck: Story = async (stage, it) => {
  const socket = await stage.routed('cell-1');
  const sent = { kind: 'snapshot.create', state: 'SENT', attempt: 1, sentEpoch: 7 } as const;
  const { commandId } = await stage.command(socket.gatewayId, sent);
  return it.hears(socket, 'cmd.ack', { commandId, attempt: 1, journalId: 'j1' });
};
const unknownAck = { commandId: 'c1', attempt: 1, journalId: 'j1' };
const takesResult: Story = async (stage, it) => {
  const socket = await stage.routed('cell-1');
  const { commandId } = await stage.command(socket.gatewayId, { state: 'SENT', attempt: 1, sentEpoch: 7 });
  const outcome = { status: 'SUCCEEDED' };
  return it.hears(socket, 'cmd.result', { commandId, attempt: 1, outcome, startedAt: 1, endedAt: 2 });
};

const wants = { requestId: 'r', purpose: { kind: 'snapshot', volumeId: 'v1' } };
const issues: Story = async (stage, it) => it.hears(await stage.routed('cell-1'), 'creds.get', wants);

/** With both signatures. */
const rotates: Story = async (stage, it) => {
  const [old, next] = [newAgentKey(), newAgentKey()];
  const socket = await stage.routed('cell-1', { publicKey: old.publicKey });
  const text = Buffer.from(keyRotationText(socket.gatewayId, 1, next.publicKey));
  const proofs = {
    proofOfOld: sign(null, text, old.privateKey).toString('base64url'),
    proofOfNew: sign(null, text, next.privateKey).toString('base64url'),
  };
  return it.hears(socket, 'key.rotate', { generation: 1, publicKey: next.publicKey, ...proofs });
};
const unsigned = {
  generation: 1,
  publicKey: newAgentKey().publicKey,
  proofOfOld: 'A'.repeat(86),
  proofOfNew: 'A'.repeat(86),
};

/** The same twice: the second is no news, and whoever writes it looks at what is there. */
const reportsTwice =
  (t: string, body: object): Story =>
  async (stage, it) => {
    const socket = await stage.routed('cell-1');
    await it.hears(socket, t, body);
    return it.hears(socket, t, body);
  };
const status = { heartbeat: heartbeat() };
const halfHourMs = 30 * 60_000;
const rollup = {
  kind: 'half-hour',
  startsAt: Math.floor(Date.now() / halfHourMs) * halfHourMs,
  counts: [1],
  signals: { 'system.cpu.utilization': [0.1, 0.1, 0.1] },
};
const about = { hash: 'abcd', hostname: 'h', os: 'o', kernel: 'k', arch: 'a', cpuModel: 'c', cpuCount: 1 };
const more = { memoryBytes: 1, agentVersion: '1', nodeVersion: '24', disks: [], interfaces: [] };
const inventory = { inventory: { ...about, ...more } };
const remindsOfConfiguration: Story = async (stage, it) =>
  it.hears(await stage.routed('cell-1', { configPending: 1 }), 'status', status);
const reportsConfiguration: Story = async (stage, it) => {
  const socket = await stage.routed('cell-1');
  await configured(stage, socket.gatewayId);
  return it.hears(socket, 'state.reported', { version: 1, outcome: 'applied' });
};

const handsOver =
  (then?: 'release' | 'close', changed?: Partial<GatewayItem>): Story =>
  async (stage, it) => {
    const { gatewayId } = await stage.held(changed);
    const frames = then === undefined ? [{ t: 'probe', body: { probeId: 'p1' } }] : [];
    return it.runs({ gatewayId, frames, ...(then ? { then } : {}) });
  };

const leaves: Story = async (stage, it) => it.hears(await stage.held(), '$disconnect', {});

const dials: Story = async (stage, it) => {
  const gateway = await stage.world.gateway();
  const { token } = await dialToken(gateway, 'cell-1');
  const methodArn = 'arn:aws:execute-api:eu-central-1:000000000000:api/v1/$connect';
  return it.runs({ methodArn, headers: { Authorization: `Bearer ${token}` } });
};

/** S3 says so itself, to the agent. */
const uses =
  (act: (s3: S3Client, at: { Bucket: string; Key: string }) => Promise<unknown>): Story =>
  async (stage, it) => {
    const { cloud } = stage.world;
    const { region, rootCredentials: credentials } = cloud;
    const endpoint = cloud.endpoints['holdfast-home']!;
    const sts = new STSClient({ region, endpoint, credentials });
    const RoleArn = `arn:aws:iam::000000000000:role/${it.name}`;
    const { Credentials: issued } = await sts.send(
      new AssumeRoleCommand({ RoleArn, RoleSessionName: 'gw-1' }),
    );
    sts.destroy();
    const keys = {
      accessKeyId: issued!.AccessKeyId!,
      secretAccessKey: issued!.SecretAccessKey!,
      sessionToken: issued!.SessionToken!,
    };
    const s3 = new S3Client({ region, endpoint, credentials: keys, forcePathStyle: true, maxAttempts: 1 });
    const Bucket = cloud.urls['holdfast-home']!['SnapshotBucketName']!;
    const thrown = await act(s3, { Bucket, Key: 'acme/gw-1/v1/packs/p' }).catch((cause: unknown) => cause);
    stage.heard(it.name, String(thrown));
    s3.destroy();
  };

/** The functions of a cell, and the role of the sessions that it issues. */
export const cellStories: Stories = {
  HttpAuthorizer: {
    'dynamodb:GetItem on Tokens': (_, it) =>
      it.runs({ headers: { authorization: `Bearer ${newToken(randomBytes)}` } }),
  },
  WsAuthorizer: each(
    ['dynamodb:GetItem on Gateways', 'dynamodb:UpdateItem on Gateways', 'dynamodb:GetItem on Cells'],
    dials,
  ),
  Disconnect: each(
    [
      'dynamodb:GetItem on Gateways',
      'dynamodb:UpdateItem on Gateways',
      'dynamodb:GetItem on Connections',
      'dynamodb:DeleteItem on Connections',
    ],
    leaves,
  ),
  Hello: {
    ...each(
      [
        'dynamodb:GetItem on Gateways',
        'dynamodb:UpdateItem on Gateways',
        'dynamodb:UpdateItem on Connections',
        'dynamodb:GetItem on Connections',
        'dynamodb:DeleteItem on Connections',
        post,
      ],
      greets(),
    ),
    [close]: turnsAwayOnline('hello', hello()),
    ...each([cellDirectory, deliver('cell-2')], supersedes),
    ...each(
      [
        'dynamodb:Query on Commands/open',
        'dynamodb:PutItem on Commands',
        'dynamodb:GetItem on Configurations',
      ],
      greetsOnline(),
    ),
    'dynamodb:GetItem on Commands': greetsGranted,
    'dynamodb:PartiQLInsert on Audit': greetsOnline({
      kind: 'snapshot.create',
      state: 'ACKED',
      attempt: 1,
      ackedJournalId: 'lost',
    }),
    'dynamodb:UpdateItem on Configurations': greetsConfigured,
  },
  CommandReports: {
    ...each(
      [
        'dynamodb:GetItem on Gateways',
        'dynamodb:GetItem on Commands',
        'dynamodb:UpdateItem on Gateways',
        'dynamodb:PutItem on Commands',
        post,
      ],
      takesAck,
    ),
    ...each(['dynamodb:Query on Commands/open', 'dynamodb:PartiQLInsert on Audit'], takesResult),
    [close]: turnsAway('cmd.ack', unknownAck),
  },
  Credentials: {
    ...each(['dynamodb:GetItem on Gateways', 'sts:AssumeRole on AgentStorageRole', post], issues),
    [close]: turnsAway('creds.get', wants),
  },
  KeyRotation: {
    ...each(['dynamodb:GetItem on Gateways', 'dynamodb:UpdateItem on Gateways', post], rotates),
    [close]: turnsAway('key.rotate', unsigned),
  },
  StatusIngest: {
    ...each(
      ['dynamodb:GetItem on Gateways', 'dynamodb:PutItem on Status', 'dynamodb:GetItem on Status', post],
      reportsTwice('status', status),
    ),
    ...each(
      ['dynamodb:PutItem on Inventory', 'dynamodb:GetItem on Inventory'],
      reportsTwice('inventory', inventory),
    ),
    ...each(
      ['dynamodb:PutItem on Rollups', 'dynamodb:GetItem on Rollups'],
      reportsTwice('status', { ...status, rollups: [rollup] }),
    ),
    'dynamodb:GetItem on Configurations': remindsOfConfiguration,
    ...each(
      ['dynamodb:UpdateItem on Configurations', 'dynamodb:UpdateItem on Gateways'],
      reportsConfiguration,
    ),
    [close]: turnsAway('status', status),
  },
  Deliver: {
    ...each(['dynamodb:GetItem on Connections', 'dynamodb:UpdateItem on Gateways', post], handsOver()),
    // Somebody else took the route off.
    'dynamodb:GetItem on Gateways': handsOver(undefined, { route: undefined }),
    'dynamodb:DeleteItem on Connections': handsOver('release'),
    [close]: handsOver('close'),
    'dynamodb:Scan on Connections': (_, it) => it.runs({ drain: { deadlineMs: 10_000 } }),
  },
  DefaultRoute: {
    [post]: async (stage, it) => it.hears(await stage.routed('cell-1'), 'unheard-of', {}),
  },
  CellCommands: {
    ...commandStories,
    'dynamodb:GetItem on Connections': commandStories['dynamodb:PutItem on Commands'],
  },
  AgentStorage: {
    's3:GetObject on SnapshotsBucket/*': uses((s3, at) => s3.send(new GetObjectCommand(at))),
    's3:PutObject on SnapshotsBucket/*': uses((s3, at) =>
      s3.send(new PutObjectCommand({ ...at, Body: 'x' })),
    ),
    's3:DeleteObject on SnapshotsBucket/*': uses((s3, at) => s3.send(new DeleteObjectCommand(at))),
    's3:ListBucket on SnapshotsBucket': uses((s3, { Bucket }) =>
      s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'acme/' })),
    ),
  },
};

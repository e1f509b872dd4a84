import { randomBytes } from 'node:crypto';
import { newSilence, silenceLimits } from '../../../core/alerts/silences.ts';
import { newBulkJob } from '../../../core/bulk/submission.ts';
import { activationCodeItem } from '../../../core/identity/activation.ts';
import { tokenItem } from '../../../core/identity/access-tokens.ts';
import { newActivationCode, newToken } from '../../../core/identity/secrets.ts';
import type { BulkJobItem } from '../../../core/bulk/model.ts';
import { activationBody, newAgentKey } from '../../lambda/api/api-fixture.ts';
import { firingAlert } from '../../support/firing-alert.ts';
import { each, type Stories, type Story } from './stories.ts';
import type { Stage } from './stage.ts';
import { subscriptionStories } from './subscription-stories.ts';

export const cellDirectory = 'ssm:GetParametersByPath on parameter/holdfast/cells';
export const deliver = (cellId: string): string => `lambda:InvokeFunction on holdfast-${cellId}-deliver`;

/** Trades a code that is good for an identity. */
const activates: Story = async (stage, it) => {
  const code = newActivationCode(randomBytes);
  const wanted = { tenantId: 'acme', createdBy: 'o' };
  await stage.table('activationCodesTable').put(activationCodeItem(code, wanted, Date.now()));
  return it.asks('activate', { body: activationBody(code, newAgentKey()) });
};
const activatesInVain: Story = (_, it) =>
  it.asks('activate', { body: activationBody(newActivationCode(randomBytes), newAgentKey()) });
const makesCode: Story = (_, it) => it.asks('createActivationCode', { body: {} });

const listsGateways: Story = async (stage, it) => {
  await stage.gateway();
  return it.asks('listGateways');
};
const showsGateway: Story = (_, it) => it.asks('getGateway', { gatewayId: 'gw-1' });
const showsHistory: Story = async (stage, it) => it.asks('getHistory', await idOf(stage));
const renames: Story = async (stage, it) =>
  it.asks('renameGateway', { ...(await stage.gateway()), body: { name: 'Oslo' } });
/** With a command that ends by it. */
const revokes: Story = async (stage, it) => {
  const { gatewayId } = await stage.gateway();
  await stage.command(gatewayId);
  return it.asks('revokeGateway', { gatewayId });
};

const showsConfiguration: Story = async (stage, it) => it.asks('getConfiguration', await idOf(stage));
const configures: Story = async (stage, it) =>
  it.asks('putConfiguration', {
    ...(await idOf(stage)),
    body: { configuration: { logLevel: 'debug' } },
  });
const watches =
  (cellId: string): Story =>
  async (stage, it) =>
    it.asks('watchGateway', { gatewayId: (await stage.routed(cellId)).gatewayId });
const idOf = async (stage: Stage) => ({ gatewayId: (await stage.gateway()).gatewayId });

/** Empties the cell, and lets gateways in again afterwards. */
const drains =
  (cellId: string): Story =>
  async (stage, it) => {
    await it.asks('drainCell', { cellId, body: {} });
    return () => stage.table('cellsTable').delete({ scope: 'fleet' });
  };
const showsCells: Story = (_, it) => it.asks('fleetCells');

/** Through this cell’s connection, as the route has it. */
const submits =
  (cellId: string): Story =>
  async (stage, it) => {
    const { gatewayId } = await stage.routed(cellId);
    return it.asks('submitCommand', { gatewayId, body: { kind: 'probe' } });
  };
const listsCommands: Story = async (stage, it) => it.asks('listCommands', await idOf(stage));
const showsCommand: Story = async (stage, it) =>
  it.asks('getCommand', { ...(await idOf(stage)), commandId: 'c1' });
export const commandStories = {
  'dynamodb:PartiQLInsert on Audit': submits('cell-1'),
  'dynamodb:GetItem on Gateways': listsCommands,
  'dynamodb:UpdateItem on Gateways': submits('cell-1'),
  'dynamodb:GetItem on Commands': showsCommand,
  'dynamodb:PutItem on Commands': submits('cell-1'),
  'dynamodb:Query on Commands/open': submits('cell-1'),
  'dynamodb:Query on Commands/byTime': listsCommands,
  [cellDirectory]: submits('cell-1'),
  [deliver('cell-1')]: submits('cell-1'),
  [deliver('cell-2')]: submits('cell-2'),
};

const linksBundle: Story = async (stage, it) => {
  const { gatewayId } = await stage.gateway();
  const done = { kind: 'diagnostics.collect', state: 'SUCCEEDED', endedAt: Date.now() } as const;
  const { commandId } = await stage.command(gatewayId, done);
  return it.asks('linkBundle', { gatewayId, commandId });
};
/** S3 says so, to whoever follows the link. */
const followsLink: Story = async (stage, it) => {
  const { body } = (await linksBundle(stage, it)) as { body: string };
  stage.heard(it.name, await (await fetch((JSON.parse(body) as { url: string }).url)).text());
};

const sendsToMany: Story = (_, it) => it.asks('createBulkSend', { body: { kind: 'probe', all: true } });
const listsBulkSends: Story = async (stage, it) => {
  const { bulkId } = await bulkJob(stage);
  await it.asks('listBulkSends');
  return () => stage.table('bulkSendsTable').delete({ bulkId });
};
const showsBulkSend: Story = (_, it) => it.asks('getBulkSend', { bulkId: 'b1' });
const showsTargets: Story = async (stage, it) => {
  const { bulkId } = await bulkJob(stage);
  await it.asks('listBulkTargets', { bulkId });
  return () => stage.table('bulkSendsTable').delete({ bulkId });
};
const cancelsBulkSend: Story = async (stage, it) => {
  const { bulkId } = await bulkJob(stage);
  await it.asks('cancelBulkSend', { bulkId });
  return () => stage.table('bulkSendsTable').delete({ bulkId });
};

/** A job as it is stored, of a tenant of its own where one is named. */
export async function bulkJob(stage: Stage, changed: Partial<BulkJobItem> = {}): Promise<BulkJobItem> {
  const body = { kind: 'probe', params: {}, concurrency: 1, waves: [], whenOffline: 'queue' } as const;
  const submittedBy = { kind: 'operator', id: 'o' } as const;
  const job = newBulkJob(
    { ...body, waves: [], all: true, expiresInMs: 3_600_000 },
    { tenantId: 'acme', idempotencyKey: stage.newId(), submittedBy, at: Date.now(), ...changed },
  );
  const item = { ...job, ...changed };
  await stage.table('bulkSendsTable').put(item);
  return item;
}

/** An alert that fires. */
async function alert(stage: Stage): Promise<{ alertKey: string }> {
  const { gatewayId } = await stage.gateway();
  const item = firingAlert({ tenantId: 'acme', gatewayId, summary: 's' });
  await stage.table('alertsTable').put(item);
  return { alertKey: item.alertKey };
}
const acknowledges: Story = async (stage, it) => it.asks('ackAlert', await alert(stage));
const silences: Story = (_, it) => it.asks('createSilence', { body: { all: true, why: 'w', forMs: 60_000 } });
/** A tenant whose silences are all that are kept, and over. */
const silencesOnceMore: Story = async (stage, it) => {
  const tenantId = `t-${stage.newId().slice(-8)}`;
  const body = { why: 'w', forMs: 60_000 };
  const at = Date.now() - 3_600_000;
  const over = Array.from({ length: silenceLimits.keptMax }, (_, i) =>
    newSilence(body, { tenantId, silenceId: `si-${i}`, by: 'o', at }),
  );
  const table = stage.table('silencesTable');
  await Promise.all(over.map((each) => table.put(each)));
  return it.asks('createSilence', { tenantId, body: { all: true, ...body } });
};
const unsilences: Story = (_, it) => it.asks('endSilence', { silenceId: 'si-0000000000000000' });

const makesToken: Story = (_, it) => it.asks('createToken', { body: { role: 'tenant-read' } });
const endsToken: Story = async (stage, it) => {
  const tokenId = `t-${stage.newId().slice(-16)}`;
  const item = tokenItem(
    newToken(randomBytes),
    tokenId,
    { tenantId: 'acme', role: 'tenant-read' },
    Date.now(),
  );
  await stage.table('tokensTable').put(item);
  return it.asks('deleteToken', { tokenId });
};

/** The functions behind home’s API. */
export const homeStories: Stories = {
  HttpAuthorizer: {
    'dynamodb:GetItem on Tokens': (_, it) =>
      it.runs({ headers: { authorization: `Bearer ${newToken(randomBytes)}` } }),
  },
  Activation: {
    ...each(['dynamodb:PartiQLInsert on Audit', 'dynamodb:PutItem on ActivationCodes'], makesCode),
    ...each(
      [cellDirectory, 'dynamodb:UpdateItem on ActivationCodes', 'dynamodb:GetItem on ActivationCodes'],
      activatesInVain,
    ),
    ...each(['dynamodb:GetItem on Gateways', 'dynamodb:PutItem on Gateways'], activates),
  },
  Gateways: {
    ...each(
      [
        'dynamodb:Query on Gateways/byTenant',
        'dynamodb:BatchGetItem on Gateways',
        'dynamodb:BatchGetItem on Status',
      ],
      listsGateways,
    ),
    ...each(
      ['dynamodb:GetItem on Gateways', 'dynamodb:GetItem on Status', 'dynamodb:GetItem on Inventory'],
      showsGateway,
    ),
    'dynamodb:Query on Rollups': showsHistory,
    'dynamodb:Scan on Gateways': (_, it) => it.asks('fleetGateways'),
    ...each(['dynamodb:UpdateItem on Gateways', 'dynamodb:PartiQLInsert on Audit'], renames),
    ...each(
      [
        'dynamodb:Query on Commands/open',
        'dynamodb:GetItem on Commands',
        'dynamodb:PutItem on Commands',
        cellDirectory,
        deliver('cell-1'),
        deliver('cell-2'),
      ],
      revokes,
    ),
  },
  Configuration: {
    ...each(['dynamodb:GetItem on Gateways', 'dynamodb:GetItem on Configurations'], showsConfiguration),
    ...each(
      [
        'dynamodb:UpdateItem on Gateways',
        'dynamodb:UpdateItem on Configurations',
        'dynamodb:PartiQLInsert on Audit',
      ],
      configures,
    ),
    ...each([cellDirectory, deliver('cell-1')], watches('cell-1')),
    [deliver('cell-2')]: watches('cell-2'),
  },
  Cells: {
    ...each([cellDirectory, 'dynamodb:GetItem on Cells'], showsCells),
    ...each(
      ['dynamodb:UpdateItem on Cells', 'dynamodb:PartiQLInsert on Audit', deliver('cell-1')],
      drains('cell-1'),
    ),
    [deliver('cell-2')]: drains('cell-2'),
  },
  Commands: commandStories,
  BundleLinks: {
    ...each(
      ['dynamodb:GetItem on Gateways', 'dynamodb:GetItem on Commands', 'dynamodb:PartiQLInsert on Audit'],
      linksBundle,
    ),
    's3:GetObject on SnapshotsBucket/diagnostics/*': followsLink,
  },
  BulkSends: {
    ...each(['dynamodb:PutItem on BulkSends', 'dynamodb:PartiQLInsert on Audit'], sendsToMany),
    ...each(['dynamodb:Query on BulkSends/byTenant', 'dynamodb:BatchGetItem on BulkSends'], listsBulkSends),
    'dynamodb:GetItem on BulkSends': showsBulkSend,
    'dynamodb:Query on BulkTargets': showsTargets,
    'dynamodb:UpdateItem on BulkSends': cancelsBulkSend,
  },
  Alerts: {
    ...each(
      ['dynamodb:GetItem on Alerts', 'dynamodb:PutItem on Alerts', 'dynamodb:PartiQLInsert on Audit'],
      acknowledges,
    ),
    ...each(['dynamodb:GetItem on ConditionSettings', 'dynamodb:PutItem on ConditionSettings'], (_, it) =>
      it.asks('putCondition', { conditionId: 'MemoryHigh', body: { severity: 'info' } }),
    ),
    'dynamodb:Query on Silences': (_, it) => it.asks('listSilences'),
    'dynamodb:PutItem on Silences': silences,
    'dynamodb:DeleteItem on Silences': silencesOnceMore,
    ...each(['dynamodb:UpdateItem on Silences', 'dynamodb:GetItem on Silences'], unsilences),
    'dynamodb:Query on Alerts/byTenant': (_, it) => it.asks('listAlerts'),
    'dynamodb:Query on Alerts/open': (_, it) => it.asks('fleetAlerts'),
    'dynamodb:GetItem on Patterns': (_, it) =>
      it.asks('fleetBreakdown', { query: { by: 'cell', condition: 'Offline' } }),
    'dynamodb:Query on Commands': async (stage, it) => it.asks('alertTrail', await alert(stage)),
    ...each(['dynamodb:GetItem on Gateways', 'dynamodb:GetItem on Status'], async (stage, it) =>
      it.asks('getAlert', await alert(stage)),
    ),
  },
  Access: {
    ...each(['dynamodb:PutItem on Tokens', 'dynamodb:PartiQLInsert on Audit'], makesToken),
    'dynamodb:Query on Tokens/byTenant': (_, it) => it.asks('listTokens'),
    'dynamodb:DeleteItem on Tokens': endsToken,
  },
  ...subscriptionStories,
  Audit: {
    'dynamodb:Query on Audit': (_, it) => it.asks('listAudit'),
    'dynamodb:Query on Audit/byGateway': (_, it) => it.asks('listAudit', { query: { gateway: 'gw-1' } }),
  },
};

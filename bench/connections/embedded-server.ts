import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { BatchWriteCommand, DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { createApiClient } from '../../cli/api-client.ts';
import type { GatewayItem } from '../../core/model.ts';
import { readAssembly } from '../../local/template/assembly.ts';
import { planStacks, resourcesOf } from '../../local/template/plan.ts';
import { startLocal } from '../../local/up.ts';
import { answer } from '../support/child.ts';
import { tenant } from './server.ts';

/** The process of `holdfast up` for a load: the same boot, its log into a file that is thrown away at the end. */
const cellCount = Number(process.argv[2] ?? 1);
const cellIds = Array.from({ length: cellCount }, (_, i) => `cell-${i + 1}`);
const dataDir = await mkdtemp(join(tmpdir(), 'holdfast-load-'));
const logFile = createWriteStream(join(dataDir, '..', `${dataDir.split('/').at(-1)}.log`));
const cloud = await startLocal({
  dataDir,
  context: { cells: cellIds },
  synth: true,
  scheduleScale: 1,
  logFormat: 'json',
  verbose: false,
  write: (line) => logFile.write(line),
});
const home = 'holdfast-home';
const apiUrl = (cloud.urls[home]?.['ApiUrl'] ?? '').replace(/\/+$/, '');
const operator = createApiClient({
  endpoint: apiUrl,
  cells: {},
  region: cloud.region,
  tenantId: tenant.tenantId,
  identity: { kind: 'operator', keys: () => Promise.resolve(cloud.operatorCredentials) },
});
const body = { role: 'tenant-admin' } as const;
const { token } = await operator.call('createToken', { body });
const tables = DynamoDBDocumentClient.from(
  new DynamoDBClient({
    endpoint: cloud.endpoints[home],
    region: cloud.region,
    credentials: cloud.rootCredentials,
  }),
  { marshallOptions: { removeUndefinedValues: true } },
);

/** The template’s name of the gateways’ table on this machine: nothing that it depends on is a place. */
function gatewaysTable(): string {
  const place = { region: cloud.region, accountId: '0', servicesUrl: () => 'http://none', apiPort: () => 1 };
  const plans = planStacks(readAssembly(join(dataDir, 'cdk.out')), place);
  const declared = plans.flatMap((plan) => resourcesOf(plan, 'AWS::DynamoDB::Table'));
  return declared.find(({ logicalId }) => /Gateways/.test(logicalId))?.name ?? '';
}
const tableName = gatewaysTable();

const answers = {
  addresses: () => ({
    apiUrl,
    token,
    cells: cellIds.map((cellId) => ({
      cellId,
      webSocketUrl: cloud.urls[`holdfast-${cellId}`]?.['WebSocketUrl'] ?? '',
    })),
    processIds: [process.pid, ...Object.values(cloud.processIds)],
    cellProcessIds: cellIds.map((cellId) => cloud.processIds[`holdfast-${cellId}`] ?? 0),
  }),
  /** At most 25: what DynamoDB takes at once. */
  register: async (gateways: GatewayItem[]) => {
    const puts = gateways.map((Item) => ({ PutRequest: { Item } }));
    await tables.send(new BatchWriteCommand({ RequestItems: { [tableName]: puts } }));
  },
};
export type EmbeddedAnswers = typeof answers;

answer(answers, async () => {
  await cloud.stop();
  await rm(dataDir, { recursive: true, force: true });
  logFile.end();
  await rm(logFile.path, { force: true });
});

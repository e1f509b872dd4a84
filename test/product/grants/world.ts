import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { apiRoutes, fillPath, operatorBase, tenantBase } from '../../../core/api-routes.ts';
import type { AlertEvent } from '../../../core/alert-event.ts';
import { newGateway } from '../../../core/identity/activation.ts';
import { newToken } from '../../../core/identity/secrets.ts';
import type { SubscriptionItem } from '../../../core/subscriptions/model.ts';
import { alertsTable, gatewaysTable, subscriptionsTable } from '../../../lambda/aws/tables.ts';
import { knock, signedHeaders, type Heard, type Knock } from '../../support/door.ts';
import { firingAlert } from '../../support/firing-alert.ts';
import { startLocalCloud, type LocalCloudOptions, type TestCloud } from '../../support/local-cloud.ts';
import { localTables, type LocalTables } from '../../support/local-tables.ts';
import { connect, dialToken, TestConnection, type TestGateway } from '../../support/test-gateway.ts';

/** A control plane on this machine, what knocks at its doors, and gateways without the API that could make them. */
export class World {
  readonly cloud: TestCloud;
  readonly tables: LocalTables;
  readonly #connections: TestConnection[] = [];
  #gateways = 0;

  private constructor(cloud: TestCloud) {
    this.cloud = cloud;
    this.tables = localTables(cloud);
  }

  static async start(options: LocalCloudOptions): Promise<World> {
    return new World(await startLocalCloud(options));
  }

  async stop(): Promise<void> {
    for (const connection of this.#connections) connection.close();
    this.tables.close();
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
    await gatewaysTable(this.tables.named('Gateways'), this.tables.client).put(item);
    const cells = Object.entries(this.cloud.urls).flatMap(([stack, { WebSocketUrl: url }]) =>
      url === undefined ? [] : [[stack.replace('holdfast-', ''), url]],
    );
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
    await alertsTable(this.tables.named('Alerts'), this.tables.client).put(item);
  }

  async routeAlert(): Promise<void> {
    const subscription: SubscriptionItem = {
      tenantId: 'acme',
      subscriptionId: 'main',
      kind: 'sqs',
      queueUrl: await this.queue('holdfast-alerts-acme_routed'),
      state: 'confirmed',
      deliveryKey: 'acme/main/1',
      challengeHash: 'h',
      createdAt: 1,
    };
    await subscriptionsTable(this.tables.named('Subscriptions'), this.tables.client).put(subscription);
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
        FunctionName: this.tables.functionNamed('SubscriptionRouter'),
        Payload: JSON.stringify({ detail }),
      }),
    );
    lambda.destroy();
  }
}

import { mkdirSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { HoldfastError } from '../core/errors.ts';
import { checkDestinations, Deliveries } from './deliveries.ts';
import { EventRules } from './events/bus.ts';
import { AsyncQueue } from './functions/async-queue.ts';
import { ServiceCaller } from './functions/callers.ts';
import { Functions } from './functions/functions.ts';
import { apisOf } from './gateway/api-model.ts';
import { HttpApi } from './gateway/http-api.ts';
import { WebSocketApi } from './gateway/websocket-api.ts';
import { webSocketLimits } from './gateway/websocket-limits.ts';
import { KeyRing } from './iam/keys.ts';
import type { Log } from './log.ts';
import type { StackBoot } from './process-messages.ts';
import { Region } from './region.ts';
import { s3Service } from './services/buckets.ts';
import { dynamodbService, ensureTable, openTables } from './services/dynamodb.ts';
import { eventsService } from './services/events.ts';
import { MessageStores } from './services/fauxqs.ts';
import { createFront } from './services/front.ts';
import { Identities, rootUser } from './services/identities.ts';
import { lambdaService } from './services/lambda.ts';
import { Parameters, ssmService } from './services/parameters.ts';
import { snsService, sqsService } from './services/queues.ts';
import { signedCall } from './services/root-client.ts';
import { stsService } from './services/sts.ts';
import { resourcesOf, type StackPlan } from './template/plan.ts';

const now = () => new Date();

/** One stack, running: its stores, functions, APIs and clocks, in this process. */
export interface RunningStack {
  /** Clocks start, and events that were accepted before the last stop go on. */
  start(): void;
  stop(): Promise<void>;
}

/** Boots what the plan of `boot.stackName` declares. Resolves once every port answers. */
export async function bootStack(boot: StackBoot, log: Log): Promise<RunningStack> {
  const { stackName, settings, dataDir } = boot;
  const plan = settings.plans.find(({ name }) => name === stackName) as StackPlan;
  const servicesUrl = settings.servicesUrls[stackName] ?? '';
  const fault = (source: string) => (error: unknown) => {
    const { message, stack } = error as Error;
    log({
      ts: now().toISOString(),
      source: `${stackName}/${source}`,
      level: 'error',
      event: 'local.fault',
      message,
      trace: stack?.split('\n'),
    });
  };
  const region = new Region(settings);
  const keys = new KeyRing(Buffer.from(boot.masterKey, 'hex'));
  const identities = new Identities(region, keys);
  const deliveries = new Deliveries(region, keys, servicesUrl);
  checkDestinations(plan, region);

  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const state = new DatabaseSync(join(dataDir, 'state.sqlite'));
  state.exec('PRAGMA journal_mode = WAL');
  const tables = openTables(dataDir, region);
  const place = { region: settings.region, accountId: settings.accountId, servicesUrl };
  const stores = await MessageStores.open(dataDir, place);
  for (const { name } of resourcesOf(plan, 'AWS::S3::Bucket')) stores.ensureBucket(name);
  for (const { name } of resourcesOf(plan, 'AWS::SNS::Topic')) stores.ensureTopic(name, place);
  for (const { name, properties } of resourcesOf(plan, 'AWS::SQS::Queue'))
    stores.ensureQueue(name, properties, place);
  const parameters = region.hostStack === stackName ? new Parameters(state, region, Date.now()) : undefined;

  const functions = new Functions({
    region,
    plan,
    keys,
    servicesUrl,
    queue: new AsyncQueue(state),
    timeScale: boot.scheduleScale,
    log,
    now,
    deliver: (queueArn, body, roleArn) => deliveries.asRole(queueArn, body, roleArn),
  });
  const caller = new ServiceCaller(plan, functions);
  const rules = new EventRules({
    region,
    plan,
    functions,
    caller,
    deadLetter: (...letter) => deliveries.asEventBridge(...letter),
    scheduleScale: boot.scheduleScale,
    log,
    now,
  });
  const front = createFront({
    stackName,
    region,
    identities,
    services: [
      dynamodbService(region, tables),
      s3Service(region, stores),
      sqsService(region, stores),
      snsService(region, stores),
      stsService(region, keys, now),
      ssmService(region, parameters, now),
      lambdaService(region, functions),
      eventsService(region, rules, now),
    ],
    now,
    onFault: (service, error) => fault(service)(error),
  });
  const apis = apisOf(plan).map((api) => {
    const deps = { api, region, identities, caller, now, onFault: fault(api.properties.Name) };
    return api.properties.ProtocolType === 'HTTP'
      ? new HttpApi(deps)
      : new WebSocketApi({ ...deps, limits: webSocketLimits });
  });
  const servers: [Server, number][] = [
    [front, boot.servicesPort],
    ...apis.map((api, index): [Server, number] => [
      api.server,
      boot.apiPorts[apisOf(plan)[index]?.logicalId ?? ''] ?? 0,
    ]),
  ];
  await Promise.all(servers.map(([server, port]) => listen(server, port)));
  await ensureTables(plan, region, keys, servicesUrl);

  return {
    start: () => {
      functions.resume();
      rules.startSchedules();
    },
    stop: async () => {
      rules.stop();
      for (const api of apis) if (api instanceof WebSocketApi) api.close();
      await Promise.all(servers.map(([server]) => closeServer(server)));
      await functions.close();
      await stores.close();
      // It never listened, so its own close() would stop half-way; LevelDB is safe at any moment all the same.
      state.close();
    },
  };
}

async function ensureTables(
  plan: StackPlan,
  region: Region,
  keys: KeyRing,
  servicesUrl: string,
): Promise<void> {
  const credentials = keys.userKey(rootUser);
  const ask = (operation: string, body: unknown) =>
    signedCall({
      url: `${servicesUrl}/`,
      service: 'dynamodb',
      region: region.settings.region,
      credentials,
      headers: {
        'content-type': 'application/x-amz-json-1.0',
        'x-amz-target': `DynamoDB_20120810.${operation}`,
      },
      body: JSON.stringify(body),
    });
  await Promise.all(
    resourcesOf(plan, 'AWS::DynamoDB::Table').map(({ name, properties }) =>
      ensureTable(name, properties, ask),
    ),
  );
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const busy = new HoldfastError('BUSY', `port ${port} is in use`, {
        hint: 'stop what uses it, or choose another --port',
        cause: error,
      });
      reject(error.code === 'EADDRINUSE' ? busy : error);
    });
    server.listen(port, '127.0.0.1', () => resolve());
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

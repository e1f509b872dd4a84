import { mkdirSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { HoldfastError } from '../core/errors.ts';
import { portInUse } from './data/ports.ts';
import { checkStores, rememberStores, storePaths } from './data/stores.ts';
import { checkDestinations, Deliveries } from './deliveries.ts';
import { EventRules } from './events/bus.ts';
import { CustomerBuses } from './events/customer-buses.ts';
import { AsyncInvocations } from './functions/async-invocations.ts';
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
import { dynamodbService, openTables } from './services/dynamodb.ts';
import { ensureTable } from './services/ensure-table.ts';
import { eventsService } from './services/events.ts';
import { MessageStores } from './services/fauxqs.ts';
import { createFront } from './services/front.ts';
import { Identities, rootUser } from './services/identities.ts';
import { kmsService } from './services/kms.ts';
import { lambdaService } from './services/lambda.ts';
import { Parameters, ssmService } from './services/parameters.ts';
import { snsService, sqsService } from './services/queues.ts';
import type { Service } from './services/service.ts';
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
  const context = contextOf(boot, log);
  checkDestinations(context.plan, context.region);
  const stores = await openStores(boot, context);
  const compute = createCompute(boot, context, stores);
  const front = createFront({
    stackName: boot.stackName,
    region: context.region,
    identities: context.identities,
    services: servicesOf(context, stores, compute),
    now,
    onFault: (service, error) => context.fault(service)(error),
  });
  const apis = createApis(boot, context, compute.caller);
  const servers: [Server, number][] = [
    [front, boot.servicesPort],
    ...apis.map(({ api, port }): [Server, number] => [api.server, port]),
  ];
  await Promise.all(servers.map(([server, port]) => listen(server, port)));
  await ensureTables(boot, context);
  rememberStores(boot.dataDir);
  return {
    start: () => {
      compute.later.resume();
      compute.rules.startSchedules();
    },
    stop: async () => {
      compute.rules.stop();
      compute.later.close();
      for (const { api } of apis) if (api instanceof WebSocketApi) api.close();
      await Promise.all(servers.map(([server]) => closeServer(server)));
      await compute.functions.close();
      // The tables' server never listened, so its close() would stop half-way; LevelDB is safe at any moment.
      await stores.messages.close();
      stores.state.close();
    },
  };
}

interface Context {
  readonly plan: StackPlan;
  readonly servicesUrl: string;
  readonly region: Region;
  readonly keys: KeyRing;
  readonly identities: Identities;
  readonly log: Log;
  /** Reports an error of ours in the log stream. */
  readonly fault: (source: string) => (error: unknown) => void;
}

function contextOf({ stackName, settings, masterKey }: StackBoot, log: Log): Context {
  const plan = settings.plans.find(({ name }) => name === stackName);
  if (!plan) throw new HoldfastError('INTERNAL', `there is no stack ${stackName}`);
  const region = new Region(settings);
  const keys = new KeyRing(Buffer.from(masterKey, 'hex'));
  const fault = (source: string) => (error: unknown) => {
    const { message, stack } = error as Error;
    // What went wrong in a way that has a name is no riddle of the code's.
    const trace = error instanceof HoldfastError ? undefined : stack?.split('\n');
    log({
      ts: now().toISOString(),
      source: `${stackName}/${source}`,
      level: 'error',
      event: 'local.fault',
      message,
      trace,
    });
  };
  const servicesUrl = settings.servicesUrls[stackName] ?? '';
  return { plan, servicesUrl, region, keys, identities: new Identities(region, keys), log, fault };
}

interface Stores {
  /** Of the local mode itself: accepted events, parameters. */
  readonly state: DatabaseSync;
  readonly tables: Server;
  readonly messages: MessageStores;
  readonly parameters?: Parameters;
}

/** Opens what is on disk and makes the buckets, topics and queues that the template declares. */
async function openStores(
  { stackName, dataDir, settings }: StackBoot,
  { plan, region, servicesUrl, log }: Context,
): Promise<Stores> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  await checkStores(dataDir, (file, lostBytes) =>
    log({
      ts: now().toISOString(),
      source: stackName,
      level: 'warn',
      event: 'local.store-cut',
      message: `the last write to the tables is not all there and was dropped: ${lostBytes} bytes at the end of ${file}`,
    }),
  );
  const state = new DatabaseSync(join(dataDir, storePaths.state));
  state.exec('PRAGMA journal_mode = WAL');
  const tables = openTables(dataDir, region);
  const place = { region: settings.region, accountId: settings.accountId, servicesUrl };
  const messages = await MessageStores.open(dataDir, place);
  for (const { name } of resourcesOf(plan, 'AWS::S3::Bucket')) messages.ensureBucket(name);
  for (const { name } of resourcesOf(plan, 'AWS::SNS::Topic')) messages.ensureTopic(name, place);
  for (const { name, properties } of resourcesOf(plan, 'AWS::SQS::Queue'))
    messages.ensureQueue(name, properties, place);
  const parameters = region.hostStack === stackName ? new Parameters(state, region, Date.now()) : undefined;
  return { state, tables, messages, parameters };
}

interface Compute {
  readonly functions: Functions;
  readonly later: AsyncInvocations;
  readonly caller: ServiceCaller;
  readonly rules: EventRules;
  /** Of the region, kept by its first stack. */
  readonly customerBuses?: CustomerBuses;
}

function createCompute({ scheduleScale }: StackBoot, context: Context, { state }: Stores): Compute {
  const { plan, region, keys, servicesUrl, log } = context;
  const deliveries = new Deliveries(region, keys, servicesUrl);
  const functions = new Functions({ region, plan, keys, servicesUrl, log, now });
  const later = new AsyncInvocations({
    plan,
    functions,
    queue: new AsyncQueue(state),
    timeScale: scheduleScale,
    log,
    now,
    deliver: (queueArn, body, roleArn) => deliveries.asRole(queueArn, body, roleArn),
  });
  const caller = new ServiceCaller(plan, functions, later);
  const rules = new EventRules({
    region,
    plan,
    functions,
    caller,
    deadLetter: (...letter) => deliveries.asEventBridge(...letter),
    scheduleScale,
    log,
    now,
  });
  const toQueue = (queueArn: string, body: string) => deliveries.toCustomersQueue(queueArn, body);
  const customerBuses = region.hostStack === plan.name ? new CustomerBuses(state, toQueue) : undefined;
  return { functions, later, caller, rules, customerBuses };
}

function servicesOf(
  { region, keys, fault }: Context,
  stores: Stores,
  { functions, later, rules, customerBuses: customers }: Compute,
): Service[] {
  return [
    dynamodbService(region, stores.tables),
    s3Service(region, stores.messages),
    sqsService(region, stores.messages),
    snsService(region, stores.messages),
    stsService(region, keys, now),
    ssmService(region, stores.parameters, now),
    kmsService(region, keys),
    lambdaService(region, functions, later),
    eventsService({ region, rules, customers, now, onFault: fault('events') }),
  ];
}

function createApis(
  { apiPorts }: StackBoot,
  { plan, region, identities, fault }: Context,
  caller: ServiceCaller,
): { api: HttpApi | WebSocketApi; port: number }[] {
  return apisOf(plan).map((model) => {
    const deps = { api: model, region, identities, caller, now, onFault: fault(model.properties.Name) };
    const isHttp = model.properties.ProtocolType === 'HTTP';
    const api = isHttp ? new HttpApi(deps) : new WebSocketApi({ ...deps, limits: webSocketLimits });
    return { api, port: apiPorts[model.logicalId] ?? 0 };
  });
}

async function ensureTables(
  { stackName, dataDir }: StackBoot,
  { plan, region, keys, servicesUrl, log }: Context,
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
    resourcesOf(plan, 'AWS::DynamoDB::Table').map(async ({ name, properties }) => {
      const asideFile = join(dataDir, `${name}.aside.json`);
      if (await ensureTable({ name, properties, asideFile }, ask))
        log({
          ts: now().toISOString(),
          source: stackName,
          level: 'info',
          event: 'local.table-renewed',
          message: `table ${name} has other indexes now, and all its items`,
        });
    }),
  );
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'EADDRINUSE' ? portInUse(port, error) : error);
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

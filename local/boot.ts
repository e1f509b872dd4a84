import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { asHoldfastError, HoldfastError } from '../core/errors.ts';
import { lockDirectory, type Lock } from './data/lock.ts';
import { masterKey, openDataDirectory, removeEmptyDirectory, writeAtomically } from './data/directory.ts';
import { assignPorts, requireFreePorts } from './data/ports.ts';
import { apisOf } from './gateway/api-model.ts';
import { KeyRing, type Credentials } from './iam/keys.ts';
import type { Log } from './log.ts';
import type { FromStack, StackBoot, ToStack } from './process-messages.ts';
import { Region, type RegionSettings } from './region.ts';
import { rootUser } from './services/identities.ts';
import { readAssembly, type Stack } from './template/assembly.ts';
import { planStacks, resourcesOf, type StackPlan } from './template/plan.ts';
import type { PolicyDocument } from './template/policy-document.ts';

export interface BootOptions {
  /** A synthesized cloud assembly. */
  readonly cdkOutDir: string;
  /** Everything that survives a restart; made when it is not there. */
  readonly dataDir: string;
  /** First of the ports, ten for each stack; without it free ones are taken once and kept. */
  readonly portBase?: number;
  /** Schedules (and Lambda's waits between attempts) run so many times as fast. @default 1 */
  readonly scheduleScale?: number;
  readonly log: Log;
  /** Logs every invocation of a function, too. @default false */
  readonly verbose?: boolean;
  /** Runs while the data directory is this call's alone, before anything is read: makes `cdkOutDir` anew. */
  readonly prepare?: () => Promise<void>;
  /** How many stacks `prepare` will make: with a `portBase` their ports are looked at before it. */
  readonly stackCount?: number;
}

export interface LocalCloud {
  /** Stack → its outputs. */
  readonly urls: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Stack → where its AWS services answer (`AWS_ENDPOINT_URL`). */
  readonly endpoints: Readonly<Record<string, string>>;
  readonly region: string;
  /** 0600 JSON: the operator's access key, its secret, region and endpoint. */
  readonly operatorCredentialsFile: string;
  readonly operatorCredentials: Credentials;
  /** May read and write below `standalone/` in the template's buckets: for the agent's commands that need no agent. */
  readonly storageCredentials: Credentials;
  /** May do everything; for tests that look into stores. */
  readonly rootCredentials: Credentials;
  /** Stack → process id. */
  readonly processIds: Readonly<Record<string, number>>;
  /** Resolves after `stop`; rejects when a process of the cloud ended by itself. */
  readonly stopped: Promise<void>;
  stop(): Promise<void>;
}

/** The only account that fauxqs knows. */
const accountId = '000000000000';
/** Where the agent's standalone commands may keep snapshots in the local mode. */
const standalonePrefix = 'standalone';
const regionWhenOpen = 'us-east-1';

/** What an operator may do on one machine: call the HTTP APIs, and make and use what alerts are sent to. */
function operatorPolicy(region: string): PolicyDocument {
  const alerts = (service: string, resource = '') =>
    `arn:aws:${service}:${region}:${accountId}:${resource}holdfast-alerts-*`;
  return {
    Statement: [
      {
        Effect: 'Allow',
        Action: ['execute-api:Invoke'],
        Resource: [`arn:aws:execute-api:${region}:${accountId}:*`],
      },
      {
        Effect: 'Allow',
        Action: ['sqs:*', 'sns:*', 'events:*'],
        Resource: [alerts('sqs'), alerts('sns'), alerts('events', 'event-bus/'), alerts('events', 'rule/')],
      },
    ],
  };
}

/** Only below one prefix: what gateways keep beside it is their own. */
function storagePolicy(plans: readonly StackPlan[]): PolicyDocument {
  const buckets = plans.flatMap((plan) => resourcesOf(plan, 'AWS::S3::Bucket').map(({ name }) => name));
  return {
    Statement: [
      {
        Effect: 'Allow',
        Action: ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'],
        Resource: buckets.map((bucket) => `arn:aws:s3:::${bucket}/${standalonePrefix}/*`),
      },
      {
        Effect: 'Allow',
        Action: ['s3:ListBucket'],
        Resource: buckets.map((bucket) => `arn:aws:s3:::${bucket}`),
        Condition: { StringLike: { 's3:prefix': [`${standalonePrefix}/*`] } },
      },
    ],
  };
}

/** Boots what a cloud assembly declares, one process per stack. Throws HoldfastError; then nothing is left running. */
export async function bootLocal(options: BootOptions): Promise<LocalCloud> {
  const { cdkOutDir, dataDir, scheduleScale = 1, log } = options;
  const isNew = openDataDirectory(dataDir);
  const lock = await lockDirectory(dataDir);
  const children = new Map<string, ChildProcess>();
  try {
    await requirePorts(options).catch((error: unknown) => {
      if (isNew) removeEmptyDirectory(dataDir);
      throw error;
    });
    await options.prepare?.();
    const stacks = readAssembly(cdkOutDir);
    const region = regionOf(stacks);
    const ports = await assignPorts(dataDir, stacks, options.portBase);
    const servicesUrls = Object.fromEntries(
      stacks.map(({ name }) => [name, `http://127.0.0.1:${ports.get(name)?.services}`]),
    );
    const plans = planStacks(stacks, {
      region,
      accountId,
      servicesUrl: (stackName) => servicesUrls[stackName] ?? '',
      apiPort: (stackName, logicalId) => ports.get(stackName)?.apis[logicalId] ?? 0,
    });
    const settings: RegionSettings = {
      region,
      accountId,
      plans,
      servicesUrls,
      users: { operator: operatorPolicy(region), storage: storagePolicy(plans) },
    };
    const home = new Region(settings).hostStack;
    for (const plan of plans) apisOf(plan);
    const key = masterKey(dataDir);
    const keys = new KeyRing(key);
    const orders = plans.map(({ name }): StackBoot => ({
      stackName: name,
      settings,
      masterKey: key.toString('hex'),
      dataDir: join(dataDir, 'stacks', name),
      servicesPort: ports.get(name)?.services ?? 0,
      apiPorts: ports.get(name)?.apis ?? {},
      scheduleScale,
      verbose: options.verbose ?? false,
    }));
    await Promise.all(orders.map((order) => startStack(order, children, log)));
    for (const child of children.values()) tell(child, { kind: 'start' });
    const operatorCredentials = keys.userKey('operator');
    const operatorCredentialsFile = join(dataDir, 'operator-credentials.json');
    const endpoint = servicesUrls[home] ?? '';
    writeAtomically(
      operatorCredentialsFile,
      `${JSON.stringify({ ...operatorCredentials, region, endpoint }, null, 2)}\n`,
    );
    const supervision = supervise(children, lock, log);
    return {
      urls: Object.fromEntries(plans.map((plan) => [plan.name, plan.outputs])),
      endpoints: servicesUrls,
      region,
      operatorCredentialsFile,
      operatorCredentials,
      storageCredentials: keys.userKey('storage'),
      rootCredentials: keys.userKey(rootUser),
      processIds: Object.fromEntries([...children].map(([name, child]) => [name, child.pid ?? 0])),
      ...supervision,
    };
  } catch (error) {
    await Promise.all([...children.values()].map(endChild));
    await lock.release();
    throw error;
  }
}

async function requirePorts({ portBase, stackCount = 0 }: BootOptions): Promise<void> {
  if (portBase !== undefined) await requireFreePorts(portBase, stackCount);
}

function regionOf(stacks: readonly Stack[]): string {
  const [region = regionWhenOpen, ...others] = new Set(stacks.flatMap((stack) => stack.region ?? []));
  if (others.length === 0) return region;
  throw new HoldfastError(
    'CONFIG',
    `the stacks are for ${[region, ...others].join(' and ')}; one machine is one region`,
  );
}

/** Halves the time that a stack takes to load. */
const compileCache = fileURLToPath(new URL('../node_modules/.cache/holdfast', import.meta.url));

function startStack(order: StackBoot, children: Map<string, ChildProcess>, log: Log): Promise<void> {
  const child = fork(new URL('./stack-process.ts', import.meta.url), {
    // Nothing of the caller's environment, least of all its AWS credentials, reaches functions or stores.
    env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: compileCache },
    execArgv: ['--disable-warning=ExperimentalWarning', '--single-threaded-gc'],
    execPath: process.execPath,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
  });
  children.set(order.stackName, child);
  return new Promise((resolve, reject) => {
    child.on('message', (message: FromStack) => {
      if (message.kind === 'log') message.records.forEach(log);
      else if (message.kind === 'ready') resolve();
      else
        reject(
          new HoldfastError(message.code, `${order.stackName}: ${message.message}`, { hint: message.hint }),
        );
    });
    child.once('error', (error) => reject(asHoldfastError(error)));
    child.once('exit', (code, signal) =>
      reject(
        new HoldfastError(
          'INTERNAL',
          `the process of ${order.stackName} ended with ${signal ?? code} while it started`,
        ),
      ),
    );
    tell(child, { kind: 'boot', boot: order });
  });
}

function supervise(
  children: ReadonlyMap<string, ChildProcess>,
  lock: Lock,
  log: Log,
): Pick<LocalCloud, 'stopped' | 'stop'> {
  let stopping: Promise<void> | undefined;
  const endAll = async () => {
    await Promise.all([...children.values()].map(endChild));
    await lock.release();
  };
  const { promise: stopped, resolve, reject } = Promise.withResolvers<void>();
  stopped.catch(() => undefined); // Whoever wants to know awaits it.
  const stop = () => (stopping ??= endAll().then(resolve));
  for (const [name, child] of children) {
    let problem: HoldfastError | undefined;
    child.on('message', (message: FromStack) => {
      if (message.kind === 'failed')
        problem = new HoldfastError(message.code, `${name}: ${message.message}`, { hint: message.hint });
    });
    child.once('exit', (code, signal) => {
      if (stopping) return;
      const error =
        problem ?? new HoldfastError('INTERNAL', `the process of ${name} ended with ${signal ?? code}`);
      log({
        ts: new Date().toISOString(),
        source: name,
        level: 'error',
        event: 'local.ended',
        message: error.message,
      });
      stopping = endAll().then(() => reject(error));
    });
  }
  return { stopped, stop };
}

/** How long a stack may take to put its stores to rest before it is killed. */
const stopMs = 5_000;

function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), stopMs);
    child.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
    tell(child, { kind: 'stop' });
  });
}

function tell(child: ChildProcess, message: ToStack): void {
  if (child.connected) child.send(message);
}

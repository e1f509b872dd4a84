import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { HoldfastError } from '../../core/errors.ts';
import type { KeyRing } from '../iam/keys.ts';
import { functionLine, type Log } from '../log.ts';
import type { Region } from '../region.ts';
import { resourcesOf, type PlannedResource, type StackPlan } from '../template/plan.ts';
import type { PropertiesOf } from '../template/types.ts';
import type { AsyncEvent, AsyncQueue } from './async-queue.ts';
import { FunctionPool, type Outcome } from './pool.ts';

export interface FunctionsDeps {
  readonly region: Region;
  readonly plan: StackPlan;
  readonly keys: KeyRing;
  readonly servicesUrl: string;
  readonly queue: AsyncQueue;
  /** Divides Lambda's waits between attempts of an asynchronous event. */
  readonly timeScale: number;
  readonly log: Log;
  readonly now: () => Date;
  /** Sends to a queue, topic, bus or function by ARN, in the name of the role. */
  readonly deliver: (targetArn: string, body: string, roleArn: string) => Promise<void>;
}

/** Lambda's own waits before the second and third attempt. */
const retryDelaysMs = [60_000, 120_000];
const payloadBytesMax = 6 * 1024 * 1024;
/** Services whose SDK clients are pointed at this machine. */
const endpointVariables = [
  'DYNAMODB',
  'S3',
  'SQS',
  'SNS',
  'STS',
  'SSM',
  'LAMBDA',
  'EVENTBRIDGE',
  'KMS',
  'CLOUDWATCH',
];

type FunctionProperties = PropertiesOf<'AWS::Lambda::Function'>;
type InvokeConfig = Pick<
  PropertiesOf<'AWS::Lambda::EventInvokeConfig'>,
  'MaximumRetryAttempts' | 'DestinationConfig'
>;

/** The functions of one stack. */
export class Functions {
  readonly #deps: FunctionsDeps;
  readonly #resources: ReadonlyMap<string, PlannedResource<'AWS::Lambda::Function'>>;
  readonly #pools = new Map<string, FunctionPool>();
  readonly #invokeConfigs: ReadonlyMap<string, InvokeConfig>;
  readonly #timers = new Set<NodeJS.Timeout>();
  #closed = false;

  constructor(deps: FunctionsDeps) {
    this.#deps = deps;
    this.#resources = new Map(resourcesOf(deps.plan, 'AWS::Lambda::Function').map((one) => [one.name, one]));
    for (const one of this.#resources.values()) this.#pools.set(one.name, this.#createPool(one));
    this.#invokeConfigs = new Map(
      resourcesOf(deps.plan, 'AWS::Lambda::EventInvokeConfig').map(({ properties }) => [
        functionNameOf(properties.FunctionName),
        properties,
      ]),
    );
  }

  has(functionName: string): boolean {
    return this.#pools.has(functionName);
  }

  /** Runs it now. Undefined: throttled by its concurrency. */
  async invoke(
    functionName: string,
    event: string,
    requestId: string = randomUUID(),
  ): Promise<Outcome | undefined> {
    const pool = this.#pools.get(functionName);
    if (!pool) throw new HoldfastError('NOT_FOUND', `there is no function ${functionName}`);
    const startedMs = performance.now();
    const outcome = await pool.run(requestId, event);
    this.#report(functionName, requestId, outcome, performance.now() - startedMs);
    if (outcome?.ok && Buffer.byteLength(outcome.payload) > payloadBytesMax)
      return {
        ok: false,
        error: {
          errorType: 'Function.ResponseSizeTooLarge',
          errorMessage: `Response payload size exceeded maximum allowed payload size (${payloadBytesMax} bytes).`,
        },
      };
    return outcome;
  }

  /** Stores the event and returns; it is tried up to three times, then goes to the failure destination. */
  accept(functionName: string, event: string, requestId: string = randomUUID()): void {
    const accepted: AsyncEvent = {
      id: requestId,
      functionName,
      event,
      attempts: 0,
      acceptedAtMs: this.#deps.now().getTime(),
    };
    this.#deps.queue.put(accepted);
    void this.#attempt(accepted);
  }

  /** Goes on with what was accepted before the last stop. */
  resume(): void {
    for (const event of this.#deps.queue.all())
      if (this.has(event.functionName)) void this.#attempt(event);
      else this.#deps.queue.remove(event.id);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all([...this.#pools.values()].map((pool) => pool.close()));
  }

  async #attempt(event: AsyncEvent): Promise<void> {
    const outcome = await this.invoke(event.functionName, event.event, event.id);
    if (this.#closed) return; // Stays stored: the next start goes on with it.
    if (outcome === undefined) {
      // Lambda retries throttled events with growing waits for up to six hours.
      this.#later(() => void this.#attempt(event), 1000);
      return;
    }
    const config = this.#invokeConfigs.get(event.functionName);
    if (outcome.ok) {
      await this.#toDestination(event, outcome, config?.DestinationConfig?.OnSuccess?.Destination);
      return;
    }
    const attempts = event.attempts + 1;
    if (attempts > (config?.MaximumRetryAttempts ?? 2)) {
      await this.#giveUp({ ...event, attempts }, outcome, config);
      return;
    }
    const next = { ...event, attempts };
    this.#deps.queue.put(next);
    this.#later(
      () => void this.#attempt(next),
      (retryDelaysMs[attempts - 1] ?? 120_000) / this.#deps.timeScale,
    );
  }

  async #giveUp(event: AsyncEvent, outcome: Outcome, config: InvokeConfig | undefined): Promise<void> {
    const resource = this.#resources.get(event.functionName);
    const deadLetterArn = resource?.properties.DeadLetterConfig?.TargetArn;
    if (deadLetterArn) await this.#send(event, deadLetterArn, event.event);
    await this.#toDestination(event, outcome, config?.DestinationConfig?.OnFailure?.Destination);
  }

  async #toDestination(
    event: AsyncEvent,
    outcome: Outcome,
    destinationArn: string | undefined,
  ): Promise<void> {
    if (destinationArn)
      await this.#send(event, destinationArn, JSON.stringify(this.#destinationRecord(event, outcome)));
    this.#deps.queue.remove(event.id);
  }

  async #send(event: AsyncEvent, targetArn: string, body: string): Promise<void> {
    const role = this.#resources.get(event.functionName)?.properties.Role ?? '';
    try {
      await this.#deps.deliver(targetArn, body, role);
    } catch (error) {
      this.#log('error', 'function.destination_failed', event.functionName, {
        requestId: event.id,
        target: targetArn,
        message: (error as Error).message,
      });
    }
  }

  #destinationRecord(event: AsyncEvent, outcome: Outcome): object {
    const invocation = {
      version: '1.0',
      timestamp: this.#deps.now().toISOString(),
      requestContext: {
        requestId: event.id,
        functionArn: `${this.#arnOf(event.functionName)}:$LATEST`,
        condition: outcome.ok ? 'Success' : 'RetriesExhausted',
        approximateInvokeCount: event.attempts,
      },
      requestPayload: JSON.parse(event.event) as unknown,
    };
    const responseContext = {
      statusCode: 200,
      executedVersion: '$LATEST',
      ...(outcome.ok ? {} : { functionError: 'Unhandled' }),
    };
    const responsePayload = outcome.ok ? (JSON.parse(outcome.payload) as unknown) : outcome.error;
    return { ...invocation, responseContext, responsePayload };
  }

  #createPool(resource: PlannedResource<'AWS::Lambda::Function'>): FunctionPool {
    const { name, properties } = resource;
    const assetDir = this.#deps.plan.assets[properties.Code.S3Key];
    if (!assetDir)
      throw new HoldfastError(
        'CONFIG',
        `${this.#deps.plan.name}: the code of ${resource.logicalId} is not among the assets`,
      );
    const dot = properties.Handler.lastIndexOf('.');
    const source = `${this.#deps.plan.name}/${name}`;
    return new FunctionPool({
      setup: {
        handlerFile: bundleFile(assetDir, properties.Handler.slice(0, dot)),
        exportName: properties.Handler.slice(dot + 1),
        functionName: name,
        functionArn: this.#arnOf(name),
        memoryMb: properties.MemorySize,
        logGroupName: properties.LoggingConfig?.LogGroup ?? `/aws/lambda/${name}`,
      },
      environment: this.#environment(name, properties),
      timeoutMs: properties.Timeout * 1000,
      reservedConcurrency: properties.ReservedConcurrentExecutions,
      onOutput: (line, requestId) => this.#deps.log(functionLine(source, line, requestId, this.#deps.now())),
    });
  }

  #environment(name: string, properties: FunctionProperties): Record<string, string> {
    const { region, keys, servicesUrl } = this.#deps;
    const session = keys.openSession({
      roleArn: properties.Role,
      sessionName: name,
      expiresAtMs: Number.MAX_SAFE_INTEGER,
    });
    return {
      ...properties.Environment?.Variables,
      ...Object.fromEntries(endpointVariables.map((service) => [`AWS_ENDPOINT_URL_${service}`, servicesUrl])),
      AWS_REGION: region.settings.region,
      AWS_DEFAULT_REGION: region.settings.region,
      AWS_ACCESS_KEY_ID: session.accessKeyId,
      AWS_SECRET_ACCESS_KEY: session.secretAccessKey,
      AWS_SESSION_TOKEN: session.sessionToken,
      AWS_LAMBDA_FUNCTION_NAME: name,
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(properties.MemorySize),
      AWS_LAMBDA_LOG_GROUP_NAME: properties.LoggingConfig?.LogGroup ?? `/aws/lambda/${name}`,
      AWS_LAMBDA_LOG_STREAM_NAME: 'local',
      AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
      LAMBDA_TASK_ROOT: this.#deps.plan.assets[properties.Code.S3Key] ?? '',
      TZ: ':UTC',
      LANG: 'en_US.UTF-8',
    };
  }

  #arnOf(functionName: string): string {
    return this.#deps.region.arn('lambda', `function:${functionName}`);
  }

  #later(action: () => void, delayMs: number): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, delayMs);
    this.#timers.add(timer);
  }

  #report(functionName: string, requestId: string, outcome: Outcome | undefined, ms: number): void {
    if (outcome === undefined) this.#log('warn', 'function.throttled', functionName, { requestId });
    else if (outcome.ok) this.#log('debug', 'function.done', functionName, { requestId, ms: Math.round(ms) });
    else
      this.#log('error', 'function.failed', functionName, {
        requestId,
        ms: Math.round(ms),
        errorType: outcome.error.errorType,
        message: outcome.error.errorMessage,
        trace: outcome.error.trace,
      });
  }

  #log(level: 'debug' | 'warn' | 'error', event: string, functionName: string, fields: object): void {
    const source = `${this.#deps.plan.name}/${functionName}`;
    this.#deps.log({ ts: this.#deps.now().toISOString(), source, level, event, ...fields });
  }
}

/** Lambda looks for `.mjs` and `.js` in this order; the one that is there is found at boot, not at the first call. */
function bundleFile(assetDir: string, moduleName: string): string {
  const found = ['.mjs', '.js', '.cjs']
    .map((extension) => join(assetDir, moduleName + extension))
    .find((file) => existsSync(file));
  if (!found) throw new HoldfastError('CONFIG', `${assetDir} has no ${moduleName}.mjs or ${moduleName}.js`);
  return found;
}

/** The name in a function's ARN, with or without a qualifier, or the name itself. */
export function functionNameOf(nameOrArn: string): string {
  return /:function:([^:]+)/.exec(nameOrArn)?.[1] ?? nameOrArn;
}

import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { HoldfastError } from '../../core/errors.ts';
import type { KeyRing } from '../iam/keys.ts';
import { functionLine, type Log } from '../log.ts';
import type { Region } from '../region.ts';
import { resourcesOf, type PlannedResource, type StackPlan } from '../template/plan.ts';
import { functionEnvironment, logGroupOf } from './environment.ts';
import { FunctionPool, type Outcome } from './pool.ts';

export interface FunctionsDeps {
  readonly region: Region;
  readonly plan: StackPlan;
  readonly keys: KeyRing;
  readonly servicesUrl: string;
  readonly log: Log;
  readonly now: () => Date;
}

const payloadBytesMax = 6 * 1024 * 1024;

/** The functions of one stack. */
export class Functions {
  readonly #deps: FunctionsDeps;
  readonly #pools: ReadonlyMap<string, FunctionPool>;

  /** Throws CONFIG for a function whose code is not among the assets. */
  constructor(deps: FunctionsDeps) {
    this.#deps = deps;
    const resources = resourcesOf(deps.plan, 'AWS::Lambda::Function');
    this.#pools = new Map(resources.map((resource) => [resource.name, this.#createPool(resource)]));
  }

  has(functionName: string): boolean {
    return this.#pools.has(functionName);
  }

  arnOf(functionName: string): string {
    return this.#deps.region.arn('lambda', `function:${functionName}`);
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
    return outcome?.ok && Buffer.byteLength(outcome.payload) > payloadBytesMax ? tooLarge : outcome;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.close()));
  }

  #createPool(resource: PlannedResource<'AWS::Lambda::Function'>): FunctionPool {
    const { region, plan, keys, servicesUrl, log, now } = this.#deps;
    const { name, properties } = resource;
    const taskRoot = plan.assets[properties.Code.S3Key];
    if (!taskRoot)
      throw new HoldfastError(
        'CONFIG',
        `${plan.name}: the code of ${resource.logicalId} is not among the assets`,
      );
    const dot = properties.Handler.lastIndexOf('.');
    return new FunctionPool({
      setup: {
        handlerFile: bundleFile(taskRoot, properties.Handler.slice(0, dot)),
        exportName: properties.Handler.slice(dot + 1),
        functionName: name,
        functionArn: this.arnOf(name),
        memoryMb: properties.MemorySize,
        logGroupName: logGroupOf(resource),
      },
      environment: functionEnvironment(
        resource,
        {
          region: region.settings.region,
          servicesUrl,
          tablesUrl: region.tablesUrl(plan.name, properties.Environment?.Variables ?? {}),
          taskRoot,
        },
        keys,
      ),
      timeoutMs: properties.Timeout * 1000,
      reservedConcurrency: properties.ReservedConcurrentExecutions,
      onOutput: (line, requestId) => log(functionLine(`${plan.name}/${name}`, line, requestId, now())),
    });
  }

  #report(functionName: string, requestId: string, outcome: Outcome | undefined, ms: number): void {
    const { log, now, plan } = this.#deps;
    const base = { ts: now().toISOString(), source: `${plan.name}/${functionName}`, requestId };
    if (outcome === undefined) log({ ...base, level: 'warn', event: 'function.throttled' });
    else if (outcome.ok) log({ ...base, level: 'debug', event: 'function.done', ms: Math.round(ms) });
    else {
      const { errorType, errorMessage: message, trace } = outcome.error;
      log({
        ...base,
        level: 'error',
        event: 'function.failed',
        ms: Math.round(ms),
        errorType,
        message,
        trace,
      });
    }
  }
}

const tooLarge: Outcome = {
  ok: false,
  error: {
    errorType: 'Function.ResponseSizeTooLarge',
    errorMessage: `Response payload size exceeded maximum allowed payload size (${payloadBytesMax} bytes).`,
  },
};

/** Lambda looks for `.mjs` and `.js`; the one that is there is found at boot, not at the first call. */
function bundleFile(taskRoot: string, moduleName: string): string {
  const files = ['.mjs', '.js', '.cjs'].map((extension) => join(taskRoot, moduleName + extension));
  const found = files.find((file) => existsSync(file));
  if (!found) throw new HoldfastError('CONFIG', `${taskRoot} has no ${moduleName}.mjs or ${moduleName}.js`);
  return found;
}

/** The name in a function's ARN, with or without a qualifier, or the name itself. */
export function functionNameOf(nameOrArn: string): string {
  return /:function:([^:]+)/.exec(nameOrArn)?.[1] ?? nameOrArn;
}

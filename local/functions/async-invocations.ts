import { randomUUID } from 'node:crypto';
import type { Log, LogRecord } from '../log.ts';
import { resourcesOf, type PlannedResource, type StackPlan } from '../template/plan.ts';
import type { PropertiesOf } from '../template/types.ts';
import type { AsyncEvent, AsyncQueue } from './async-queue.ts';
import { functionNameOf, type Functions } from './functions.ts';
import type { Outcome } from './pool.ts';

export interface AsyncInvocationsDeps {
  readonly plan: StackPlan;
  readonly functions: Pick<Functions, 'has' | 'invoke' | 'arnOf'>;
  readonly queue: AsyncQueue;
  /** Divides Lambda's waits between attempts. */
  readonly timeScale: number;
  readonly log: Log;
  readonly now: () => Date;
  /** Sends to a queue by ARN, with the rights of the role. */
  readonly deliver: (queueArn: string, body: string, roleArn: string) => Promise<void>;
}

/** Lambda's own waits before the second and third attempt. */
const retryDelaysMs = [60_000, 120_000];
/** A throttled event is tried again after this; Lambda's own waits grow, for up to six hours. */
const throttledDelayMs = 1000;

type InvokeConfig = Pick<
  PropertiesOf<'AWS::Lambda::EventInvokeConfig'>,
  'MaximumRetryAttempts' | 'MaximumEventAgeInSeconds' | 'DestinationConfig'
>;
const defaultConfig: InvokeConfig = { MaximumRetryAttempts: 2, MaximumEventAgeInSeconds: 21_600 };

/** Events that were accepted for later: tried up to three times, then handed to where the template says. */
export class AsyncInvocations {
  readonly #deps: AsyncInvocationsDeps;
  readonly #resources: ReadonlyMap<string, PlannedResource<'AWS::Lambda::Function'>>;
  readonly #configs: ReadonlyMap<string, InvokeConfig>;
  readonly #timers = new Set<NodeJS.Timeout>();
  #closed = false;

  constructor(deps: AsyncInvocationsDeps) {
    this.#deps = deps;
    this.#resources = new Map(resourcesOf(deps.plan, 'AWS::Lambda::Function').map((one) => [one.name, one]));
    this.#configs = new Map(
      resourcesOf(deps.plan, 'AWS::Lambda::EventInvokeConfig').map(({ properties }) => [
        functionNameOf(properties.FunctionName),
        properties,
      ]),
    );
  }

  /** Stores the event and returns. */
  accept(functionName: string, event: string, requestId: string = randomUUID()): void {
    this.#start({ id: requestId, functionName, event });
  }

  /**
   * The same for what a clock sends, unless what it sent before is still stored: it runs, waits for another attempt, or
   * was cut off by the end of a process and begins again. A machine that is slower than its clocks would otherwise have
   * ever more runs side by side, each slowing down the others, until all of them run into their time-outs.
   */
  acceptTick(functionName: string, event: string, schedule: string): void {
    const tick = { id: randomUUID(), functionName, event, schedule };
    if (this.#deps.queue.hasOf(schedule)) this.#log('info', 'schedule.skipped', tick, { schedule });
    else this.#start(tick);
  }

  /** Goes on with what was accepted before the last stop. */
  resume(): void {
    for (const event of this.#deps.queue.all())
      if (this.#deps.functions.has(event.functionName)) this.#attempt(event);
      else this.#deps.queue.remove(event.id);
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
  }

  #start(event: Omit<AsyncEvent, 'attempts' | 'acceptedAtMs'>): void {
    const accepted: AsyncEvent = { ...event, attempts: 0, acceptedAtMs: this.#deps.now().getTime() };
    this.#deps.queue.put(accepted);
    this.#attempt(accepted);
  }

  #attempt(event: AsyncEvent): void {
    this.#run(event).catch((error: unknown) => {
      this.#log('error', 'async.fault', event, { message: (error as Error).message });
      // The next tick does its work, and must not wait for it.
      if (event.schedule !== undefined) this.#deps.queue.remove(event.id);
    });
  }

  async #run(event: AsyncEvent): Promise<void> {
    const outcome = await this.#deps.functions.invoke(event.functionName, event.event, event.id);
    if (this.#closed) return; // Stays stored: the next start goes on with it.
    const config = this.#configs.get(event.functionName) ?? defaultConfig;
    const ageMs = this.#deps.now().getTime() - event.acceptedAtMs;
    const expired = ageMs > config.MaximumEventAgeInSeconds * 1000;
    if (outcome?.ok) {
      await this.#finish(event, outcome, config.DestinationConfig?.OnSuccess?.Destination);
      return;
    }
    const attempts = event.attempts + (outcome ? 1 : 0);
    if (expired || attempts > config.MaximumRetryAttempts) {
      await this.#giveUp({ ...event, attempts }, outcome ?? throttled, config);
      return;
    }
    const next = { ...event, attempts };
    this.#deps.queue.put(next);
    const delayMs = outcome
      ? (retryDelaysMs[attempts - 1] ?? 120_000) / this.#deps.timeScale
      : throttledDelayMs;
    this.#later(() => this.#attempt(next), delayMs);
  }

  async #giveUp(event: AsyncEvent, outcome: Outcome, config: InvokeConfig): Promise<void> {
    const deadLetterArn = this.#resources.get(event.functionName)?.properties.DeadLetterConfig?.TargetArn;
    if (deadLetterArn) await this.#send(event, deadLetterArn, event.event);
    await this.#finish(event, outcome, config.DestinationConfig?.OnFailure?.Destination);
  }

  async #finish(event: AsyncEvent, outcome: Outcome, destinationArn: string | undefined): Promise<void> {
    if (destinationArn) await this.#send(event, destinationArn, JSON.stringify(this.#record(event, outcome)));
    this.#deps.queue.remove(event.id);
  }

  async #send(event: AsyncEvent, queueArn: string, body: string): Promise<void> {
    const role = this.#resources.get(event.functionName)?.properties.Role ?? '';
    try {
      await this.#deps.deliver(queueArn, body, role);
    } catch (error) {
      this.#log('error', 'async.destination_failed', event, { queueArn, message: (error as Error).message });
    }
  }

  /** What Lambda sends to a destination. */
  #record(event: AsyncEvent, outcome: Outcome): object {
    return {
      version: '1.0',
      timestamp: this.#deps.now().toISOString(),
      requestContext: {
        requestId: event.id,
        functionArn: `${this.#deps.functions.arnOf(event.functionName)}:$LATEST`,
        condition: outcome.ok ? 'Success' : 'RetriesExhausted',
        approximateInvokeCount: event.attempts,
      },
      requestPayload: JSON.parse(event.event) as unknown,
      responseContext: {
        statusCode: 200,
        executedVersion: '$LATEST',
        ...(outcome.ok ? {} : { functionError: 'Unhandled' }),
      },
      responsePayload: outcome.ok ? (JSON.parse(outcome.payload) as unknown) : outcome.error,
    };
  }

  #later(action: () => void, delayMs: number): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, delayMs);
    this.#timers.add(timer);
  }

  #log(
    level: LogRecord['level'],
    event: string,
    { functionName, id }: Pick<AsyncEvent, 'functionName' | 'id'>,
    fields: object,
  ): void {
    const source = `${this.#deps.plan.name}/${functionName}`;
    this.#deps.log({
      ts: this.#deps.now().toISOString(),
      source,
      level,
      event,
      requestId: id,
      ...fields,
    });
  }
}

const throttled: Outcome = {
  ok: false,
  error: { errorType: 'TooManyRequestsException', errorMessage: 'Rate Exceeded.' },
};

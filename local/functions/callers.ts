import { wildcard } from '../iam/conditions.ts';
import { resourcesOf, type StackPlan } from '../template/plan.ts';
import type { AsyncInvocations } from './async-invocations.ts';
import { functionNameOf, type Functions } from './functions.ts';

/** How a call that an AWS service made to a function ended. */
export type CallResult =
  | { readonly kind: 'ok'; readonly payload: unknown }
  | { readonly kind: 'forbidden' | 'failed' | 'throttled' | 'timeout' };

interface Grant {
  readonly functionName: string;
  readonly service: string;
  readonly source?: RegExp;
}

/** Calls functions in the name of an AWS service, where an AWS::Lambda::Permission lets that service do so. */
export class ServiceCaller {
  readonly #functions: Functions;
  readonly #later: AsyncInvocations;
  readonly #grants: readonly Grant[];

  constructor(plan: StackPlan, functions: Functions, later: AsyncInvocations) {
    this.#functions = functions;
    this.#later = later;
    this.#grants = resourcesOf(plan, 'AWS::Lambda::Permission').map(({ properties }) => ({
      functionName: functionNameOf(properties.FunctionName),
      service: properties.Principal,
      source: properties.SourceArn === undefined ? undefined : wildcard(properties.SourceArn),
    }));
  }

  may(service: string, functionArn: string, sourceArn: string): boolean {
    const name = functionNameOf(functionArn);
    return this.#grants.some(
      (grant) =>
        grant.functionName === name && grant.service === service && (grant.source?.test(sourceArn) ?? true),
    );
  }

  /** Calls and waits, at most `timeoutMs`; the function itself goes on after that, as it does in the cloud. */
  async call(
    service: string,
    functionArn: string,
    sourceArn: string,
    event: object,
    timeoutMs: number,
  ): Promise<CallResult> {
    if (!this.may(service, functionArn, sourceArn)) return { kind: 'forbidden' };
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<CallResult>((resolve) => {
      timer = setTimeout(() => resolve({ kind: 'timeout' }), timeoutMs);
    });
    const called = this.#functions
      .invoke(functionNameOf(functionArn), JSON.stringify(event))
      .then((outcome): CallResult => {
        if (!outcome) return { kind: 'throttled' };
        return outcome.ok
          ? { kind: 'ok', payload: JSON.parse(outcome.payload) as unknown }
          : { kind: 'failed' };
      });
    try {
      return await Promise.race([called, timeout]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Hands an event over for later. False: no permission. */
  accept(service: string, functionArn: string, sourceArn: string, event: string): boolean {
    if (!this.may(service, functionArn, sourceArn)) return false;
    this.#later.accept(functionNameOf(functionArn), event);
    return true;
  }

  /** The same for what a scheduled rule sends: dropped while its last run goes on. */
  acceptTick(service: string, functionArn: string, sourceArn: string, event: string): boolean {
    if (!this.may(service, functionArn, sourceArn)) return false;
    this.#later.acceptTick(functionNameOf(functionArn), event, `${sourceArn} ${functionArn}`);
    return true;
  }
}

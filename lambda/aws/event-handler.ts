import type { EnvName } from '../../core/env.ts';
import { once } from './client-options.ts';
import { readEnv } from './env.ts';
import { runInvocation, type Invocation, type LambdaContext } from './invocation.ts';

export interface EventHandlerProps<Names extends readonly EnvName[], Deps, Event, Result> {
  /** Of the line that each run writes: a dotted word such as `sweeper.tick`. */
  readonly event: string;
  readonly env: Names;
  /** Called once per process, at the first event. */
  readonly deps: (env: Readonly<Record<Names[number], string>>) => Deps;
  /** `Event` is what the function's only callers send: a schedule, a rule, or another function. */
  readonly handle: (
    deps: Deps,
    event: Event,
    invocation: Invocation & { remainingMs: () => number },
  ) => Promise<Result>;
}

/** A Lambda handler for schedules, rules, authorizers and direct calls. Whatever it throws fails the run. */
export function eventHandler<const Names extends readonly EnvName[], Deps, Event = unknown, Result = void>(
  props: EventHandlerProps<Names, Deps, Event, Result>,
): (event: Event, context: LambdaContext) => Promise<Result> {
  const deps = once(() => props.deps(readEnv(props.env)));
  return (event, context) =>
    runInvocation(props.event, context, (invocation) =>
      props.handle(deps(), event, {
        ...invocation,
        remainingMs: () => context.getRemainingTimeInMillis(),
      }),
    );
}

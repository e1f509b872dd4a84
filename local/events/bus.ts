import { randomUUID } from 'node:crypto';
import type { ServiceCaller } from '../functions/callers.ts';
import { functionNameOf, type Functions } from '../functions/functions.ts';
import type { Log } from '../log.ts';
import type { Region } from '../region.ts';
import { resourcesOf, type PlannedResource, type StackPlan } from '../template/plan.ts';
import { templateError } from '../template/template-error.ts';
import type { PropertiesOf } from '../template/types.ts';
import { ruleArn } from '../template/types-compute.ts';
import { checkPattern, matchesPattern } from './pattern.ts';
import { parseCron, rateMs, startSchedule, type ScheduleHandle } from './schedule.ts';

type Rule = PlannedResource<'AWS::Events::Rule'>;
type Target = PropertiesOf<'AWS::Events::Rule'>['Targets'][number];

export interface BusEvent {
  readonly source: string;
  readonly detailType: string;
  readonly detail: unknown;
  readonly resources: readonly string[];
  readonly time: Date;
}

export interface BusDeps {
  readonly region: Region;
  readonly plan: StackPlan;
  readonly functions: Functions;
  readonly caller: ServiceCaller;
  /** To a dead-letter queue, in the name of EventBridge. */
  readonly deadLetter: (
    queueArn: string,
    body: string,
    attributes: Record<string, string>,
    ruleArn: string,
  ) => Promise<void>;
  readonly scheduleScale: number;
  readonly log: Log;
  readonly now: () => Date;
}

/** Rules of one stack: those that wait for events and those that follow a clock. Targets are functions of the stack. */
export class EventRules {
  readonly #deps: BusDeps;
  readonly #rules: readonly Rule[];
  #schedules: ScheduleHandle[] = [];

  /** Throws CONFIG with the rule's name for a target or pattern that the local mode does not know. */
  constructor(deps: BusDeps) {
    this.#deps = deps;
    this.#rules = resourcesOf(deps.plan, 'AWS::Events::Rule').filter(
      ({ properties }) => properties.State === 'ENABLED',
    );
    for (const rule of this.#rules) this.#check(rule);
  }

  startSchedules(): void {
    for (const rule of this.#rules) {
      const expression = rule.properties.ScheduleExpression;
      if (!expression) continue;
      this.#schedules.push(
        startSchedule(expression, this.#deps.scheduleScale, this.#where(rule), (time) => {
          const event = {
            source: 'aws.events',
            detailType: 'Scheduled Event',
            detail: {},
            resources: [this.#arn(rule)],
            time,
          };
          this.#send(rule, this.envelope(event, randomUUID()), 'acceptTick');
        }),
      );
    }
  }

  stop(): void {
    for (const schedule of this.#schedules) schedule.stop();
    this.#schedules = [];
  }

  /** Hands an event to every rule of `busName` that it matches. Returns its id. */
  publish(busName: string, event: BusEvent): string {
    const id = randomUUID();
    const envelope = this.envelope(event, id);
    for (const rule of this.#rules) {
      const { EventPattern: pattern, EventBusName } = rule.properties;
      if (pattern && busNameOf(EventBusName) === busName && matchesPattern(pattern, envelope))
        this.#send(rule, envelope);
    }
    return id;
  }

  #send(rule: Rule, envelope: object, accept: 'accept' | 'acceptTick' = 'accept'): void {
    for (const target of rule.properties.Targets) {
      const body = target.Input ?? JSON.stringify(envelope);
      if (this.#deps.caller[accept]('events.amazonaws.com', target.Arn, this.#arn(rule), body)) continue;
      this.#refused(rule, target, body);
    }
  }

  /** A missing permission is not retried: the event goes to the rule's dead-letter queue at once. */
  #refused(rule: Rule, target: Target, body: string): void {
    const message = `${this.#where(rule)}: ${functionNameOf(target.Arn)} does not permit events.amazonaws.com to invoke it`;
    this.#log('error', 'events.refused', message);
    const queueArn = target.DeadLetterConfig?.Arn;
    if (!queueArn) return;
    const attributes = {
      RULE_ARN: this.#arn(rule),
      TARGET_ARN: target.Arn,
      ERROR_CODE: 'NO_PERMISSIONS',
      ERROR_MESSAGE: message,
    };
    this.#deps
      .deadLetter(queueArn, body, attributes, this.#arn(rule))
      .catch((error: Error) =>
        this.#log('error', 'events.dead_letter_failed', `${this.#where(rule)}: ${error.message}`),
      );
  }

  /** As a target gets it. */
  envelope({ source, detailType, detail, resources, time }: BusEvent, id: string): object {
    const { accountId, region } = this.#deps.region.settings;
    const iso = time.toISOString().replace(/\.\d+Z$/, 'Z');
    return {
      version: '0',
      id,
      'detail-type': detailType,
      source,
      account: accountId,
      time: iso,
      region,
      resources,
      detail,
    };
  }

  #check(rule: Rule): void {
    const where = this.#where(rule);
    const { EventPattern, ScheduleExpression, Targets } = rule.properties;
    if (EventPattern) checkPattern(EventPattern, where);
    if (ScheduleExpression && rateMs(ScheduleExpression) === undefined) parseCron(ScheduleExpression, where);
    for (const { Arn } of Targets)
      if (!Arn.includes(':lambda:') || !this.#deps.functions.has(functionNameOf(Arn)))
        throw templateError(
          `${where} has the target ${Arn}; only functions of its own stack can be targets locally`,
        );
  }

  #arn({ name, properties }: Rule): string {
    return ruleArn(this.#deps.region.settings, name, properties.EventBusName);
  }

  #where(rule: Rule): string {
    return `${this.#deps.plan.name}: rule ${rule.logicalId}`;
  }

  #log(level: 'error', event: string, message: string): void {
    this.#deps.log({
      ts: this.#deps.now().toISOString(),
      source: this.#deps.plan.name,
      level,
      event,
      message,
    });
  }
}

/** A bus may be named by its ARN. */
export function busNameOf(nameOrArn: string): string {
  return nameOrArn.split('/').at(-1) ?? nameOrArn;
}

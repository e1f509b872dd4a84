import { conditionById } from '../conditions/conditions.ts';
import type { ConditionLimits } from '../conditions/signals.ts';
import type { AlertItem } from '../model.ts';
import {
  everybody,
  evidenceOf,
  fleetEvidenceOf,
  isSamePattern,
  namesOf,
  type PatternEvidence,
} from '../patterns/evidence.ts';
import { customersMin } from '../patterns/exposure.ts';
import type { PatternsFound } from '../patterns/find-patterns.ts';
import type { AlertStep } from './alert-plan.ts';
import { carries, type Failing } from './failing.ts';
import { groupStep, type Group, type GroupReading } from './group-alerts.ts';

/**
 * The alerts of the patterns: of those that are open, and of those that were named now. A pattern goes on while enough
 * customers with the value fail, or came to fail within its window: the detector itself sees every onset for a day.
 */
export function patternSteps({ found, open, failing, gatewayCount, now, limits }: PatternsSeen): AlertStep[] {
  const byCondition = Map.groupBy(failing, ({ conditionId }) => conditionId);
  const known = [...open.values()].flatMap(({ pattern }) => (pattern ? [pattern] : []));
  const fresh = evidences(found, { failing: byCondition, gatewayCount, now });
  // What is open keeps its name, also where another that nobody can tell from it is the strongest by now.
  const named = fresh.filter((each) => !known.some((one) => isSamePattern(one, each)));
  return [...known, ...named].flatMap((pattern) => {
    const again = fresh.find((each) => isSamePattern(pattern, each));
    const group: Group = { id: 'Pattern', component: componentOf(pattern) };
    const of = byCondition.get(pattern.conditionId) ?? [];
    const step = groupStep(
      group,
      open,
      (stored) => readingOf(stored, pattern, { again, failing: of, now }),
      limits,
    );
    return step ? [{ ...step, apply: withEvidence(step.apply, again) }] : [];
  });
}
export interface PatternsSeen {
  found: Pick<PatternsFound, 'patterns' | 'fleetEvents'>;
  open: ReadonlyMap<string, AlertItem>;
  failing: readonly Failing[];
  gatewayCount: number;
  now: number;
  limits: ConditionLimits;
}

function evidences(
  { patterns, fleetEvents }: PatternsSeen['found'],
  { failing, gatewayCount, now }: { failing: Map<string, Failing[]>; gatewayCount: number; now: number },
): PatternEvidence[] {
  const gatewaysOf = (conditionId: string, names: Parameters<typeof carries>[1]) =>
    (failing.get(conditionId) ?? [])
      .filter(({ values }) => carries(values, names))
      .map(({ tenantId, gatewayId }) => ({ tenantId, gatewayId }));
  return [
    ...patterns.map((pattern) =>
      evidenceOf(pattern, { foundAt: now, gateways: gatewaysOf(pattern.conditionId, [pattern]) }),
    ),
    ...fleetEvents.map((event) =>
      fleetEvidenceOf(event, {
        foundAt: now,
        gatewayCount,
        gateways: gatewaysOf(event.conditionId, [everybody]),
      }),
    ),
  ];
}

const componentOf = ({ conditionId, attribute, value }: PatternEvidence): string =>
  `${conditionId} ${attribute}=${value}`;

/** A tenth of those that it hit at most still fail: then the rest is told one by one. */
const overBelowShare = 0.1;

function readingOf(
  stored: AlertItem | undefined,
  pattern: PatternEvidence,
  { again, failing, now }: { again: PatternEvidence | undefined; failing: readonly Failing[]; now: number },
): GroupReading {
  const { hitCustomers: peak, windowMs } = larger(stored?.pattern ?? pattern, again);
  const names = namesOf(pattern);
  const counted = failing.filter(
    ({ since, isNow, values }) => (isNow || since > now - windowMs) && carries(values, names),
  );
  const customers = new Set(counted.map(({ tenantId }) => tenantId)).size;
  const isEnough = customers >= Math.max(customersMin, overBelowShare * peak);
  return {
    level: !isEnough ? 'clear' : again ? 'raised' : 'hold',
    value: customers,
    summary: summaryOf(again ?? pattern),
  };
}

function summaryOf({ conditionId, attribute, value, hitCustomers, carriers }: PatternEvidence): string {
  const what = conditionById.get(conditionId)?.meaning ?? conditionId;
  const whose = attribute === everybody.attribute ? 'of the whole fleet' : `whose ${attribute} is ${value}`;
  return `${conditionId} at ${hitCustomers} of ${carriers.customers} customers ${whose}. ${what}`;
}

/** Of two looks at one pattern: the most customers, the shortest window. */
function larger(one: PatternEvidence, other: PatternEvidence | undefined): PatternEvidence {
  if (!other) return one;
  const most = other.hitCustomers > one.hitCustomers ? other : one;
  return { ...most, windowMs: Math.min(one.windowMs, other.windowMs), foundAt: one.foundAt };
}

/** Written anew where it says a tenth more: the numbers of a running outage change with each tick. */
const toldAnewFrom = 1.1;

function withEvidence(apply: AlertStep['apply'], again: PatternEvidence | undefined): AlertStep['apply'] {
  return (stored, now, hold) => {
    const next = apply(stored, now, hold);
    if (!next || !again || next.state !== 'FIRING') return next;
    const begins = stored?.state !== 'FIRING' && stored?.state !== 'ACKED';
    if (begins) return { ...next, pattern: again };
    const before = stored?.pattern;
    const isNews =
      !before || again.hitCustomers >= toldAnewFrom * before.hitCustomers || again.windowMs < before.windowMs;
    return isNews ? { ...next, pattern: before ? larger(before, again) : again } : next;
  };
}

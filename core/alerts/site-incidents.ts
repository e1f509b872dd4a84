import { conditionById } from '../conditions/conditions.ts';
import type { ConditionLimits } from '../conditions/signals.ts';
import type { AlertItem } from '../model.ts';
import type { AlertStep } from './alert-plan.ts';
import { mayBeHeld, type Explanations, type Failing } from './failing.ts';
import { isUp } from './inhibition.ts';
import { groupKey, groupStep, isInForce, type Group, type GroupReading } from './group-alerts.ts';

/** Fewer gateways that fail together are told one by one. */
const gatewaysMin = 3;
/** Of a site's gateways: a few of hundreds have nothing to do with their site. */
const shareMin = 0.5;

/** A customer's gateways with one `site` label; those without one are one site too. */
export const siteId = (tenantId: string, site: string | undefined): string => `${tenantId} ${site ?? ''}`;

const groupOf = ({
  tenantId,
  site,
  conditionId,
}: Pick<Failing, 'tenantId' | 'site' | 'conditionId'>): Group => ({
  id: 'SiteIncident',
  tenantId,
  component: site === undefined ? conditionId : `${site} ${conditionId}`,
});
/** One text for each site and condition. */
export const siteText = (failing: Pick<Failing, 'tenantId' | 'site' | 'conditionId'>): string =>
  textOf(failing.tenantId, groupOf(failing).component);
const textOf = (tenantId: string, component: string): string => `${tenantId} ${component}`;

/** The alerts of site incidents that are up, by `siteText`. */
export const siteIncidents = (alerts: Iterable<AlertItem>): Map<string, AlertItem> =>
  new Map(
    [...alerts]
      .filter((item) => item.conditionId === 'SiteIncident' && isUp(item))
      .map((item) => [textOf(item.tenantId, item.component), item]),
  );

/**
 * Half of a site's gateways, three at least, came to fail together and their owner knows of none of them: one incident,
 * and not an alert each. It is told when its gateways' own alerts would be. What a pattern explains is none.
 */
export function siteIncidentSteps({ failing, siteSizes, explained, open, limits }: SitesSeen): AlertStep[] {
  const now = failing.filter(({ conditionId, isNow }) => isNow && mayBeHeld(conditionId));
  const groups = Map.groupBy(now, siteText);
  const steps = [...groups.values()].flatMap((members) => {
    const [first] = members;
    if (!first) return [];
    const size = siteSizes.get(siteId(first.tenantId, first.site)) ?? members.length;
    const untold = members.filter((each) => each.isUntold && explained.of(each) === undefined);
    const isOne = untold.length >= gatewaysMin && members.length >= shareMin * size;
    const forMs = conditionById.get(first.conditionId)?.forMs(limits) ?? 0;
    const summary = summaryOf(first, members.length, size);
    const reading = (level: GroupReading['level']) => ({ level, value: members.length, summary, forMs });
    const of = members.map(({ tenantId, gatewayId, conditionId }) => {
      return { tenantId, gatewayId, conditionId, component: '' };
    });
    if (isOne) return groupStep(groupOf(first), open, reading('raised'), limits, of) ?? [];
    // One that was not told yet ends with its reason: a pattern may have explained it since.
    const goesOn = (stored: AlertItem | undefined) =>
      stored !== undefined && isInForce(stored) && members.length >= gatewaysMin;
    const read = (stored: AlertItem | undefined) => reading(goesOn(stored) ? 'hold' : 'clear');
    return open.has(groupKey(groupOf(first)))
      ? (groupStep(groupOf(first), open, read, limits, of) ?? [])
      : [];
  });
  const over = [...open.values()].filter(
    ({ tenantId, conditionId, component }) =>
      conditionId === 'SiteIncident' && !groups.has(textOf(tenantId, component)),
  );
  return [...steps, ...over.flatMap((item) => clearStep(item, open, limits))];
}
export interface SitesSeen {
  failing: readonly Failing[];
  /** Active gateways by `siteId`. */
  siteSizes: ReadonlyMap<string, number>;
  explained: Explanations;
  open: ReadonlyMap<string, AlertItem>;
  limits: ConditionLimits;
}

function summaryOf({ site, conditionId }: Failing, count: number, size: number): string {
  const where = site === undefined ? '' : ` at ${site}`;
  return `${conditionId} at ${count} of ${size} gateways${where} together`;
}

/** Nothing of it is left to see. */
export function clearStep(
  { tenantId, conditionId, component, summary }: AlertItem,
  open: ReadonlyMap<string, AlertItem>,
  limits: ConditionLimits,
): AlertStep[] {
  const group: Group = { id: conditionId as Group['id'], tenantId, component };
  const step = groupStep(group, open, { level: 'clear', value: 0, summary }, limits);
  return step ? [step] : [];
}

import type { Condition } from '../conditions/condition.ts';
import type { RowsOf } from '../conditions/settings.ts';
import type { ConditionLimits } from '../conditions/signals.ts';
import type { AlertItem } from '../model.ts';
import type { AlertStep } from './alert-plan.ts';
import { holdableRow, type Explanations, type Failing } from './failing.ts';
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
 * and not an alert each. It is told when its gateways' own alerts would be: what their owner does not want to be alerted
 * to makes none, what it wants to wait for is waited for, and the incident is as severe as each of them. What a pattern
 * explains is none.
 */
export function siteIncidentSteps(seen: SitesSeen): AlertStep[] {
  const { failing, rowsOf, open, limits } = seen;
  const now = failing.filter(({ isNow }) => isNow);
  const groups = [...Map.groupBy(now, siteText)].flatMap(([text, members]) => {
    const [{ tenantId, conditionId }] = members as [Failing];
    const row = holdableRow(rowsOf(tenantId), conditionId);
    return row ? [{ text, members, row }] : [];
  });
  const texts = new Set(groups.map(({ text }) => text));
  const over = [...open.values()].filter(
    ({ tenantId, conditionId, component }) =>
      conditionId === 'SiteIncident' && !texts.has(textOf(tenantId, component)),
  );
  return [
    ...groups.flatMap(({ members, row }) => incidentStep(members, row, seen) ?? []),
    ...over.flatMap((item) => clearStep(item, open, limits)),
  ];
}

/** `members`: what fails by one condition at one site now. */
function incidentStep(
  members: readonly Failing[],
  row: Condition,
  { siteSizes, explained, open, limits }: SitesSeen,
): AlertStep | undefined {
  const [first] = members as [Failing];
  const group = groupOf(first);
  const size = siteSizes.get(siteId(first.tenantId, first.site)) ?? members.length;
  const untold = members.filter((each) => each.isUntold && explained.of(each) === undefined);
  const isOne = untold.length >= gatewaysMin && members.length >= shareMin * size;
  const { severity } = row;
  const [forMs, summary] = [row.forMs(limits), summaryOf(first, members.length, size)];
  const reading = (level: GroupReading['level']) => ({
    ...{ level, value: members.length, summary, severity, forMs },
  });
  const of = members.flatMap(({ tenantId, gatewayId, conditionId, components }) =>
    components.map((component) => ({ tenantId, gatewayId, conditionId, component })),
  );
  if (isOne) return groupStep(group, open, reading('raised'), limits, of);
  if (!open.has(groupKey(group))) return undefined;
  // One that was not told yet ends with its reason: a pattern may have explained it since.
  const goesOn = (stored: AlertItem | undefined) =>
    stored !== undefined && isInForce(stored) && members.length >= gatewaysMin;
  return groupStep(group, open, (stored) => reading(goesOn(stored) ? 'hold' : 'clear'), limits, of);
}

export interface SitesSeen {
  failing: readonly Failing[];
  /** Active gateways by `siteId`. */
  siteSizes: ReadonlyMap<string, number>;
  rowsOf: RowsOf;
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

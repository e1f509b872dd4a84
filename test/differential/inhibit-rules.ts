import type { Labelled } from './scenes.ts';

/**
 * What inhibits what, as Alertmanager's rules say it: a source that fires mutes the targets with equal labels. The first
 * rule with a source is the one that is named.
 */
/** Of the conditions that the scenes have. A lost volume is none: a command answers it. */
const held = ['Offline', 'MemoryHigh', 'RaidDegraded'];
interface InhibitRule {
  source: Readonly<Record<string, string>>;
  equal: readonly string[];
}
const siteRule: InhibitRule = {
  source: { alertname: 'SiteIncident' },
  equal: ['scene', 'tenant', 'site', 'condition'],
};
const patternRules: readonly InhibitRule[] = [
  { source: { alertname: 'Pattern', attribute: 'region' }, equal: ['scene', 'region', 'condition'] },
  { source: { alertname: 'Pattern', attribute: '*' }, equal: ['scene', 'condition'] },
];

export const inhibitRules = [siteRule, ...patternRules].map(({ source, equal }) => ({
  source_matchers: Object.entries(source).map(([name, value]) => `${name}="${value}"`),
  target_matchers: [`alertname=~"${held.join('|')}"`],
  equal,
}));

export const isHoldable = ({ labels }: Labelled): boolean => held.includes(labels['alertname'] ?? '');
const inhibits = ({ source, equal }: InhibitRule, cause: Labelled, alert: Labelled): boolean =>
  Object.entries(source).every(([name, value]) => cause.labels[name] === value) &&
  equal.every((name) => (cause.labels[name] ?? '') === (alert.labels[name] ?? ''));
export const isSiteOf = (cause: Labelled, alert: Labelled): boolean => inhibits(siteRule, cause, alert);
export const isPatternOf = (cause: Labelled, alert: Labelled): boolean =>
  patternRules.some((rule) => inhibits(rule, cause, alert));

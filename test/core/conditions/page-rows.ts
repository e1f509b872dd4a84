import type { Condition } from '../../../core/conditions/condition.ts';
import { valueText } from '../../../core/conditions/settings.ts';
import { durationText } from '../../../core/readable.ts';
import { conditionLimits } from '../../support/fleet.ts';

/** A condition's row on the page on monitoring, cell by cell. */
export function pageRow(c: Condition): string[] {
  const signs = c.worse === 'below' ? ['≤', '≥'] : ['≥', '≤'];
  const threshold = (value: number, sign?: string) =>
    c.unit === 'flag' ? valueText(c.unit, value) : `${sign} ${valueText(c.unit, value)}`;
  const after = (ms: number) => (ms === 0 ? 'at once' : durationText(ms));
  const forText = after(c.forMs(conditionLimits));
  return [
    `\`${c.id}\``,
    c.scope === 'filesystem' ? 'file system' : c.scope,
    c.measures,
    threshold(c.raiseAt, signs[0]),
    threshold(c.clearAt, signs[1]),
    c.forMinMs ? `the longer of ${forText} and the reconnect window` : forText,
    after(c.clearForMs),
    c.alerts === false ? 'no alert' : c.severity,
    c.suggested ? `\`${c.suggested.kind}\`` : '–',
  ];
}

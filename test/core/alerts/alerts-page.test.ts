import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { alertDetailTypes } from '../../../core/alert-event.ts';
import { acknowledged, unacknowledged } from '../../../core/alerts/acknowledge.ts';
import { emitted, newAlert, observed, unseen, withdrawn } from '../../../core/alerts/lifecycle.ts';
import { resolveReasons, type AlertHold } from '../../../core/alerts/model.ts';
import { conditionById } from '../../../core/conditions/conditions.ts';
import type { Observation } from '../../../core/conditions/evaluate.ts';
import type { AlertItem } from '../../../core/model.ts';
import { conditionLimits as limits, gatewayItem, hours, minutes, t0 } from '../../support/fleet.ts';
import { isNamedTest } from '../../support/named-tests.ts';

const repository = fileURLToPath(new URL('../../..', import.meta.url));
const page = readFileSync(`${repository}/docs/alerts.md`, 'utf8');
const section = (title: string) => page.split(/^## /m).find((part) => part.startsWith(title)) ?? '';
const rowsOf = (text: string): string[][] =>
  (text.match(/^\|.*\|$/gm) ?? [])
    .filter((row) => !/^[| -]+$/.test(row))
    .map((row) =>
      row
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );

const condition = conditionById.get('FsFull')!;
const raised: Observation = { condition, component: '/', level: 'raised', value: 1 };
const clear: Observation = { ...raised, level: 'clear', value: 0 };
const now = t0 + hours;
const see = (item: AlertItem, o: Observation, at = now, hold?: AlertHold) =>
  observed(item, o, at, limits, hold);
const drained = (item: AlertItem) =>
  emitted(item, new Set(item.outbox.map(({ eventId }) => eventId)), item.changedAt);

const ok = newAlert(gatewayItem(), raised);
const pending = see(ok, raised, t0);
const firing = drained(see(pending, raised, t0 + 2 * minutes));
const by = { by: 'ann', why: undefined, at: t0 + 3 * minutes };
const states: Record<string, AlertItem> = {
  OK: ok,
  PENDING: pending,
  FIRING: firing,
  'FIRING, held': see(pending, raised, t0 + 2 * minutes, 'maintenance'),
  ACKED: acknowledged(firing, by)!,
  UNKNOWN: unseen(firing, t0 + 3 * minutes, { isMissing: false }),
  RESOLVED: drained(see(see(firing, clear, t0 + 3 * minutes), clear, t0 + 5 * minutes)),
};
const events: Record<string, (item: AlertItem) => AlertItem | undefined> = {
  raised: (item) => see(item, raised),
  'raised, held': (item) => see(item, raised, now, 'maintenance'),
  'clear for long': (item) => see(see(item, clear), clear, now + 2 * minutes),
  '4 h on': (item) => see(item, raised, now + 4 * hours),
  'no facts': (item) => unseen(item, now, { isMissing: false }),
  'not reported for a day': (item) =>
    [0, 24].reduce((at, h) => unseen(at, now + h * hours, { isMissing: true }), item),
  'two weeks unknown': (item) =>
    [0, 14 * 24].reduce((at, h) => unseen(at, now + h * hours, { isMissing: false }), item),
  acknowledged: (item) => acknowledged(item, { ...by, at: now }),
  'taken back': (item) => unacknowledged(item, { ...by, at: now }),
  revoked: (item) => withdrawn(item, now, 'revoked'),
};

const nameOf = ({ state, heldBy }: AlertItem) => (heldBy === undefined ? state : `${state}, held`);
function cellOf(before: AlertItem, after: AlertItem | undefined): string {
  if (!after) return '–';
  const added = after.outbox.filter(({ eventId }) => !before.outbox.some((e) => e.eventId === eventId));
  const moved = nameOf(after) === nameOf(before) ? [] : [nameOf(after)];
  return [...moved, ...added.map(({ type }) => `\`${type}\``)].join(' ') || '–';
}

describe('docs/alerts.md', () => {
  it('says what the machine makes of every state and event', () => {
    const table = Object.entries(states).map(([name, item]) => [
      name,
      ...Object.values(events).map((event) => cellOf(item, event(item))),
    ]);
    expect(rowsOf(section('States'))).toEqual([['', ...Object.keys(events)], ...table]);
  });

  it('has every type of event and every reason of a resolve', () => {
    const types = rowsOf(section('Events')).slice(1);
    expect(types.map(([type, detailType]) => [type, detailType])).toEqual(
      Object.entries(alertDetailTypes).map(([type, detailType]) => [`\`${type}\``, detailType]),
    );
    const reasons = [...section('Events').matchAll(/^- `(\w+)`: \w.+$/gm)].map(([, reason]) => reason);
    expect(reasons).toEqual([...resolveReasons]);
  });

  it('names a test for each invariant, and each of them is there', () => {
    const rows = rowsOf(section('What holds').split('###')[0]!).slice(1);
    expect(rows.length).toBeGreaterThan(8);
    expect(rows.filter(([, by = '']) => !isNamedTest(by))).toEqual([]);
  });
});

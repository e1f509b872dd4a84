import { readFileSync } from 'node:fs';
import { observed, newAlert } from '../../../core/alerts/lifecycle.ts';
import { isClear, isRaised } from '../../../core/conditions/condition.ts';
import { conditionById, conditions } from '../../../core/conditions/conditions.ts';
import {
  isAnythingRaised,
  observe,
  suggestedFor,
  summaryOf,
  type ObserveInput,
} from '../../../core/conditions/evaluate.ts';
import {
  conditionLimits as limits,
  gatewayItem,
  hours,
  minutes,
  statusItem,
  t0,
  volume,
} from '../../support/fleet.ts';
import { pageRow } from './page-rows.ts';
import { beat, cases, oneVolume, silentFor, type Given } from './cases.ts';

const input = (given: Given, now = t0): ObserveInput => ({
  gateway: gatewayItem(),
  status: statusItem(),
  limits,
  now,
  ...given,
});
const seen = (id: string, component: string, given: Given) =>
  observe(input(given)).find((o) => o.condition.id === id && o.component === component);

test('every condition has a case that raises it and one that clears it', () => {
  const tested = Object.keys(cases).filter(
    (id) => Object.keys(cases[id]!.raises).length > 0 && Object.keys(cases[id]!.clears).length > 0,
  );
  expect(conditions.map(({ id }) => id).sort()).toEqual(tested.sort());
});

test('the table is sound: ids differ, thresholds do not touch, texts are there', () => {
  expect(conditionById.size).toBe(conditions.length);
  for (const c of conditions) {
    expect([c.id, isRaised(c, c.raiseAt), isClear(c, c.raiseAt)]).toEqual([c.id, true, false]);
    expect([c.id, isRaised(c, c.clearAt), isClear(c, c.clearAt)]).toEqual([c.id, false, true]);
    expect(c.id).toMatch(/^[A-Z][A-Za-z]{1,63}$/);
    for (const text of [c.meaning, c.explanation])
      expect([c.id, text]).toEqual([c.id, expect.stringMatching(/\.$/)]);
  }
});

test('the page on monitoring has every condition as the table has it, and no other', () => {
  const [, section = ''] = readFileSync('docs/monitoring.md', 'utf8').split('\n## Conditions\n');
  const rows = section
    .split('\n## ', 1)[0]!
    .split('\n')
    .filter((line) => /^\| `[A-Z]/.test(line))
    .map((line) => line.split('|').map((cell) => cell.trim()));
  expect(rows.map((cells) => cells.slice(1, -1))).toEqual(conditions.map(pageRow));
});

test('every condition has a section in the runbooks, in the order of the table, and none is too many', () => {
  const sections = readFileSync('docs/runbooks.md', 'utf8').split(/^## /m).slice(1);
  expect(sections.map((section) => section.split('\n')[0])).toEqual(conditions.map(({ id }) => id));
  for (const section of sections) {
    const [, means = '', look = '', toDo = ''] =
      /^\w+\n\n([^]+?)\n\n\*\*Look\.\*\* ([^]+?)\n\n\*\*Do\.\*\* ([^]+?)\n*$/.exec(section) ?? [];
    expect([section.split('\n')[0], ...[means, look, toDo].map((part) => part.length > 40)]).toEqual([
      section.split('\n')[0],
      true,
      true,
      true,
    ]);
  }
});

test('who is asked only whether anything is raised answers as the observations do', () => {
  for (const [id, { raises, clears, holds = {} }] of Object.entries(cases))
    for (const given of Object.values({ ...raises, ...clears, ...holds }))
      for (const cellFrozen of [false, true]) {
        const of = { ...input(given), cellFrozen };
        expect([id, isAnythingRaised(of)]).toEqual([id, observe(of).some(({ level }) => level === 'raised')]);
      }
});

for (const [id, { component, raises, clears, holds = {} }] of Object.entries(cases)) {
  describe(id, () => {
    test.each(Object.entries(raises))('is raised: %s', (_, given) => {
      expect(seen(id, component, given)?.level).toBe('raised');
    });
    test.each(Object.entries(clears))('is clear: %s', (_, given) => {
      expect(seen(id, component, given)?.level).toBe('clear');
    });
    for (const [name, given] of Object.entries(holds))
      test(`stays as it was: ${name}`, () => {
        expect(seen(id, component, given)?.level).toBe('hold');
      });

    test('fires after its for-duration and resolves after its clear-duration', () => {
      const raised = seen(id, component, Object.values(raises)[0]!)!;
      const clear = seen(id, component, Object.values(clears)[0]!)!;
      const forMs = raised.condition.forMs(limits);
      let alert = observed(newAlert(gatewayItem(), raised), raised, t0, limits);
      if (forMs > 0) {
        alert = observed(alert, raised, t0 + forMs - 1, limits);
        expect(alert.state).toBe('PENDING');
      }
      alert = observed(alert, raised, t0 + forMs, limits);
      expect(alert).toMatchObject({ state: 'FIRING', episode: 1, summary: summaryOf(raised) });
      const at = t0 + 2 * hours;
      alert = observed(alert, clear, at, limits);
      if (raised.condition.clearForMs > 0) expect(alert.state).toBe('FIRING');
      expect(observed(alert, clear, at + raised.condition.clearForMs, limits).state).toBe('RESOLVED');
    });
  });
}

test('Offline waits for the reconnect window where that is longer than five minutes', () => {
  const { forMs } = conditionById.get('Offline')!;
  expect(forMs({ ...limits, reconnectWindowMs: 10 * minutes })).toBe(10 * minutes);
  expect(forMs(limits)).toBe(5 * minutes);
});

test('a stale status says nothing about what it reports', () => {
  const stale = input({
    status: statusItem({ receivedAt: t0 - 13 * minutes }, { volumes: [volume({ state: 'failed' })] }),
  });
  expect(observe(stale).map((o) => o.condition.id)).toEqual(['Offline', 'SuspectOffline', 'GatewayCloned']);
});

test('nothing is seen of a gateway in a frozen cell whose status is stale', () => {
  expect(observe({ ...input(silentFor(13 * minutes)), cellFrozen: true })).toEqual([]);
});

test('what is not reported has no observation', () => {
  const ids = observe(input(beat({ metrics: {}, filesystems: [], volumes: [] }))).map((o) => o.condition.id);
  expect(ids).not.toContain('MemoryHigh');
  expect(ids).not.toContain('FsFull');
  expect(ids).not.toContain('VolumeIrrecoverable');
});

test('VolumeIrrecoverable suggests the restore of that volume', () => {
  expect(suggestedFor(seen('VolumeIrrecoverable', 'vol-1', oneVolume({ state: 'failed' }))!)).toEqual({
    kind: 'restore.start',
    params: { volumeId: 'vol-1' },
  });
});

test('a volume name that is no volume id is never suggested as a parameter', () => {
  const name = 'x; rm -rf /\n';
  const hostile = seen('VolumeIrrecoverable', name, oneVolume({ volumeId: name, state: 'failed' }))!;
  expect(suggestedFor(hostile)).toBeUndefined();
  expect(summaryOf(hostile)).not.toContain('\n');
});

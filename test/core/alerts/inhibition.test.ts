import { isLive, listed, listedForMs, rewound, settled, suspected } from '../../../core/alerts/inhibition.ts';
import { acknowledged } from '../../../core/alerts/acknowledge.ts';
import { emitted, newAlert, observed, unseen } from '../../../core/alerts/lifecycle.ts';
import { conditionById } from '../../../core/conditions/conditions.ts';
import type { Observation } from '../../../core/conditions/evaluate.ts';
import type { AlertItem } from '../../../core/model.ts';
import { conditionLimits, gatewayItem, hours, minutes, t0 } from '../../support/fleet.ts';
import { seeded } from '../../support/random.ts';

const condition = conditionById.get('GatewayCloned')!;
const seen = (level: Observation['level']): Observation => ({ condition, component: '', level, value: 1 });
const parent = 'a'.repeat(32);

/** One look at the alert, by a proxy that knows who inhibits it. */
function look(item: AlertItem | undefined, level: Observation['level'], at: number, by?: string): AlertItem {
  const before = item ?? undefined;
  const after = observed(
    before ?? newAlert(gatewayItem(), seen(level)),
    seen(level),
    t0 + at,
    conditionLimits,
  );
  return settled(before, after, { by }, t0 + at);
}
const types = ({ outbox }: AlertItem): string[] => outbox.map(({ type }) => type);
const taken = (item: AlertItem): AlertItem =>
  listed(emitted(item, new Set(item.outbox.map(({ eventId }) => eventId)), t0), t0);

test('an inhibited alert fires without an event, and says who says it all', () => {
  const held = look(undefined, 'raised', 0, parent);
  expect(held).toMatchObject({ state: 'FIRING', outbox: [], seq: 0, inhibitedBy: parent, version: 1 });
});

test('what still fires when nobody inhibits it any more is told then, once', () => {
  const held = look(undefined, 'raised', 0, parent);
  const free = look(held, 'raised', minutes);
  expect(types(free)).toEqual(['firing']);
  expect(free).toMatchObject({ seq: 1, version: 2 });
  expect(free.inhibitedBy).toBeUndefined();
  expect(look(free, 'raised', 2 * minutes)).toBe(free);
});

test('what nobody was told of needs no resolve', () => {
  const over = look(look(undefined, 'raised', 0, parent), 'clear', minutes, parent);
  expect(over).toMatchObject({ state: 'RESOLVED', outbox: [], seq: 0 });
  expect(over.inhibitedBy).toBeUndefined();
});

test('a firing that was told is not held any more, and gets its resolve while its cause is known', () => {
  const told = taken(look(undefined, 'raised', 0));
  expect(look(told, 'raised', minutes, parent)).toBe(told);
  expect(types(look(told, 'clear', 2 * minutes, parent))).toEqual(['resolved']);
});

test('a firing that may have gone out before a crash is emitted again rather than held', () => {
  const inOutbox = look(undefined, 'raised', 0);
  expect(types(look(inOutbox, 'raised', minutes, parent))).toEqual(['firing']);
});

test('a held alert that nobody knows of, or that somebody has seen, is not told as it is set free', () => {
  const held = look(undefined, 'raised', 0, parent);
  const unknown = unseen(held, t0 + minutes, { isMissing: false });
  expect(types(settled(unknown, unknown, { by: undefined }, t0 + minutes))).toEqual([]);
  expect(types(look(unknown, 'raised', 2 * minutes))).toEqual(['firing']);
  const seenBySome = acknowledged(held, { by: 'ann', why: undefined, at: t0 })!;
  expect(types(look(look(seenBySome, 'raised', minutes), 'clear', 2 * minutes))).toEqual([]);
});

test('what is set free while its news is kept back is told by whoever keeps it, later', () => {
  const held = look(undefined, 'raised', 0, parent);
  const kept = settled(held, held, { by: undefined, hold: 'maintenance' }, t0 + minutes);
  expect(kept).toMatchObject({ state: 'FIRING', heldBy: 'maintenance', outbox: [], seq: 0, version: 2 });
  expect(kept.inhibitedBy).toBeUndefined();
  expect(types(look(kept, 'raised', hours))).toEqual(['firing']);
});

test('nobody is reminded of what another alert says', () => {
  const held = look(undefined, 'raised', 0, parent);
  expect(look(held, 'raised', 24 * hours, parent)).toBe(held);
});

test('who says it all may change', () => {
  const held = look(undefined, 'raised', 0, suspected);
  expect(look(held, 'raised', minutes, parent)).toMatchObject({
    inhibitedBy: parent,
    version: 2,
    outbox: [],
  });
});

test('whatever happens, firings and resolves alternate in what goes out', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = seeded(seed);
    const out: string[] = [];
    let item: AlertItem | undefined;
    for (let i = 0; i < 60; i++) {
      const level = random() < 0.5 ? 'raised' : 'clear';
      const next = look(item, level, i * hours, random() < 0.4 ? parent : undefined);
      expect(next.version - (item?.version ?? 0)).toBeLessThanOrEqual(1);
      item = next.version === 0 ? undefined : next;
      if (!item || random() < 0.5) continue;
      out.push(...types(item));
      item = { ...taken(item), version: item.version + 1 };
    }
    out.push(...(item ? types(item) : []));
    const told = out.filter((type) => type !== 'reminder');
    expect({ seed, told }).toEqual({ seed, told: told.map((_, i) => (i % 2 ? 'resolved' : 'firing')) });
  }
});

test('an onset is remembered for a day, and then the alert leaves the open ones', () => {
  const over = taken(look(look(undefined, 'raised', 0), 'clear', minutes));
  expect(isLive(over)).toBe(false);
  expect(over).toMatchObject({ raisedAt: t0 });
  expect(look(over, 'clear', listedForMs - 1)).toBe(over);
  const gone = look(over, 'clear', listedForMs);
  expect(gone.openShard).toBeUndefined();
  expect(gone.version).toBe(over.version + 1);
});

test('what was pending while nobody watched begins anew', () => {
  const offline = conditionById.get('Offline')!;
  const raised: Observation = { condition: offline, component: '', level: 'raised', value: 1 };
  const pending = observed(newAlert(gatewayItem(), raised), raised, t0, conditionLimits);
  const later = t0 + 2 * hours;
  expect(observed(pending, raised, later, conditionLimits).state).toBe('FIRING');
  const again = rewound(pending, later);
  expect(observed(again, raised, later, conditionLimits)).toMatchObject({
    state: 'PENDING',
    pendingSince: later,
  });
});

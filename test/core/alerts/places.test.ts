import { newAlert } from '../../../core/alerts/lifecycle.ts';
import { displaced, placesMax, seated } from '../../../core/alerts/places.ts';
import { conditionById } from '../../../core/conditions/conditions.ts';
import type { Observation } from '../../../core/conditions/evaluate.ts';
import type { AlertItem, AlertState } from '../../../core/model.ts';
import { t0 } from '../../support/fleet.ts';

const o = (component: string): Observation => ({
  ...{ condition: conditionById.get('VolumeIrrecoverable')!, component, level: 'raised', value: 1 },
});
const gateway = { tenantId: 'acme', gatewayId: 'gw-1' };
const alert = (component: string, more: Partial<AlertItem> = {}): AlertItem => ({
  ...newAlert(gateway, o(component)),
  ...{ state: 'UNKNOWN', frozenState: 'FIRING', raisedAt: t0 },
  ...more,
});
const crowd = (more: AlertItem[] = []): AlertItem[] => [
  ...Array.from({ length: placesMax - more.length }, (_, i) => alert(`v-${i}`)),
  ...more,
];
const newcomers = (count: number) => Array.from({ length: count }, (_, i) => o(`n-${i}`));
const names = (items: readonly { component: string }[]) => items.map(({ component }) => component);

test('while there are places everybody has one, and nobody leaves', () => {
  const open = crowd().slice(0, placesMax - 10);
  const seating = seated(newcomers(10), { open, absent: open, turn: 0 });
  expect(seating).toMatchObject({ isCrowded: false, displaced: [] });
  expect(seating.admitted).toHaveLength(10);
});

test('in a crowd the gateway’s own has a place, and of all others everybody’s turn comes', () => {
  const open = crowd();
  const seen = new Set<string>();
  for (let turn = 0; turn < 30; turn++) {
    const { admitted, displaced: leaving } = seated([o(''), ...newcomers(100)], { open, absent: open, turn });
    expect(names(admitted)).toContain('');
    expect(leaving).toHaveLength(admitted.length - 1);
    names(admitted).forEach((name) => seen.add(name));
  }
  expect(seen.size).toBe(101);
});

test('those leave first that nobody was told of, then the least severe, then the youngest', () => {
  const firing = { frozenState: 'FIRING' as AlertState };
  const open = crowd([
    alert('quiet', { frozenState: 'PENDING' }),
    alert('slight', { ...firing, severity: 'warning' }),
    alert('young', { ...firing, raisedAt: t0 + 1 }),
    alert('acked', { frozenState: 'ACKED', raisedAt: t0 + 2 }),
  ]);
  const { displaced: leaving } = seated(newcomers(9), { open, absent: open, turn: 0 });
  expect(names(leaving)).toEqual(['quiet', 'slight', 'young', 'v-0']);
});

test('what has a reading, or only just lost it, stays', () => {
  const open = crowd();
  expect(seated(newcomers(9), { open, absent: [], turn: 0 })).toMatchObject({ admitted: [], displaced: [] });
  const absent = open.map((item) => ({ ...item, state: 'FIRING' as const, frozenState: undefined }));
  expect(seated(newcomers(9), { open, absent, turn: 0 })).toMatchObject({ admitted: [], displaced: [] });
});

test('one that leaves has a resolve where its firing was told, and is no onset any more', () => {
  const told = displaced(alert('v', { toldAt: t0, seq: 1 }), t0 + 1);
  expect(told).toMatchObject({ state: 'RESOLVED', outbox: [{ type: 'resolved', reason: 'unknown' }] });
  expect(told.raisedAt).toBeUndefined();
  expect(told.audit.at(-1)?.note).toMatch(/took its place/);
  const held = displaced(alert('v', { heldBy: 'maintenance' }), t0 + 1);
  expect(held).toMatchObject({ state: 'RESOLVED', outbox: [] });
  const quiet = displaced(alert('v', { frozenState: 'PENDING' }), t0 + 1);
  expect(quiet).toMatchObject({ state: 'OK', outbox: [] });
});

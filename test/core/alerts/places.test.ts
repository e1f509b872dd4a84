import { planGateway } from '../../../core/alerts/alert-plan.ts';
import { newAlert } from '../../../core/alerts/lifecycle.ts';
import { displaced, placesMax, seated } from '../../../core/alerts/places.ts';
import { conditionById } from '../../../core/conditions/conditions.ts';
import type { Observation } from '../../../core/conditions/evaluate.ts';
import type { AlertItem, AlertState } from '../../../core/model.ts';
import { conditionLimits, statusItem, t0 } from '../../support/fleet.ts';

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
  const seating = seated(newcomers(10), { open, idle: open, turn: 0 });
  expect(seating).toMatchObject({ isCrowded: false, displaced: [] });
  expect(seating.admitted).toHaveLength(10);
});

test('in a crowd the gateway’s own has a place, and of all others everybody’s turn comes', () => {
  const open = crowd();
  const seen = new Set<string>();
  for (let turn = 0; turn < 30; turn++) {
    const { admitted, displaced: leaving } = seated([o(''), ...newcomers(100)], { open, idle: open, turn });
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
  const { displaced: leaving } = seated(newcomers(9), { open, idle: open, turn: 0 });
  expect(names(leaving)).toEqual(['quiet', 'slight', 'young', 'v-0']);
});

test('what has a reading, or only just lost it, stays', () => {
  const open = crowd();
  expect(seated(newcomers(9), { open, idle: [], turn: 0 })).toMatchObject({ admitted: [], displaced: [] });
  const idle = open.map((item) => ({ ...item, state: 'FIRING' as const, frozenState: undefined }));
  expect(seated(newcomers(9), { open, idle, turn: 0 })).toMatchObject({ admitted: [], displaced: [] });
});

const over = (component: string, raisedAt: number) =>
  alert(component, { state: 'RESOLVED', frozenState: undefined, raisedAt });

test('what is only remembered has a place too, and leaves before all others, the oldest onset first', () => {
  const open = crowd([over('late', t0 + 3), over('early', t0 + 1), over('mid', t0 + 2)]);
  const { admitted, displaced: leaving } = seated(newcomers(9), { open, idle: open, turn: 0 });
  expect(names(leaving)).toEqual(['early', 'mid', 'late', 'v-0']);
  expect(admitted).toHaveLength(4);
});

test('the gateway’s own never leaves, and takes no place of its parts', () => {
  const open = [...crowd().slice(0, -1), over('', t0)];
  expect(seated(newcomers(1), { open, idle: open, turn: 0 })).toMatchObject({ isCrowded: false });
  const { displaced: leaving } = seated(newcomers(2), { open, idle: open, turn: 0 });
  expect(names(leaving)).toEqual(['v-0']);
});

test('while those that left still have their resolve to tell, nobody who was told of leaves', () => {
  const untold = alert('v', { state: 'RESOLVED', outbox: [{ eventId: 'e', type: 'resolved', at: t0 }] });
  const open = [...crowd(), untold];
  expect(seated(newcomers(9), { open, idle: open, turn: 0 })).toMatchObject({ admitted: [], displaced: [] });
  const more = [...open, over('old', t0)];
  const { admitted, displaced: leaving } = seated(newcomers(9), { open: more, idle: more, turn: 0 });
  expect(names(leaving)).toEqual(['old']);
  expect(admitted).toHaveLength(1);
});

test('what is only remembered is forgotten without a word', () => {
  const before = over('v', t0);
  const after = displaced(before, t0 + 1);
  expect(after).toMatchObject({ state: 'RESOLVED', outbox: [], version: before.version + 1 });
  expect(after.raisedAt).toBeUndefined();
  expect(after.openShard).toBeUndefined();
});

test('a crowd keeps what is raised anew, and forgets of what is clear no more than makes room', () => {
  const open = Array.from({ length: placesMax }, (_, i) => over(`v-${i}`, t0 + i));
  const raisedAnew = o('v-0');
  const clear = open.slice(1).map(({ component }) => ({ ...o(component), level: 'clear' as const }));
  const fresh = statusItem();
  const steps = planGateway(
    { ...gateway, status: 'active' },
    open,
    [raisedAnew, ...clear, ...newcomers(50)],
    conditionLimits,
    { fresh },
  );
  const changes = steps.flatMap(({ known, apply }) => {
    const next = apply(known, t0 + 1e4);
    return next && next !== known ? [next] : [];
  });
  const { PENDING: pending = [], RESOLVED: forgotten = [] } = Object.groupBy(changes, ({ state }) => state);
  expect(names(pending).toSorted()).toEqual(['n-0', 'n-1', 'n-48', 'n-49', 'v-0']);
  expect(names(forgotten)).toEqual(['v-1', 'v-2', 'v-3', 'v-4']);
  expect(changes).toHaveLength(pending.length + forgotten.length);
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

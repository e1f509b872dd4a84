import { alertKeyOf, parseEventId } from '../../../core/alerts/alert-key.ts';
import { alertEvent } from '../../../core/alerts/alert-events.ts';
import { planGateway } from '../../../core/alerts/alert-plan.ts';
import {
  acknowledged,
  auditEntriesMax,
  emitted,
  frozen,
  newAlert,
  observed,
  outboxEntriesMax,
  withdrawn,
} from '../../../core/alerts/lifecycle.ts';
import { alertEventSchema } from '../../../core/alert-event.ts';
import { conditionById } from '../../../core/conditions/conditions.ts';
import type { Observation } from '../../../core/conditions/evaluate.ts';
import type { AlertItem } from '../../../core/model.ts';
import { conditionLimits as limits, gatewayItem, hours, minutes, t0 } from '../../support/fleet.ts';

const gateway = gatewayItem();
const o = (id: string, level: Observation['level'], component = ''): Observation => {
  const condition = conditionById.get(id)!;
  const value = { raised: condition.raiseAt, clear: condition.clearAt, hold: condition.clearAt }[level];
  return { condition, component, level, value };
};
const lost = o('VolumeIrrecoverable', 'raised', 'vol-1');
const well = o('VolumeIrrecoverable', 'clear', 'vol-1');
const restoring = o('VolumeIrrecoverable', 'hold', 'vol-1');
const fresh = () => newAlert(gateway, lost);
const run = (start: AlertItem, ...steps: [Observation, number][]) =>
  steps.reduce((item, [seen, at]) => observed(item, seen, t0 + at, limits), start);
const drained = (item: AlertItem) =>
  emitted(item, new Set(item.outbox.map((entry) => entry.eventId)), item.changedAt);

test('a condition without a for-duration fires at once, with its event in the same item', () => {
  const alert = run(fresh(), [lost, 0]);
  expect(alert).toMatchObject({ state: 'FIRING', episode: 1, seq: 1, version: 1, firedAt: t0 });
  expect(alert.outbox).toEqual([{ eventId: `${alert.alertKey}#1#1`, type: 'firing', at: t0 }]);
  expect(alert.openShard).toMatch(/^[0-7]$/);
});

test('nothing is written when nothing changes', () => {
  const alert = run(fresh(), [lost, 0]);
  expect(observed(alert, lost, t0 + minutes, limits)).toBe(alert);
  expect(observed(alert, restoring, t0 + minutes, limits)).toBe(alert);
  const closed = fresh();
  expect(observed(closed, well, t0, limits)).toBe(closed);
});

test('it stays while the volume is restored and resolves when it is healthy', () => {
  const alert = run(fresh(), [lost, 0], [restoring, minutes], [well, 2 * minutes]);
  expect(alert).toMatchObject({ state: 'RESOLVED', seq: 2, resolvedAt: t0 + 2 * minutes });
  expect(alert.audit.map(({ state }) => state)).toEqual(['FIRING', 'RESOLVED']);
  expect(alert.openShard).toBeDefined();
  expect(drained(alert).openShard).toBeUndefined();
});

test('a pending alert that clears leaves no event and no line in the audit', () => {
  const raised = o('MemoryHigh', 'raised');
  const alert = run(newAlert(gateway, raised), [raised, 0], [o('MemoryHigh', 'clear'), minutes]);
  expect(alert).toMatchObject({ state: 'OK', episode: 0, outbox: [], audit: [] });
  expect(alert.openShard).toBeUndefined();
});

test('the down-delay starts anew when the condition is raised in between', () => {
  const [raised, clear] = [o('MemoryHigh', 'raised'), o('MemoryHigh', 'clear')];
  const firing = run(newAlert(gateway, raised), [raised, 0], [raised, 10 * minutes]);
  const again = run(firing, [clear, 11 * minutes], [raised, 12 * minutes], [clear, 13.5 * minutes]);
  expect(again.state).toBe('FIRING');
  expect(run(again, [clear, 15 * minutes]).state).toBe('FIRING');
  expect(run(again, [clear, 15.5 * minutes]).state).toBe('RESOLVED');
});

test('a firing within 30 minutes of the resolve continues the episode, a later one begins another', () => {
  const resolved = run(fresh(), [lost, 0], [well, minutes]);
  expect(run(resolved, [lost, 30 * minutes])).toMatchObject({ episode: 1, seq: 3, state: 'FIRING' });
  expect(run(resolved, [lost, 31 * minutes])).toMatchObject({ episode: 2, seq: 3, state: 'FIRING' });
});

test('an alert that flaps is held firing until the hour has passed', () => {
  const flapping = run(
    fresh(),
    [lost, 0],
    [well, minutes],
    [lost, 120_000],
    [well, 180_000],
    [lost, 240_000],
  );
  expect(run(flapping, [well, 300_000]).state).toBe('FIRING');
  expect(run(flapping, [well, 300_000], [well, 61.5 * minutes]).state).toBe('RESOLVED');
});

test('without fresh facts an alert is frozen, and goes on from where it was', () => {
  const acked = acknowledged(run(fresh(), [lost, 0]), 'ann', t0 + 1)!;
  const unknown = frozen(acked, t0 + minutes, 'no fresh facts');
  expect(unknown).toMatchObject({ state: 'UNKNOWN', frozenState: 'ACKED' });
  expect(frozen(unknown, t0 + hours, 'no fresh facts')).toBe(unknown);
  expect(run(unknown, [lost, 2 * hours])).toMatchObject({ state: 'ACKED', version: unknown.version + 1 });
  expect(run(unknown, [lost, 2 * hours]).frozenState).toBeUndefined();
  expect(run(unknown, [well, 2 * hours])).toMatchObject({ state: 'RESOLVED', version: unknown.version + 1 });
});

test('frozen time counts neither for firing nor for resolving', () => {
  const [raised, clear] = [o('MemoryHigh', 'raised'), o('MemoryHigh', 'clear')];
  const pending = frozen(run(newAlert(gateway, raised), [raised, 0]), t0 + minutes, '');
  const thawed = run(pending, [raised, hours]);
  expect(thawed).toMatchObject({ state: 'PENDING', pendingSince: t0 + hours });
  const firing = run(thawed, [raised, hours + 10 * minutes], [clear, hours + 11 * minutes]);
  expect(run(frozen(firing, t0 + 1.5 * hours, ''), [clear, 3 * hours]).state).toBe('FIRING');
});

test('an acknowledgement is kept while frozen and refused when nothing fires', () => {
  const unknown = frozen(run(fresh(), [lost, 0]), t0 + 1, '');
  expect(acknowledged(unknown, 'ann', t0 + 2)).toMatchObject({ state: 'UNKNOWN', frozenState: 'ACKED' });
  expect(acknowledged(fresh(), 'ann', t0)).toBeUndefined();
});

test('a revoked gateway’s alert ends with a resolve', () => {
  const alert = withdrawn(run(fresh(), [lost, 0]), t0 + 1, 'the gateway was revoked');
  expect(alert).toMatchObject({ state: 'RESOLVED', seq: 2 });
  expect(alert.outbox.map(({ type }) => type)).toEqual(['firing', 'resolved']);
});

test('a component that is not reported any more freezes its alert and does not resolve it', () => {
  const open = run(fresh(), [lost, 0]);
  const [step] = planGateway(gateway, [open], [o('MemoryHigh', 'clear')], limits);
  expect(step!.apply(open, t0 + minutes)).toMatchObject({ state: 'UNKNOWN', frozenState: 'FIRING' });
});

test('a gateway that invents volumes without end gets no alerts without end, and loses none of its own', () => {
  let open: AlertItem[] = [];
  for (let beat = 0; beat < 40; beat++) {
    const invented = Array.from({ length: 16 }, (_, i) =>
      o('VolumeIrrecoverable', 'raised', `v-${beat}-${i}`),
    );
    const steps = planGateway(gateway, open, [...invented, o('MemoryHigh', 'raised')], limits);
    open = steps.map(({ known, apply }) => apply(known, t0 + beat)).filter((item) => item !== undefined);
  }
  expect(open.length).toBeLessThan(360);
  expect(open.some(({ conditionId }) => conditionId === 'MemoryHigh')).toBe(true);
});

test('a quiet gateway needs no step at all', () => {
  expect(planGateway(gateway, [], [well, o('MemoryHigh', 'clear')], limits)).toEqual([]);
});

test('audit and outbox are bounded, and an alert whose events nobody takes stops changing', () => {
  let alert = fresh();
  for (let i = 0; i < 200; i++) alert = run(alert, [i % 2 ? well : lost, i * hours]);
  expect(alert.outbox).toHaveLength(outboxEntriesMax);
  expect(alert.audit.length).toBeLessThanOrEqual(auditEntriesMax);
  for (let i = 200; i < 300; i++) alert = drained(run(alert, [i % 2 ? well : lost, i * hours]));
  expect(alert.audit).toHaveLength(auditEntriesMax);
});

test('an event carries the episode and seq of its entry, although the item is ahead', () => {
  const alert = run(fresh(), [lost, 0], [well, minutes], [lost, 2 * hours]);
  const events = alert.outbox.map((entry) => alertEvent(alert, entry));
  for (const event of events) expect(alertEventSchema.parse(event)).toEqual(event);
  expect(events.map(({ type, episode, seq }) => [type, episode, seq])).toEqual([
    ['firing', 1, 1],
    ['resolved', 1, 2],
    ['firing', 2, 3],
  ]);
  expect(events[0]!.suggested).toEqual({ kind: 'restore.start', params: { volumeId: 'vol-1' } });
  expect(events[1]!.suggested).toBeUndefined();
});

test('keys of different alerts differ also where their texts run together', () => {
  const base = { tenantId: 'a', gatewayId: 'b', conditionId: 'c', component: '' };
  expect(alertKeyOf({ ...base, gatewayId: 'bc', conditionId: '' })).not.toBe(
    alertKeyOf({ ...base, gatewayId: 'b', conditionId: 'c' }),
  );
  expect(parseEventId('nonsense#1#2')).toBeUndefined();
});

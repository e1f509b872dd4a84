import { alertKeyOf, parseEventId } from '../../../core/alerts/alert-key.ts';
import { alertEvent } from '../../../core/alerts/alert-events.ts';
import { planGateway } from '../../../core/alerts/alert-plan.ts';
import { acknowledged, unacknowledged } from '../../../core/alerts/acknowledge.ts';
import { auditEntriesMax, outboxEntriesMax } from '../../../core/alerts/alert-item.ts';
import {
  emitted,
  missingForMs,
  newAlert,
  observed,
  unknownForMs,
  unseen,
  withdrawn,
} from '../../../core/alerts/lifecycle.ts';
import { isLive } from '../../../core/alerts/inhibition.ts';
import type { AlertHold } from '../../../core/alerts/model.ts';
import { reminderEveryMs, remindersMax } from '../../../core/alerts/reminders.ts';
import { alertEventSchema } from '../../../core/alert-event.ts';
import { conditionById } from '../../../core/conditions/conditions.ts';
import { observe, type Observation } from '../../../core/conditions/evaluate.ts';
import type { AlertItem, Severity } from '../../../core/model.ts';
import { heartbeatVolumesMax, type VolumeStatus } from '../../../core/status.ts';
import {
  conditionLimits as limits,
  gatewayItem,
  hours,
  minutes,
  statusItem,
  t0,
  volume,
} from '../../support/fleet.ts';

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
const frozen = (item: AlertItem, at: number) => unseen(item, at, { isMissing: false });
const ack = (item: AlertItem, at: number, why?: string) => acknowledged(item, { by: 'ann', why, at });
const held = (item: AlertItem, seen: Observation, at: number, hold?: AlertHold) =>
  observed(item, seen, t0 + at, limits, hold);
const told = ({ outbox }: AlertItem) => outbox.map(({ type }) => type);
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

test('what never fired is forgotten after 30 days, what did after 400, and not while it is open', () => {
  const slow = { ...lost, forMs: 10 * minutes };
  const unfired = run(fresh(), [slow, 0], [well, minutes]);
  expect(unfired).toMatchObject({ state: 'OK', openShard: undefined });
  expect(unfired.expiresAtSec).toBe((t0 + minutes) / 1_000 + 30 * 24 * 3_600);
  expect(run(unfired, [slow, 2 * minutes])).toMatchObject({ state: 'PENDING', expiresAtSec: undefined });
  const over = drained(run(fresh(), [lost, 0], [well, minutes], [well, 2 * minutes]));
  expect(over).toMatchObject({ state: 'RESOLVED', openShard: undefined });
  const keptSec = over.expiresAtSec! - t0 / 1_000;
  expect(keptSec).toBeGreaterThanOrEqual(400 * 24 * 3_600);
  expect(keptSec).toBeLessThan(401 * 24 * 3_600);
  // DynamoDB may be late: what it has not deleted yet goes on, and is deleted no more.
  const again = run(over, [lost, 401 * 24 * hours]);
  expect(again).toMatchObject({ state: 'FIRING', episode: over.episode + 1, expiresAtSec: undefined });
});

test('an alert that was forgotten and begins anew gives no id a second time, and counts on', () => {
  let at = 0;
  let last: AlertItem | undefined;
  for (let life = 0; life < 4; life++) {
    // As much as an alert can tell in 400 days, and more.
    const born = run(fresh(), [lost, at]);
    const busy = { ...born, episode: born.episode + 19_200, seq: born.seq + 60_000 };
    if (last) {
      expect(born.episode).toBeGreaterThan(last.episode);
      expect(parseEventId(born.outbox[0]!.eventId)!.seq).toBeGreaterThan(last.seq);
    } else expect(born.outbox[0]?.eventId).toBe(`${born.alertKey}#1#1`);
    last = busy;
    at += 400 * 24 * hours;
  }
});

test('one that begins anew, and whose first firing is held, counts on as well', () => {
  const later = t0 + 401 * 24 * hours;
  const held = observed(fresh(), lost, later, limits, 'maintenance');
  expect(held).toMatchObject({ seq: 0, episode: 100_001 });
  const told = observed(held, lost, later + hours, limits);
  expect(told.outbox.map(({ eventId }) => eventId)).toEqual([`${told.alertKey}#100001#100001`]);
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
  const acked = ack(run(fresh(), [lost, 0]), t0 + 1)!;
  const unknown = frozen(acked, t0 + minutes);
  expect(unknown).toMatchObject({ state: 'UNKNOWN', frozenState: 'ACKED' });
  expect(frozen(unknown, t0 + hours)).toBe(unknown);
  expect(run(unknown, [lost, 2 * hours])).toMatchObject({ state: 'ACKED', version: unknown.version + 1 });
  expect(run(unknown, [lost, 2 * hours]).frozenState).toBeUndefined();
  expect(run(unknown, [well, 2 * hours])).toMatchObject({ state: 'RESOLVED', version: unknown.version + 1 });
});

test('frozen time counts neither for firing nor for resolving', () => {
  const [raised, clear] = [o('MemoryHigh', 'raised'), o('MemoryHigh', 'clear')];
  const pending = frozen(run(newAlert(gateway, raised), [raised, 0]), t0 + minutes);
  const thawed = run(pending, [raised, hours]);
  expect(thawed).toMatchObject({ state: 'PENDING', pendingSince: t0 + hours });
  const firing = run(thawed, [raised, hours + 10 * minutes], [clear, hours + 11 * minutes]);
  expect(run(frozen(firing, t0 + 1.5 * hours), [clear, 3 * hours]).state).toBe('FIRING');
});

test('an acknowledgement is kept while frozen and refused when nothing fires', () => {
  const unknown = frozen(run(fresh(), [lost, 0]), t0 + 1);
  expect(ack(unknown, t0 + 2)).toMatchObject({ state: 'UNKNOWN', frozenState: 'ACKED' });
  expect(ack(fresh(), t0)).toBeUndefined();
});

test('a revoked gateway’s alert ends with a resolve', () => {
  const alert = withdrawn(run(fresh(), [lost, 0]), t0 + 1, 'revoked');
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
  expect(open.filter(isLive).length).toBeLessThan(420);
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

describe('while somebody holds it', () => {
  const [window, silence] = ['maintenance', 'silence/si-1'] as const;

  test('it fires without an event, and what still fires at the end is told then', () => {
    const quiet = held(fresh(), lost, 0, window);
    expect(quiet).toMatchObject({ state: 'FIRING', heldBy: window, outbox: [], episode: 1 });
    expect(held(quiet, lost, minutes, window)).toBe(quiet);
    const over = held(quiet, lost, hours);
    expect(over).toMatchObject({ state: 'FIRING', firedAt: t0, toldAt: t0 + hours });
    expect(over.heldBy).toBeUndefined();
    expect(told(over)).toEqual(['firing']);
    expect(told(held(over, well, hours + minutes))).toEqual(['firing', 'resolved']);
  });

  test('what fires and ends within the hold is never told, not even its end', () => {
    const over = held(held(fresh(), lost, 0, window), well, minutes);
    expect(over).toMatchObject({ state: 'RESOLVED', outbox: [], seq: 0 });
    expect(over.openShard).toBeUndefined();
  });

  test('a firing that was told before has its resolve at once', () => {
    const firing = held(fresh(), lost, 0);
    expect(told(held(firing, well, minutes, silence))).toEqual(['firing', 'resolved']);
  });

  test('who holds it may change, and is said', () => {
    const quiet = held(fresh(), lost, 0, window);
    expect(held(quiet, lost, minutes, silence)).toMatchObject({ heldBy: silence, outbox: [] });
  });

  test('what is acknowledged is not told at the end, and is once that is taken back', () => {
    const acked = ack(held(fresh(), lost, 0, window), t0 + 1)!;
    expect(held(acked, lost, hours)).toBe(acked);
    const open = unacknowledged(acked, { by: 'bob', why: undefined, at: t0 + hours })!;
    expect(told(held(open, lost, hours + 1))).toEqual(['firing']);
    expect(told(held(acked, well, hours))).toEqual([]);
  });

  test('nothing is told of it while nobody knows, and it is told once it is known again', () => {
    const unknown = frozen(held(fresh(), lost, 0, window), t0 + minutes);
    expect(told(unknown)).toEqual([]);
    expect(told(held(unknown, lost, hours))).toEqual(['firing']);
    expect(told(withdrawn(unknown, t0 + hours, 'revoked'))).toEqual([]);
  });
});

describe('an acknowledgement', () => {
  const firing = run(fresh(), [lost, 0]);

  test('says who and why, and another reason is another line', () => {
    const acked = ack(firing, t0 + 1, 'disk is on its way')!;
    expect(acked).toMatchObject({ state: 'ACKED', ackedBy: 'ann', ackedWhy: 'disk is on its way' });
    expect(acked.audit.at(-1)).toEqual({ at: t0 + 1, state: 'ACKED', note: 'by ann: disk is on its way' });
    expect(ack(acked, t0 + 2, 'disk is on its way')).toBe(acked);
    expect(ack(acked, t0 + 2)).toBe(acked);
    expect(ack(acked, t0 + 2, 'disk is here')!.audit.at(-1)!.note).toBe('by ann: disk is here');
  });

  test('can be taken back, also while nobody knows', () => {
    const back = { by: 'bob', why: 'not ours', at: t0 + 2 };
    for (const acked of [ack(firing, t0 + 1)!, frozen(ack(firing, t0 + 1)!, t0 + 1)]) {
      const open = unacknowledged(acked, back)!;
      expect(open.ackedBy).toBeUndefined();
      expect([open.state, open.frozenState]).toContain('FIRING');
      expect(open.audit.at(-1)!.note).toBe('acknowledgement taken back by bob: not ours');
    }
    expect(unacknowledged(firing, back)).toBe(firing);
    expect(unacknowledged(fresh(), back)).toBeUndefined();
  });

  test('lasts as long as the episode', () => {
    const resolved = run(ack(firing, t0 + 1, 'mine')!, [well, minutes]);
    expect(run(resolved, [lost, 2 * minutes])).toMatchObject({ state: 'ACKED', episode: 1, ackedBy: 'ann' });
    const next = run(resolved, [lost, 2 * hours]);
    expect(next).toMatchObject({ state: 'FIRING', episode: 2 });
    expect([next.ackedAt, next.ackedBy, next.ackedWhy]).toEqual([undefined, undefined, undefined]);
  });
});

describe('reminders', () => {
  const everyMs = reminderEveryMs.critical!;
  const as = (severity: Severity) => ({ ...lost, condition: { ...lost.condition, severity } });

  it('make an alert more severe, and never less: who hears of critical ones hears of its end', () => {
    const milder = run(
      fresh(),
      [lost, 0],
      [as('warning'), everyMs],
      [well, 2 * everyMs],
      [well, 3 * everyMs],
    );
    expect(told(milder)).toEqual(['firing', 'reminder', 'resolved']);
    expect(milder.severity).toBe('critical');
    const worse = run(fresh(), [as('warning'), 0], [lost, reminderEveryMs.warning!]);
    expect([worse.severity, worse.reminders]).toEqual(['critical', 1]);
  });
  const firing = drained(run(fresh(), [lost, 0]));
  const reminded = (item: AlertItem, at: number, hold?: AlertHold) => told(held(item, lost, at, hold));

  test('repeat what nobody answers, are escalated after two, and come to an end', () => {
    let alert = firing;
    const events = [];
    for (let at = 0; at < 20 * everyMs; at += everyMs / 2) {
      alert = held(alert, lost, at);
      events.push(...alert.outbox.map((entry) => alertEvent(alert, entry)));
      alert = drained(alert);
    }
    expect(events.map(({ type, reminder, isEscalated }) => [type, reminder, isEscalated])).toEqual(
      Array.from({ length: remindersMax }, (_, i) => ['reminder', i + 1, i >= 2]),
    );
    for (const event of events) expect(alertEventSchema.parse(event)).toEqual(event);
    expect(told(held(alert, well, 30 * everyMs))).toEqual(['resolved']);
  });

  test('are none for what is acknowledged, UNKNOWN, held, or too slight', () => {
    expect(reminded(firing, everyMs - 1)).toEqual([]);
    expect(reminded(firing, everyMs)).toEqual(['reminder']);
    expect(reminded(firing, everyMs, 'maintenance')).toEqual([]);
    expect(reminded(ack(firing, t0 + 1)!, everyMs)).toEqual([]);
    expect(told(frozen(firing, t0 + everyMs))).toEqual([]);
    expect(told(run(ack(firing, t0 + 1)!, [restoring, everyMs]))).toEqual([]);
    const old = o('AgentOutdated', 'raised');
    const outdated = drained(run(newAlert(gateway, old), [old, 0], [old, 24 * hours]));
    expect(outdated.state).toBe('FIRING');
    expect(told(run(outdated, [old, 1000 * hours]))).toEqual([]);
  });

  test('count from when somebody was told, or took an acknowledgement back', () => {
    const late = drained(held(held(fresh(), lost, 0, 'maintenance'), lost, hours));
    expect(reminded(late, everyMs)).toEqual([]);
    expect(reminded(late, hours + everyMs)).toEqual(['reminder']);
    const open = unacknowledged(ack(firing, t0 + 1)!, { by: 'ann', why: undefined, at: t0 + hours })!;
    expect(reminded(open, everyMs)).toEqual([]);
    expect(reminded(open, hours + everyMs)).toEqual(['reminder']);
  });
});

describe('what can no longer be known', () => {
  const status = (volumes: string[]) =>
    statusItem({}, { volumes: volumes.map((volumeId) => volume({ volumeId })) });
  const open = drained(run(fresh(), [lost, 0]));
  const look = (item: AlertItem, at: number, volumes?: string[]) => {
    const [step] = planGateway(gateway, [item], [], limits, { fresh: volumes && status(volumes) });
    return step!.apply(item, t0 + at)!;
  };

  test('ends when the gateway has reported its volumes for a day without this one', () => {
    const gone = look(open, minutes, ['vol-2']);
    expect(gone).toMatchObject({ state: 'UNKNOWN', missingSince: t0 + minutes });
    expect(look(gone, missingForMs, ['vol-2'])).toBe(gone);
    const over = look(gone, minutes + missingForMs, ['vol-2']);
    expect(over.state).toBe('RESOLVED');
    expect(alertEvent(over, over.outbox[0]!)).toMatchObject({ type: 'resolved', reason: 'removed' });
  });

  test('needs a day of reports that came', () => {
    const silent = look(look(open, minutes, ['vol-2']), hours);
    expect(silent.missingSince).toBeUndefined();
    expect(look(silent, missingForMs + minutes, ['vol-2']).state).toBe('UNKNOWN');
    expect(look(look(silent, 2 * hours, ['vol-2']), 2 * hours + missingForMs, []).state).toBe('RESOLVED');
  });

  test('does not end by a list that may have been cut', () => {
    const full = Array.from({ length: heartbeatVolumesMax }, (_, i) => `v-${i}`);
    const unknown = look(open, minutes, full);
    expect(look(unknown, 3 * missingForMs, full)).toBe(unknown);
  });

  test('ends after two weeks, and says that this is no good news', () => {
    const unknown = look(open, minutes);
    expect(look(unknown, unknownForMs)).toBe(unknown);
    const over = look(unknown, unknownForMs + minutes);
    expect(over).toMatchObject({ state: 'RESOLVED', outbox: [{ type: 'resolved', reason: 'unknown' }] });
    expect(run(over, [lost, unknownForMs + hours])).toMatchObject({ state: 'FIRING', episode: 2 });
  });
});

test('a failure that may pass has two minutes for it, one that cannot fires at once', () => {
  const seen = (failure: NonNullable<VolumeStatus['failure']>) =>
    observe({
      gateway,
      status: statusItem({}, { volumes: [volume({ state: 'failed', failure })] }),
      now: t0,
      limits,
    }).find(({ condition }) => condition.id === 'VolumeIrrecoverable')!;
  for (const failure of ['missing', 'io-error', 'wrong-target'] as const) {
    const pending = run(fresh(), [seen(failure), 0]);
    expect(pending.state).toBe('PENDING');
    expect(run(pending, [well, minutes]).state).toBe('OK');
    expect(run(pending, [seen(failure), 2 * minutes]).state).toBe('FIRING');
    expect(run(pending, [seen('truncated'), minutes]).state).toBe('FIRING');
  }
  for (const failure of ['truncated', 'overwritten'] as const)
    expect(run(fresh(), [seen(failure), 0]).state).toBe('FIRING');
});

test('no restore is suggested for a volume that has no snapshot', () => {
  const of = (lastSnapshotAt: number | undefined) => {
    const status = statusItem({}, { volumes: [volume({ state: 'canceled', lastSnapshotAt })] });
    const seen = observe({ gateway, status, now: t0, limits });
    return run(fresh(), [seen.find(({ condition }) => condition.id === 'VolumeIrrecoverable')!, 0]);
  };
  expect(of(t0 - hours).suggested).toMatchObject({ kind: 'restore.start' });
  expect(of(undefined)).toMatchObject({ state: 'FIRING' });
  expect(of(undefined).suggested).toBeUndefined();
});

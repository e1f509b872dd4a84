import { caseSchema, decide, idempotencyKeyOf, type Case, type Try } from '../../admin/decide.ts';
import { minutes, t0 } from '../support/fleet.ts';
import { alertKey, alertView, playOf } from './admin-world.ts';

const play = playOf();

const attempt = (over: Partial<Try> = {}): Try => ({
  number: 1,
  idempotencyKey: idempotencyKeyOf(alertKey, 1, 1),
  kind: 'restore.start',
  params: {},
  decidedAt: t0,
  commandId: 'c1',
  outcome: 'SUCCEEDED',
  endedAt: t0 + minutes,
  ...over,
});
const caseOf = (...tries: Try[]): Case => ({
  alertKey,
  episode: 1,
  gatewayId: 'gw-1',
  conditionId: 'VolumeIrrecoverable',
  component: 'vol-1',
  phase: 'open',
  updatedAt: t0,
  tries,
});
const firing = alertView();
const now = t0 + 2 * minutes;
/** `alert` null: there is none. */
const next = (one: Case, alert: ReturnType<typeof alertView> | null = firing, at = now, lastTryAt?: number) =>
  decide(one, alert ?? undefined, play, at, lastTryAt);

test('a new firing alert is acted on', () => {
  expect(next(caseOf())).toEqual({ do: 'act', number: 1 });
});
test('a try without an outcome is followed first, whatever became of the alert', () => {
  const open = attempt({ outcome: undefined, endedAt: undefined });
  for (const alert of [firing, null, alertView({ state: 'RESOLVED' })])
    expect(next(caseOf(open), alert)).toEqual({ do: 'follow', attempt: open });
});
test.each([
  ['resolved', alertView({ state: 'RESOLVED' })],
  ['not there any more', null],
  ['in a later episode', alertView({ episode: 2 })],
])('an alert that is %s needs nothing, or confirms what was done', (_, alert) => {
  expect(next(caseOf(), alert)).toMatchObject({ do: 'close', phase: 'moot' });
  expect(next(caseOf(attempt()), alert)).toMatchObject({ do: 'close', phase: 'confirmed' });
});
test('a success waits for its confirmation, then counts as failed', () => {
  expect(next(caseOf(attempt()))).toMatchObject({
    do: 'wait',
    until: t0 + 61 * minutes,
  });
  expect(next(caseOf(attempt()), firing, t0 + 61 * minutes)).toEqual({ do: 'act', number: 2 });
});
test('a failed try waits for the cooldown before the second, and a second is the last', () => {
  const failed = attempt({ outcome: 'FAILED' });
  expect(next(caseOf(failed))).toMatchObject({ do: 'wait', until: t0 + 11 * minutes });
  expect(next(caseOf(failed), firing, t0 + 11 * minutes)).toEqual({ do: 'act', number: 2 });
  expect(next(caseOf(failed, attempt({ number: 2, outcome: 'FAILED' })))).toMatchObject({
    phase: 'escalated',
  });
});
test('the cooldown reaches over episodes', () => {
  expect(next(caseOf(), firing, now, now - minutes)).toMatchObject({
    do: 'wait',
    until: now + 9 * minutes,
  });
});
test('an alert that is over after a command that failed was not healed by it', () => {
  const resolved = alertView({ state: 'RESOLVED' });
  expect(next(caseOf(attempt({ outcome: 'FAILED' })), resolved)).toMatchObject({
    do: 'close',
    phase: 'moot',
    reason: expect.stringContaining('FAILED'),
  });
});
test('what only collects evidence is for a person as soon as it succeeded, and is tried again if it failed', () => {
  const evidence = playOf({ purpose: 'evidence', command: { kind: 'diagnostics.collect' } });
  const reasonOf = (of: Partial<Try>) => decide(caseOf(attempt(of)), firing, evidence, now);
  const shownBy = (line: string) => ({
    phase: 'escalated',
    reason: expect.stringMatching(new RegExp(`has to look at what it brought${line}$`)),
  });
  const { gatewayId } = firing;
  const [collected, checked] = [{ kind: 'diagnostics.collect' }, { kind: 'volume.create' }] as const;
  expect(reasonOf({ ...collected, commandId: 'c7' })).toMatchObject(
    shownBy(`: \`npx holdfast gateways diagnose ${gatewayId} --command c7\``),
  );
  expect(reasonOf({ ...checked, commandId: 'c7' })).toMatchObject(
    shownBy(`: \`npx holdfast commands show ${gatewayId} c7\``),
  );
  const failed = caseOf(attempt({ outcome: 'FAILED' }));
  expect(decide(failed, firing, evidence, t0 + 11 * minutes)).toEqual({ do: 'act', number: 2 });
});
test('who gives up says what became of each try', () => {
  const failed = attempt({ outcome: 'FAILED', error: 'IO: no space' });
  const { reason } = next(caseOf(failed, attempt({ number: 2 })), firing, now + 61 * minutes) as {
    reason: string;
  };
  expect(reason).toBe(
    'restore.start did not solve it: FAILED (IO: no space), then succeeded and changed nothing in time',
  );
});
test('an outcome that nobody knows is never repeated', () => {
  expect(next(caseOf(attempt({ outcome: 'INDETERMINATE' })), firing, now + 60 * minutes)).toMatchObject({
    do: 'close',
    phase: 'escalated',
  });
});
test('nothing is done about what reads well again: it would undo that', () => {
  const clear = alertView({ clearSince: now - minutes });
  const waits = { do: 'wait', until: now, reason: 'it reads well again' };
  expect(next(caseOf(), clear)).toEqual(waits);
  const failed = attempt({ outcome: 'FAILED' });
  expect(next(caseOf(failed, { ...failed, number: 2 }), clear)).toEqual(waits);
});
test('nothing is done while the alert is frozen, or once a person has it', () => {
  expect(next(caseOf(), alertView({ state: 'UNKNOWN' }))).toMatchObject({
    do: 'wait',
    reason: 'the alert is UNKNOWN',
  });
  expect(next(caseOf(), alertView({ state: 'ACKED' }))).toMatchObject({ do: 'close', phase: 'moot' });
});
test('without a play nothing is done', () => {
  expect(decide(caseOf(), firing, undefined, now)).toMatchObject({ do: 'close', phase: 'moot' });
});
test('the key of a try is a hash of alert, episode and number', () => {
  const keys = [1, 2].flatMap((episode) => [1, 2].map((n) => idempotencyKeyOf(alertKey, episode, n)));
  expect(new Set(keys).size).toBe(4);
  expect(caseSchema.parse(caseOf(attempt()))).toEqual(caseOf(attempt()));
});

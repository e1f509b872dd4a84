import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { caseSchema, decide, idempotencyKeyOf, type Case, type Try } from '../../admin/decide.ts';
import { commandFor, playbookSchema, playFor, readPlaybook } from '../../admin/playbook.ts';
import { conditions } from '../../core/conditions/conditions.ts';
import { minutes, t0 } from '../support/fleet.ts';
import { alertKey, alertView } from './admin-world.ts';

const restore = { kind: 'restore.start', params: { volumeId: '$component' } };
const one = (over: object = {}) => ({
  version: 1,
  plays: [{ condition: 'VolumeIrrecoverable', command: restore, ...over }],
});
const play = playbookSchema.parse(one()).plays[0]!;

describe('a playbook', () => {
  test('the one that comes with Holdfast is sound and suggests what the conditions do', async () => {
    const playbook = await readPlaybook('admin/playbooks/default.json');
    for (const { condition, command } of playbook.plays)
      expect(conditions.find(({ id }) => id === condition)?.suggested?.kind).toBe(command.kind);
  });

  test.each([
    ['an unknown condition', one({ condition: 'DiskOnFire' }), 'no condition "DiskOnFire"'],
    ['an unknown command', one({ command: { kind: 'rm', params: {} } }), 'kind'],
    [
      'a parameter that the command has not',
      one({ command: { ...restore, params: { force: true } } }),
      'force',
    ],
    ['a missing parameter', one({ command: { ...restore, params: {} } }), 'volumeId'],
    ['another placeholder', one({ command: { ...restore, params: { volumeId: '$summary' } } }), '$component'],
    ['more than two tries', one({ maxTries: 3 }), 'maxTries'],
    ['a word that it does not know', one({ cooldown: 5 }), 'cooldown'],
  ])('with %s is refused by name', async (_, playbook, named) => {
    const dir = await mkdtemp(join(tmpdir(), 'holdfast-playbook-'));
    const file = join(dir, 'p.json');
    await writeFile(file, JSON.stringify(playbook));
    const failure = await readPlaybook(file).catch((thrown: unknown) => thrown);
    await rm(dir, { recursive: true });
    expect(failure).toMatchObject({ code: 'CONFIG', message: expect.stringContaining(named) });
    expect((failure as Error).message).toContain(file);
  });

  test('its first play whose conditions all hold is taken', () => {
    const playbook = playbookSchema.parse({
      version: 1,
      plays: [
        { ...one().plays[0], when: { gatewayIds: ['gw-9'] } },
        { ...one().plays[0], when: { severities: ['critical'], components: ['vol-1'] }, maxTries: 1 },
        one().plays[0],
      ],
    });
    expect(playFor(playbook, alertView())?.maxTries).toBe(1);
    expect(playFor(playbook, alertView({ component: 'vol-2' }))).toBe(playbook.plays[2]);
    expect(playFor(playbook, alertView({ conditionId: 'FsFull' }))).toBeUndefined();
  });

  test('takes a whole field of the alert as a parameter, and nothing that is no such parameter', () => {
    expect(commandFor(play, alertView())).toEqual({ kind: 'restore.start', params: { volumeId: 'vol-1' } });
    const suggested = playbookSchema.parse(
      one({ command: { kind: 'restore.start', params: { volumeId: '$suggested.volumeId' } } }),
    ).plays[0]!;
    expect(commandFor(suggested, alertView()).params).toEqual({ volumeId: 'vol-1' });
    for (const [plan, alert] of [
      [play, alertView({ component: 'x"; rm -rf /' })],
      [play, alertView({ component: '' })],
      [suggested, alertView({ suggested: undefined })],
    ] as const)
      expect(() => commandFor(plan, alert)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }));
  });
});

describe('what to do next', () => {
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
  const next = (
    one: Case,
    alert = firing as ReturnType<typeof alertView> | undefined,
    at = now,
    lastTryAt?: number,
  ) => decide(one, alert, play, at, lastTryAt);

  test('a new firing alert is acted on', () => {
    expect(next(caseOf())).toEqual({ do: 'act', number: 1 });
  });
  test('a try without an outcome is followed first, whatever became of the alert', () => {
    const open = attempt({ outcome: undefined, endedAt: undefined });
    for (const alert of [firing, undefined, alertView({ state: 'RESOLVED' })])
      expect(next(caseOf(open), alert)).toEqual({ do: 'follow', attempt: open });
  });
  test.each([
    ['resolved', alertView({ state: 'RESOLVED' })],
    ['in a later episode', alertView({ episode: 2 })],
  ])('an alert that is %s needs nothing, or confirms what was done', (_, alert) => {
    expect(next(caseOf(), alert)).toMatchObject({ do: 'close', phase: 'moot' });
    expect(next(caseOf(attempt()), alert)).toMatchObject({ do: 'close', phase: 'confirmed' });
  });
  test('a success waits for its confirmation, then counts as failed', () => {
    expect(next(caseOf(attempt()))).toMatchObject({
      do: 'wait',
      forConfirmation: true,
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
  test('an outcome that nobody knows is never repeated', () => {
    expect(next(caseOf(attempt({ outcome: 'INDETERMINATE' })), firing, now + 60 * minutes)).toMatchObject({
      do: 'close',
      phase: 'escalated',
    });
  });
  test('nothing is done while the alert is frozen, or once a person has it', () => {
    expect(next(caseOf(), alertView({ state: 'UNKNOWN' }))).toMatchObject({
      do: 'wait',
      forConfirmation: false,
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
});

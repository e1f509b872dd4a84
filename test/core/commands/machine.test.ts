import {
  ackNeedsGrant,
  audited,
  claimMs,
  maxAuditEntries,
  transition,
  type CommandEffect,
  type CommandEvent,
} from '../../../core/commands/machine.ts';
import { isFinal, shownState, timeoutGraceMs } from '../../../core/commands/states.ts';
import { newCommand } from '../../../core/commands/submission.ts';
import type { CommandItem, CommandState } from '../../../core/model.ts';

const start = 1_000_000;
const once = 'restore.start';
const repeatable = 'volume.check';

function command(kind: string, changed: Partial<CommandItem> = {}): CommandItem {
  const item = newCommand(
    { kind, params: { volumeId: 'v1' }, whenOffline: 'queue' },
    {
      gatewayId: 'gw-1',
      tenantId: 'acme',
      idempotencyKey: 'key',
      openSeq: 1,
      submittedBy: { kind: 'operator', id: 'op' },
      at: start,
    },
  );
  return { ...item, ...changed };
}
/** A command in that state, as the machine leaves it. */
function inState(state: CommandState, kind = repeatable): CommandItem {
  const sent = after(command(kind), { type: 'claim', at: start, epoch: 5 });
  const acked = () => after(sent, { type: 'ack', at: start, attempt: 1, journalId: 'j1' });
  if (state === 'QUEUED') return command(kind);
  if (state === 'SENT') return sent;
  if (state === 'ACKED') return acked();
  if (state === 'RUNNING') return after(acked(), { type: 'progress', at: start, attempt: 1, fraction: 0 });
  return after(sent, result(state as 'SUCCEEDED'));
}
const result = (status: 'SUCCEEDED' | 'FAILED' | 'CANCELED', at = start): CommandEvent => ({
  type: 'result',
  at,
  attempt: 1,
  outcome: { status },
  startedAt: at,
  endedAt: at,
});
function after(item: CommandItem, event: CommandEvent): CommandItem {
  const { next } = transition(item, event);
  if (!next) throw new Error(`${item.state} does not move on ${event.type}`);
  return next;
}
const posts = (effects: CommandEffect[]) =>
  effects.flatMap((effect) => (effect.do === 'post' ? [effect.draft.t] : []));
const does = (effects: CommandEffect[]) => effects.map((effect) => effect.do);

describe('a command', () => {
  it('goes QUEUED → SENT → ACKED → RUNNING → SUCCEEDED and writes each step down', () => {
    const item = after(inState('RUNNING'), result('SUCCEEDED', start + 9));
    expect(item.audit.map(({ state }) => state)).toEqual(['QUEUED', 'SENT', 'ACKED', 'RUNNING', 'SUCCEEDED']);
    expect(item).toMatchObject({ outcome: { status: 'SUCCEEDED' }, endedAt: start + 9 });
  });

  it('is open until it is final, and the sweeper’s until its audit entry is written', () => {
    for (const state of ['QUEUED', 'SENT', 'ACKED', 'RUNNING'] as const)
      expect(inState(state)).toMatchObject({
        openSeq: 1,
        openShard: expect.any(String),
        dueAt: expect.any(Number),
      });
    const final = inState('SUCCEEDED');
    expect(final).not.toHaveProperty('openSeq');
    expect(final).toMatchObject({ openShard: expect.any(String), dueAt: expect.any(Number) });
    for (const name of ['openShard', 'dueAt']) expect(audited(final)).not.toHaveProperty(name);
  });

  it('raises its version with each write', () => {
    expect(inState('ACKED').version).toBe(3);
  });

  it('keeps the first and the newest of its audit entries', () => {
    let item = command(repeatable, { expiresAt: Number.MAX_SAFE_INTEGER });
    for (let epoch = 1; epoch <= 60; epoch++) item = after(item, { type: 'claim', at: start, epoch });
    expect(item.audit).toHaveLength(maxAuditEntries);
    expect(item.audit[0]).toMatchObject({ state: 'QUEUED' });
    expect(item.audit.at(-1)).toMatchObject({ note: 'attempt 60' });
  });
});

describe('a claim', () => {
  const claim = (item: CommandItem, epoch: number, at = start) =>
    transition(item, { type: 'claim', at, epoch });

  it('posts the command with its parameters', () => {
    const { next, effects } = claim(command(once), 5);
    expect(next).toMatchObject({ state: 'SENT', attempt: 1, sentEpoch: 5, claimUntil: start + claimMs });
    expect(effects).toMatchObject([
      { draft: { t: 'cmd', body: { kind: once, params: { volumeId: 'v1' }, attempt: 1, needsGo: true } } },
    ]);
  });

  it('takes a SENT command for a newer connection, or again after claimUntil, but never for an older one', () => {
    const sent = inState('SENT');
    expect(claim(sent, 6).next).toMatchObject({ attempt: 2, sentEpoch: 6 });
    expect(claim(sent, 5).next).toBeUndefined();
    expect(claim(sent, 5, start + claimMs).next).toMatchObject({ attempt: 2 });
    expect(claim(sent, 4, start + claimMs).next).toBeUndefined();
    const queuedAgain = after(sent, { type: 'unsent', at: start, attempt: 1 });
    expect(claim(queuedAgain, 4).next).toBeUndefined();
    expect(claim(queuedAgain, 5).next).toMatchObject({ attempt: 2, sentEpoch: 5 });
  });

  it.each(['ACKED', 'RUNNING', 'SUCCEEDED'] as const)('leaves a command alone that is %s', (state) => {
    expect(claim(inState(state), 99, start + claimMs).next).toBeUndefined();
  });

  it('leaves expired commands and those to be canceled alone', () => {
    expect(claim(command(repeatable, { expiresAt: start }), 5).next).toBeUndefined();
    expect(claim(command(repeatable, { cancelRequested: true }), 5).next).toBeUndefined();
  });

  it('that reached nobody puts its own attempt back, and no other', () => {
    const sent = inState('SENT');
    expect(after(sent, { type: 'unsent', at: start, attempt: 1 }).state).toBe('QUEUED');
    expect(transition(sent, { type: 'unsent', at: start, attempt: 2 }).next).toBeUndefined();
    expect(transition(inState('ACKED'), { type: 'unsent', at: start, attempt: 1 }).next).toBeUndefined();
  });
});

describe('an ack', () => {
  const ack = (item: CommandItem, journalId = 'j1', attempt = 1) =>
    transition(item, { type: 'ack', at: start, attempt, journalId });

  it('lets a kind that may run twice go on, and its lane with it', () => {
    const { next, effects } = ack(inState('SENT'));
    expect(next).toMatchObject({ state: 'ACKED', ackedJournalId: 'j1' });
    expect(does(effects)).toEqual(['advance-lane']);
  });

  it('is answered with cmd.go for a kind that must not run twice, also when repeated', () => {
    expect(posts(ack(inState('SENT', once)).effects)).toEqual(['cmd.go']);
    const repeated = ack(inState('ACKED', once));
    expect(repeated.next).toBeUndefined();
    expect(posts(repeated.effects)).toEqual(['cmd.go']);
  });

  it('from another journal than the one that has it changes nothing', () => {
    expect(ack(inState('ACKED', once), 'j2')).toEqual({ effects: [] });
    expect(ackNeedsGrant(inState('ACKED', once), { attempt: 1, journalId: 'j2' })).toBe(false);
  });

  it('needs a grant exactly for kinds that must not run twice', () => {
    expect(ackNeedsGrant(inState('SENT', once), { attempt: 1, journalId: 'j1' })).toBe(true);
    expect(ackNeedsGrant(inState('SENT'), { attempt: 1, journalId: 'j1' })).toBe(false);
  });

  it('of an attempt that was never made changes nothing', () => {
    expect(ack(inState('SENT'), 'j1', 2)).toEqual({ effects: [] });
  });

  it('of a final command is answered with cmd.cancel', () => {
    expect(posts(ack(inState('CANCELED')).effects)).toEqual(['cmd.cancel']);
  });
});

describe('a result', () => {
  it.each(['QUEUED', 'SENT', 'ACKED', 'RUNNING'] as const)('is taken from %s', (state) => {
    const item = state === 'QUEUED' ? command(repeatable, { attempt: 1 }) : inState(state);
    const { next, effects } = transition(item, result('FAILED'));
    expect(next?.state).toBe('FAILED');
    expect(does(effects)).toEqual(['post', 'release-grant', 'audit', 'advance-lane']);
  });

  it('is final once; a second one is only acknowledged', () => {
    const { next, effects } = transition(inState('SUCCEEDED'), result('FAILED'));
    expect(next).toBeUndefined();
    expect(posts(effects)).toEqual(['result.ack']);
  });
});

describe('a cancel', () => {
  const cancel = (item: CommandItem) => transition(item, { type: 'cancel', at: start, by: 'op' });

  it.each([
    ['QUEUED', repeatable, 'CANCELED'],
    ['SENT', once, 'CANCELED'],
    ['SENT', repeatable, 'SENT'],
    ['ACKED', once, 'ACKED'],
    ['RUNNING', repeatable, 'RUNNING'],
  ] as const)('of %s %s leaves it %s', (state, kind, expected) => {
    const { next, effects } = cancel(inState(state, kind));
    expect(next?.state).toBe(expected);
    expect(next?.cancelRequested).toBe(true);
    expect(posts(effects)).toEqual(state === 'QUEUED' ? [] : ['cmd.cancel']);
  });

  it('of a final command changes nothing', () => {
    expect(cancel(inState('SUCCEEDED'))).toEqual({ effects: [] });
  });

  it('ends a posted command that nobody acked', () => {
    const asked = cancel(inState('SENT')).next!;
    expect(transition(asked, { type: 'tick', at: start + 1, online: true }).next).toBeUndefined();
    expect(after(asked, { type: 'tick', at: start + claimMs, online: true }).state).toBe('CANCELED');
  });
});

describe('a reconnected gateway', () => {
  const reconcile = (item: CommandItem, journalId: string, staleGrant = false) =>
    transition(item, { type: 'reconcile', at: start, journalId, staleGrant });

  it('with its journal gets cmd.go again, which may have been lost', () => {
    expect(posts(reconcile(inState('ACKED', once), 'j1').effects)).toEqual(['cmd.go']);
    expect(reconcile(inState('RUNNING', once), 'j1').effects).toEqual([]);
  });

  it.each(['ACKED', 'RUNNING'] as const)(
    'with another journal makes what must not run twice INDETERMINATE from %s',
    (state) => {
      expect(reconcile(inState(state, once), 'j2').next?.state).toBe('INDETERMINATE');
    },
  );

  it('with another journal gets again what may run twice', () => {
    const item = reconcile(inState('RUNNING'), 'j2').next;
    expect(item?.state).toBe('QUEUED');
    expect(item).not.toHaveProperty('ackedJournalId');
  });

  it('moves a posted command on whose grant is another journal’s, so that its late ack fails', () => {
    const sent = inState('SENT', once);
    expect(reconcile(sent, 'j2', true).next).toMatchObject({ state: 'QUEUED', version: sent.version + 1 });
    expect(reconcile(command(once), 'j2', true).next).toMatchObject({ state: 'QUEUED', version: 2 });
  });
});

describe('a revocation', () => {
  const revoked = (item: CommandItem) => transition(item, { type: 'revoked', at: start + 1 });

  it.each([
    ['QUEUED', repeatable, 'CANCELED'],
    ['QUEUED', once, 'CANCELED'],
    ['SENT', repeatable, 'INDETERMINATE'],
    ['SENT', once, 'CANCELED'],
    ['ACKED', repeatable, 'INDETERMINATE'],
    ['ACKED', once, 'INDETERMINATE'],
    ['RUNNING', once, 'INDETERMINATE'],
  ] as const)('makes of a %s %s: %s', (state, kind, end) => {
    const { next } = revoked(inState(state, kind));
    expect(next).toMatchObject({
      state: end,
      endedAt: start + 1,
      outcome: { status: end, error: { code: 'GONE' } },
    });
    expect(next).not.toHaveProperty('openSeq');
  });

  it('leaves what is final as it is', () => {
    expect(revoked(inState('SUCCEEDED'))).toEqual({ effects: [] });
  });
});

describe('time', () => {
  const tick = (item: CommandItem, at: number, online = true) =>
    transition(item, { type: 'tick', at, online }).next;

  it.each(['QUEUED', 'SENT'] as const)('expires a command that is %s', (state) => {
    const item = inState(state);
    expect(tick(item, item.expiresAt)?.state).toBe('EXPIRED');
  });

  it('has one end left for what no agent was asked for in time, and it is shown', () => {
    const item = command(once);
    const at = item.expiresAt + 5_000;
    expect(shownState(item, at - 1)).toEqual({ state: 'QUEUED' });
    expect(shownState(item, at)).toEqual({ state: 'EXPIRED', endedAt: item.expiresAt });
    const events: CommandEvent[] = [
      { type: 'claim', at, epoch: 9 },
      { type: 'unsent', at, attempt: 1 },
      { type: 'ack', at, attempt: 1, journalId: 'j1' },
      { type: 'progress', at, attempt: 1, fraction: 0.5 },
      result('SUCCEEDED', at),
      { type: 'cancel', at, by: 'op' },
      { type: 'reconcile', at, journalId: 'j1', staleGrant: false },
      { type: 'tick', at, online: true },
      { type: 'revoked', at },
    ];
    for (const event of events) {
      const { next = { state: 'EXPIRED', endedAt: item.expiresAt } } = transition(item, event);
      expect([event.type, next]).toMatchObject([event.type, { state: 'EXPIRED', endedAt: item.expiresAt }]);
    }
  });

  it.each(['SENT', 'ACKED', 'RUNNING'] as const)(
    'is shown of a command that is %s only when it was written: the agent may have it',
    (state) => expect(shownState(inState(state), Number.MAX_SAFE_INTEGER)).toEqual({ state }),
  );

  it('is shown of a command that is back in the queue only when it was written: an ack may come', () => {
    const back = after(inState('SENT'), { type: 'unsent', at: start, attempt: 1 });
    expect(shownState(back, Number.MAX_SAFE_INTEGER)).toEqual({ state: 'QUEUED' });
    const ack = { type: 'ack', at: back.expiresAt, attempt: 1, journalId: 'j1' } as const;
    expect(after(back, ack).state).toBe('ACKED');
  });

  it('does not expire what the agent has', () => {
    const item = { ...inState('ACKED'), timeoutMs: 30 * 86_400_000 };
    expect(tick(item, item.expiresAt)?.state).toBe('ACKED');
  });

  it.each(['ACKED', 'RUNNING'] as const)(
    'times a command out that is %s, with grace for its result',
    (state) => {
      const item = inState(state);
      const end = start + item.timeoutMs + timeoutGraceMs;
      expect(tick(item, end - 1)?.state).not.toBe('TIMED_OUT');
      expect(tick(item, end)?.state).toBe('TIMED_OUT');
    },
  );

  it('waits for the results of a gateway that is away until the command expires', () => {
    const item = inState('RUNNING');
    expect(tick(item, item.expiresAt - 1, false)?.state).toBe('RUNNING');
    expect(tick(item, item.expiresAt, false)?.state).toBe('TIMED_OUT');
  });

  it('rejects a command that was not to wait for a gateway that is away', () => {
    const item = command(repeatable, { whenOffline: 'refuse' });
    expect(tick(item, start + 1, true)).toBeUndefined();
    expect(tick(item, start + 1, false)).toMatchObject({
      state: 'REJECTED',
      outcome: { error: { code: 'OFFLINE' } },
    });
  });

  it.each(['QUEUED', 'SENT', 'ACKED', 'RUNNING'] as const)(
    'always leaves a later due time to a command that is %s',
    (state) => {
      let item = inState(state, once);
      for (let steps = 0; !isFinal(item.state) && steps < 5_000; steps++) {
        const at: number = item.dueAt!;
        const next = tick(item, at, false);
        if (!next) throw new Error('a due command that does not move would be swept for ever');
        if (!isFinal(next.state)) expect(next.dueAt).toBeGreaterThan(at);
        item = next;
      }
      expect(isFinal(item.state)).toBe(true);
    },
  );
});

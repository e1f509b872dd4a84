import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from '@jest/globals';
import { AsyncInvocations } from '../../local/functions/async-invocations.ts';
import { AsyncQueue } from '../../local/functions/async-queue.ts';
import type { Outcome } from '../../local/functions/pool.ts';
import type { LogRecord } from '../../local/log.ts';
import type { StackPlan } from '../../local/template/plan.ts';

const functionArn = 'arn:aws:lambda:eu-west-1:0:function:f';
const plan = {
  name: 'stack',
  outputs: {},
  assets: {},
  resources: [
    {
      type: 'AWS::Lambda::Function',
      name: 'f',
      properties: { Role: 'role', DeadLetterConfig: { TargetArn: 'arn:dead' } },
    },
    {
      type: 'AWS::Lambda::EventInvokeConfig',
      name: 'config',
      properties: {
        FunctionName: functionArn,
        MaximumRetryAttempts: 1,
        MaximumEventAgeInSeconds: 60,
        DestinationConfig: {
          OnFailure: { Destination: 'arn:failed' },
          OnSuccess: { Destination: 'arn:done' },
        },
      },
    },
  ],
} as unknown as StackPlan;

const failed: Outcome = { ok: false, error: { errorType: 'Error', errorMessage: 'no' } };

/** Invocations over `database`; `outcomes` answer one attempt after the other, the last one all others. */
function start(database: DatabaseSync, outcomes: (Outcome | undefined | 'never')[], clock = { ms: 0 }) {
  const calls: string[] = [];
  const sent: { queueArn: string; body: string; roleArn: string }[] = [];
  const logs: LogRecord[] = [];
  let changed = () => undefined as void;
  const invocations = new AsyncInvocations({
    plan,
    functions: {
      has: (name) => name === 'f',
      arnOf: () => functionArn,
      invoke: async (name, event, requestId) => {
        calls.push(`${name} ${event} ${requestId}`);
        changed();
        const outcome = outcomes.length > 1 ? outcomes.shift() : outcomes[0];
        return outcome === 'never' ? new Promise(() => undefined) : outcome;
      },
    },
    queue: new AsyncQueue(database),
    timeScale: 1e6,
    log: (record) => logs.push(record),
    now: () => new Date(clock.ms),
    deliver: async (queueArn, body, roleArn) => {
      sent.push({ queueArn, body, roleArn });
      changed();
      if (queueArn === 'arn:refused') throw new Error('refused');
    },
  });
  const until = async (holds: () => boolean) => {
    while (!holds()) await new Promise<void>((resolve) => (changed = resolve));
  };
  return { invocations, calls, sent, logs, until };
}

const stored = (database: DatabaseSync) =>
  new AsyncQueue(database).all().map(({ id, attempts }) => [id, attempts]);

describe('an event for later', () => {
  it('is stored before it is tried, and tried again by the next process', async () => {
    const database = new DatabaseSync(':memory:');
    const first = start(database, ['never']);
    first.invocations.accept('f', '{"n":1}', 'id-1');
    expect(stored(database)).toEqual([['id-1', 0]]);
    first.invocations.close();
    const second = start(database, [{ ok: true, payload: '{"a":1}' }]);
    second.invocations.resume();
    await second.until(() => second.sent.length === 1);
    expect(second.calls).toEqual(['f {"n":1} id-1']);
    expect(second.sent[0]).toMatchObject({ queueArn: 'arn:done', roleArn: 'role' });
    expect(JSON.parse(second.sent[0]?.body ?? '')).toMatchObject({
      requestContext: { condition: 'Success', functionArn: `${functionArn}:$LATEST` },
      requestPayload: { n: 1 },
      responsePayload: { a: 1 },
    });
  });

  it('goes to dead letters and failure destination after its attempts', async () => {
    const database = new DatabaseSync(':memory:');
    const { invocations, calls, sent, until } = start(database, [failed]);
    invocations.accept('f', '{"n":2}', 'id-2');
    await until(() => sent.length === 2);
    expect(calls).toHaveLength(2);
    expect(sent.map(({ queueArn }) => queueArn)).toEqual(['arn:dead', 'arn:failed']);
    expect(sent[0]?.body).toBe('{"n":2}');
    const record: unknown = JSON.parse(sent[1]?.body ?? '');
    expect(record).toMatchObject({
      requestContext: { condition: 'RetriesExhausted', approximateInvokeCount: 2 },
    });
    await new Promise(setImmediate);
    expect(stored(database)).toEqual([]);
  });

  it('is given up when it is too old, however few its attempts', async () => {
    const clock = { ms: 0 };
    const database = new DatabaseSync(':memory:');
    const { invocations, calls, sent, until } = start(database, ['never'], clock);
    invocations.accept('f', '{}', 'id-3');
    await until(() => calls.length === 1);
    clock.ms = 61_000;
    const next = start(database, [failed], clock);
    next.invocations.resume();
    await next.until(() => next.sent.length === 2);
    expect([next.calls.length, sent.length]).toEqual([1, 0]);
  });

  it('of a schedule is left out while the last one of it goes on, and others are not', async () => {
    const database = new DatabaseSync(':memory:');
    const { invocations, calls, logs } = start(database, ['never']);
    invocations.acceptTick('f', '{"n":1}', 'clock');
    invocations.acceptTick('f', '{"n":2}', 'clock');
    invocations.acceptTick('f', '{"n":3}', 'other clock');
    invocations.accept('f', '{"n":4}');
    expect(calls.map((call) => call.split(' ')[1])).toEqual(['{"n":1}', '{"n":3}', '{"n":4}']);
    expect(logs).toMatchObject([{ level: 'info', event: 'schedule.skipped', schedule: 'clock' }]);
    expect(new AsyncQueue(database).all()).toHaveLength(3);
  });

  it('of a schedule comes again once the last one ended, however it did', async () => {
    const database = new DatabaseSync(':memory:');
    const { invocations, calls, sent, until } = start(database, [failed, failed, { ok: true, payload: '1' }]);
    invocations.acceptTick('f', '{"n":1}', 'clock');
    await until(() => calls.length === 1);
    invocations.acceptTick('f', '{"n":2}', 'clock');
    await until(() => sent.length === 2);
    await new Promise(setImmediate);
    invocations.acceptTick('f', '{"n":3}', 'clock');
    await until(() => sent.length === 3);
    await new Promise(setImmediate);
    invocations.acceptTick('f', '{"n":4}', 'clock');
    expect(calls.map((call) => call.split(' ')[1])).toEqual(['{"n":1}', '{"n":1}', '{"n":3}', '{"n":4}']);
  });

  it('of a schedule comes again after one that could not be brought to an end', async () => {
    const { invocations, calls, logs } = start(new DatabaseSync(':memory:'), [
      { ok: true, payload: 'no JSON' },
    ]);
    invocations.acceptTick('f', '{"n":1}', 'clock');
    await new Promise(setImmediate);
    invocations.acceptTick('f', '{"n":2}', 'clock');
    expect(calls).toHaveLength(2);
    expect(logs[0]).toMatchObject({ level: 'error', event: 'async.fault' });
  });

  it('of a schedule is one after a process that was killed, in a directory of an older release, too', async () => {
    const database = new DatabaseSync(':memory:');
    database.exec(
      'CREATE TABLE async_events (id TEXT PRIMARY KEY, function_name TEXT NOT NULL, event TEXT NOT NULL, ' +
        'attempts INTEGER NOT NULL, accepted_at_ms INTEGER NOT NULL) STRICT',
    );
    start(database, ['never']).invocations.acceptTick('f', '{"n":1}', 'clock');
    const next = start(database, ['never']);
    next.invocations.resume();
    next.invocations.acceptTick('f', '{"n":2}', 'clock');
    expect(next.calls.map((call) => call.split(' ')[1])).toEqual(['{"n":1}']);
  });

  it('of a function that the template no longer has is dropped', () => {
    const database = new DatabaseSync(':memory:');
    new AsyncQueue(database).put({
      id: 'x',
      functionName: 'gone',
      event: '{}',
      attempts: 0,
      acceptedAtMs: 0,
    });
    start(database, [failed]).invocations.resume();
    expect(stored(database)).toEqual([]);
  });
});

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CaseBook } from '../../admin/case-book.ts';
import { idempotencyKeyOf } from '../../admin/decide.ts';
import { HoldfastError } from '../../core/errors.ts';
import { hours } from '../support/fleet.ts';
import { startSqs, type TestSqs } from '../support/sqs.ts';
import { placeIn, Run, someCase, until, type Mortal } from './admin-run.ts';
import { alertKey, alertView, firing } from './admin-world.ts';

let sqs: TestSqs;
let dir: string;
beforeAll(async () => {
  [sqs, dir] = await Promise.all([startSqs(), mkdtemp(join(tmpdir(), 'holdfast-admin-'))]);
});
afterAll(async () => {
  await sqs.close();
  await rm(dir, { recursive: true });
});

const place = () => placeIn(dir, sqs);
const untilEmpty = (queueUrl: string): Promise<void> => until(async () => (await sqs.count(queueUrl)) === 0);

test('answers an alert by its play, follows the command and sees the alert resolved', async () => {
  const at = await place();
  const { queueUrl, stateDir, cloud } = at;
  const run = new Run(at);
  await sqs.send(queueUrl, firing());
  await run.until('admin.confirmed');
  await untilEmpty(queueUrl);
  expect(await run.stop()).toEqual({ escalated: 0, failed: 0 });
  expect(cloud.submissions).toHaveLength(1);
  expect(cloud.submissions[0]).toMatchObject({
    gatewayId: 'gw-1',
    body: {
      kind: 'restore.start',
      params: { volumeId: 'vol-1', bandwidthBytesPerSec: 1000 },
      cause: { alertKey, episode: 1 },
    },
  });
  const again = await CaseBook.open(stateDir);
  expect(again.get(`${alertKey}#1`)).toMatchObject({ phase: 'confirmed', tries: [{ outcome: 'SUCCEEDED' }] });
});

test('answers what a digest tells of, once, and leaves alone what there is no more', async () => {
  const at = await place();
  const { queueUrl, cloud } = at;
  const run = new Run(at);
  const ids = [`${alertKey}#1#1`, `${'b'.repeat(32)}#1#1`, 'nonsense'];
  const digest = { counts: [], gatewayCount: 2, first: [], firing: ids, reminder: [], resolved: [] };
  const message = firing({
    type: 'digest',
    alertKey: 'd'.repeat(32),
    gatewayId: '',
    conditionId: '',
    digest,
  });
  await sqs.send(queueUrl, message);
  await run.until('admin.confirmed');
  await untilEmpty(queueUrl);
  expect(await run.stop()).toEqual({ escalated: 0, failed: 0 });
  expect(cloud.submissions).toMatchObject([{ gatewayId: 'gw-1', body: { cause: { alertKey, episode: 1 } } }]);
});

test('the message stays in the queue until the command has an outcome', async () => {
  const at = await place();
  const { queueUrl, cloud } = at;
  cloud.endings = ['RUNNING'];
  const run = new Run(at);
  await sqs.send(queueUrl, firing());
  await run.until('admin.submitted');
  expect(await sqs.count(queueUrl)).toBe(1);
  cloud.endings = ['SUCCEEDED'];
  await untilEmpty(queueUrl);
  await run.stop();
});

test('answers what fired before its subscription was confirmed, at the start and after the confirmation', async () => {
  const at = await place();
  const { queueUrl, stateDir, cloud } = at;
  cloud.lists = true;
  const run = new Run(at);
  await run.until('admin.confirmed');
  expect(cloud.submissions).toHaveLength(1);
  // Another episode, of which no message comes.
  cloud.alert = alertView({ episode: 2 });
  await sqs.send(queueUrl, {
    type: 'challenge',
    tenantId: 'acme',
    subscriptionId: 'main',
    challenge: 'right',
  });
  await until(async () => run.lines.filter(({ event }) => event === 'admin.confirmed').length === 2);
  await run.stop();
  expect(cloud.submissions.map(({ body }) => body.cause?.episode)).toEqual([1, 2]);
  const again = await CaseBook.open(stateDir);
  expect(again.get(`${alertKey}#2`)).toMatchObject({ phase: 'confirmed' });
});

test('asks again for the open alerts while the API cannot say', async () => {
  const at = await place();
  const { cloud } = at;
  cloud.lists = true;
  const list = cloud.api.listOpenAlerts;
  let asked = 0;
  cloud.api.listOpenAlerts = async () => {
    if ((asked += 1) < 3) throw new HoldfastError('UNAVAILABLE', 'down');
    return list();
  };
  const run = new Run(at);
  await run.until('admin.confirmed');
  await run.stop();
  expect(asked).toBe(3);
});

test('takes a test message for what it is', async () => {
  const at = await place();
  const { queueUrl } = at;
  const run = new Run(at);
  await sqs.send(queueUrl, { type: 'test', tenantId: 'acme', subscriptionId: 'main', testId: 't1' });
  expect(await run.until('admin.tested')).toEqual({ testId: 't1' });
  await untilEmpty(queueUrl);
  await run.stop();
});

test('answers the challenge of its subscription, and only the right one', async () => {
  const at = await place();
  const { queueUrl, cloud } = at;
  const run = new Run(at);
  const challenge = { type: 'challenge', tenantId: 'acme', subscriptionId: 'main' };
  await sqs.send(queueUrl, { ...challenge, challenge: 'wrong' });
  await run.until('admin.challenge_refused');
  await sqs.send(queueUrl, { ...challenge, challenge: 'right' });
  await run.until('admin.subscribed');
  await untilEmpty(queueUrl);
  await run.stop();
  expect(cloud.confirmed).toEqual(['main']);
});

test('a queue that does not exist ends it at once, with an error that says so', async () => {
  const at = await place();
  await at.book.put(someCase);
  const run = new Run({ ...at, queueUrl: `${at.queueUrl}-not` });
  await expect(run.ended).rejects.toMatchObject({
    code: 'NOT_FOUND',
    message: expect.stringContaining('-not'),
  });
});

test('forged and broken messages lead to nothing and leave the queue', async () => {
  const at = await place();
  const { queueUrl, cloud } = at;
  const run = new Run(at);
  await sqs.send(queueUrl, 'not json {');
  await sqs.send(queueUrl, { type: 'alert', event: { eventId: 1 } });
  await sqs.send(queueUrl, firing({ alertKey: 'b'.repeat(32) }));
  await sqs.send(queueUrl, firing({ episode: 7 }));
  await untilEmpty(queueUrl);
  await run.stop();
  expect(cloud.submissions).toEqual([]);
  expect(at.book.get(`${'b'.repeat(32)}#1`)).toBeUndefined();
});

test('the gateway, condition and parameters come from the API, whatever the message says', async () => {
  const at = await place();
  const { queueUrl, cloud } = at;
  const run = new Run(at);
  await sqs.send(queueUrl, firing({ gatewayId: 'gw-666', component: 'vol-666', conditionId: 'FsFull' }));
  await run.until('admin.confirmed');
  await run.stop();
  expect(cloud.submissions).toMatchObject([{ gatewayId: 'gw-1', body: { params: { volumeId: 'vol-1' } } }]);
});

test('tries twice at most, each under its own key, then escalates', async () => {
  const at = await place();
  const { queueUrl, cloud } = at;
  cloud.endings = ['FAILED'];
  const run = new Run(at);
  await sqs.send(queueUrl, firing());
  await run.until('admin.escalated');
  expect(cloud.escalations).toEqual([
    { alertKey, reason: 'restore.start did not solve it: FAILED, then FAILED' },
  ]);
  await sqs.send(queueUrl, firing({ eventId: `${alertKey}#1#3`, seq: 3 }));
  await untilEmpty(queueUrl);
  expect(await run.stop()).toEqual({ escalated: 1, failed: 0 });
  expect(new Set(cloud.submissions.map(({ body }) => body.idempotencyKey)).size).toBe(2);
  expect(cloud.commands.size).toBe(2);
});

test('an outage of the API only delays', async () => {
  const at = await place();
  const { queueUrl, cloud } = at;
  let calls = 0;
  const flaky: Mortal = (port) =>
    new Proxy(port, {
      get: (target, name, receiver) => {
        const value: unknown = Reflect.get(target, name, receiver);
        if (
          typeof value !== 'function' ||
          !['getAlert', 'submitCommand', 'getCommand'].includes(String(name))
        )
          return value;
        return (...args: unknown[]) => {
          calls += 1;
          if (calls <= 6 || calls % 3 === 0) return Promise.reject(new HoldfastError('UNAVAILABLE', 'down'));
          return value.apply(target, args) as unknown;
        };
      },
    });
  const run = new Run(at, { mortal: flaky });
  await sqs.send(queueUrl, firing());
  await run.until('admin.confirmed');
  await run.stop();
  expect(cloud.commands.size).toBe(1);
});

test('a write of the case book that a crash cut short leaves the one before it', async () => {
  const { stateDir, book } = await place();
  await Promise.all([1, 2, 3].map((episode) => book.put({ ...someCase, episode })));
  await writeFile(join(stateDir, 'cases.json.new'), '{"version":1,"cas');
  const after = await CaseBook.open(stateDir);
  expect(after.open().map(({ episode }) => episode)).toEqual([1, 2, 3]);
  await after.put({ ...someCase, phase: 'moot' });
  expect((await CaseBook.open(stateDir)).open()).toHaveLength(2);
});

test('a damaged case book is reported, not overwritten', async () => {
  const { stateDir, book } = await place();
  await book.put(someCase);
  const file = join(stateDir, 'cases.json');
  await writeFile(file, (await readFile(file, 'utf8')).slice(0, -9));
  await expect(CaseBook.open(stateDir)).rejects.toMatchObject({ code: 'CORRUPT' });
});

/** Every call of every port is a point to die at: before it has its effect, or after it and before anybody knows. */
function mortalUntil(effect: number, performs: boolean): { mortal: Mortal; died: Promise<void> } {
  const { promise: died, resolve: die } = Promise.withResolvers<void>();
  let left = effect;
  const mortal: Mortal = (port) =>
    new Proxy(port, {
      get: (target, name, receiver) => {
        const value: unknown = Reflect.get(target, name, receiver);
        if (
          typeof value !== 'function' ||
          ['get', 'open', 'lastTryAt', 'gatewaysAtWork'].includes(String(name))
        )
          return value;
        return async (...args: unknown[]) => {
          left -= 1;
          if (left > 0) return value.apply(target, args) as unknown;
          if (left === 0) {
            // It dies whether or not the effect succeeds: late on a busy machine a receipt may have run out.
            if (performs) await (value.apply(target, args) as Promise<unknown>).catch(() => undefined);
            die();
          }
          return new Promise(() => undefined);
        };
      },
    });
  return { mortal, died };
}

const killPoints = Array.from({ length: 18 }, (_, i) => [i + 1, false] as const).flatMap(([effect]) => [
  { effect, performs: false },
  { effect, performs: true },
]);

test('killed at any point and started again, it sends one command and loses no alert', async () => {
  const killedAndStarted = async ({ effect, performs }: { effect: number; performs: boolean }) => {
    const at = await place();
    const { queueUrl, stateDir, cloud } = at;
    await sqs.send(queueUrl, firing());
    const { mortal, died } = mortalUntil(effect, performs);
    const first = new Run(at, { mortal });
    await died;
    first.stopping.abort();
    const second = new Run({ ...at, book: await CaseBook.open(stateDir) });
    await untilEmpty(queueUrl);
    await until(async () => (await CaseBook.open(stateDir)).open().length === 0);
    await second.stop();
    const after = await CaseBook.open(stateDir);
    return { effect, performs, commands: cloud.commands.size, phase: after.get(`${alertKey}#1`)?.phase };
  };
  const results = await Promise.all(killPoints.map(killedAndStarted));
  expect(results).toEqual(killPoints.map((point) => ({ ...point, commands: 1, phase: 'confirmed' })));
});

test('an alert that fires again in its episode gets the second try, and no third', async () => {
  const at = await place();
  const { queueUrl, cloud } = at;
  const run = new Run(at);
  await sqs.send(queueUrl, firing());
  await run.until('admin.confirmed');
  cloud.heals = false;
  cloud.endings = ['SUCCEEDED', 'FAILED'];
  cloud.alert = alertView({ seq: 3 });
  await sqs.send(queueUrl, firing({ eventId: `${alertKey}#1#3`, seq: 3 }));
  await run.until('admin.escalated');
  await untilEmpty(queueUrl);
  await run.stop();
  expect(cloud.commands.size).toBe(2);
});

test('two of them on one queue send one command, also where each has the message', async () => {
  const one = await place();
  const other = { ...one, book: (await place()).book };
  const runs = [new Run(one), new Run(other)];
  await sqs.send(one.queueUrl, firing());
  await sqs.send(one.queueUrl, firing());
  await untilEmpty(one.queueUrl);
  await until(async () => one.cloud.alert?.state === 'RESOLVED');
  for (const run of runs) expect(await run.stop()).toEqual({ escalated: 0, failed: 0 });
  expect(one.cloud.commands.size).toBe(1);
});

test('one that lost its memory does not count the time again that a command had to take effect', async () => {
  const at = await place();
  const { queueUrl, cloud } = at;
  cloud.heals = false;
  const body = { kind: 'restore.start', idempotencyKey: idempotencyKeyOf(alertKey, 1, 1) } as const;
  const before = await cloud.api.submitCommand('gw-1', body);
  const longAgo = Date.now() - 2 * hours;
  cloud.commands.set(body.idempotencyKey, { ...before, state: 'SUCCEEDED', endedAt: longAgo });
  const run = new Run(at);
  await sqs.send(queueUrl, firing());
  await until(async () => cloud.commands.size === 2);
  await run.stop();
  expect(at.book.get(`${alertKey}#1`)?.tries[0]).toMatchObject({ outcome: 'SUCCEEDED', endedAt: longAgo });
});

test('one that lost its memory does not take the answer to an earlier firing for that of this one', async () => {
  const at = await place();
  const { queueUrl, cloud } = at;
  const body = { kind: 'restore.start', idempotencyKey: idempotencyKeyOf(alertKey, 1, 1) } as const;
  const before = await cloud.api.submitCommand('gw-1', body);
  const endedAt = Date.now() - 60_000;
  cloud.commands.set(body.idempotencyKey, {
    ...before,
    ...{ state: 'SUCCEEDED', createdAt: endedAt - 1_000, endedAt },
  });
  cloud.alert = alertView({ firedAt: endedAt + 30_000 });
  const run = new Run(at);
  await sqs.send(queueUrl, firing());
  await until(async () => cloud.commands.size === 2);
  await until(async () => cloud.alert?.state === 'RESOLVED');
  await untilEmpty(queueUrl);
  expect(await run.stop()).toEqual({ escalated: 0, failed: 0 });
  expect(at.book.get(`${alertKey}#1`)?.tries).toMatchObject([
    { outcome: 'SUCCEEDED', endedAt, confirmedAt: endedAt },
    { outcome: 'SUCCEEDED' },
  ]);
});

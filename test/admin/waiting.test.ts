import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CaseBook } from '../../admin/case-book.ts';
import { idempotencyKeyOf, type Case } from '../../admin/decide.ts';
import { playbookSchema } from '../../admin/playbook-schema.ts';
import { hours, minutes } from '../support/fleet.ts';
import { startSqs, type TestSqs } from '../support/sqs.ts';
import { placeIn, Run, someCase, until } from './admin-run.ts';
import { alertKey, alertView, ControlPlane, firing, gatewayView, volume } from './admin-world.ts';

/** What a play demands before it acts, and what becomes of a case in the meantime. */
let sqs: TestSqs;
let dir: string;
beforeAll(async () => {
  [sqs, dir] = await Promise.all([startSqs(), mkdtemp(join(tmpdir(), 'holdfast-waiting-'))]);
});
afterAll(async () => {
  await sqs.close();
  await rm(dir, { recursive: true });
});

const plays = (over: object) =>
  playbookSchema.parse({
    version: 1,
    plays: [
      {
        condition: 'VolumeIrrecoverable',
        command: { kind: 'restore.start', params: { volumeId: '$component' } },
        cooldown: '0s',
        ...over,
      },
    ],
  });
const whenThereIsASnapshot = plays({ when: { volume: { hasSnapshot: true } }, giveUpAfter: '15m' });
const withoutSnapshot = gatewayView({}, { volumes: [volume({ lastSnapshotAt: undefined })] });

const place = () => placeIn(dir, sqs);
const untilEmpty = (queueUrl: string): Promise<void> => until(async () => (await sqs.count(queueUrl)) === 0);

test('a play waits until what it demands holds, and its message need not wait with it', async () => {
  const at = await place();
  at.cloud.gateway = withoutSnapshot;
  const run = new Run(at, { plays: whenThereIsASnapshot });
  await sqs.send(at.queueUrl, firing());
  expect(await run.until('admin.waiting')).toMatchObject({ reason: 'volume vol-1 has no snapshot' });
  await untilEmpty(at.queueUrl);
  expect(at.cloud.submissions).toEqual([]);
  at.cloud.gateway = gatewayView();
  await run.until('admin.confirmed');
  await run.stop();
  expect(at.cloud.commands.size).toBe(1);
});

test('what it waits for it waits for after a restart too, without a message', async () => {
  const at = await place();
  at.cloud.gateway = withoutSnapshot;
  const first = new Run(at, { plays: whenThereIsASnapshot });
  await sqs.send(at.queueUrl, firing());
  await untilEmpty(at.queueUrl);
  await first.stop();
  at.cloud.gateway = gatewayView();
  const second = new Run({ ...at, book: await CaseBook.open(at.stateDir) }, { plays: whenThereIsASnapshot });
  await second.until('admin.confirmed');
  await second.stop();
});

test('an alert that fired before people silenced it is left alone until nobody does any more', async () => {
  const at = await place();
  // Its firing was told, so nothing holds its news back.
  at.cloud.alert = alertView({ silencedBy: 'si-1' });
  const run = new Run(at, { plays: plays({}) });
  await sqs.send(at.queueUrl, firing());
  expect(await run.until('admin.waiting')).toMatchObject({ reason: 'the alert is silenced by si-1' });
  expect(at.cloud.submissions).toEqual([]);
  at.cloud.alert = alertView();
  await run.until('admin.confirmed');
  await run.stop();
});

test('it gives up on what does not come to hold, without a command', async () => {
  const at = await place();
  at.cloud.gateway = withoutSnapshot;
  let now = Date.now();
  const run = new Run(at, { plays: whenThereIsASnapshot, now: () => now });
  await sqs.send(at.queueUrl, firing());
  await run.until('admin.waiting');
  now += 15 * minutes;
  await run.until('admin.escalated');
  expect(await run.stop()).toEqual({ escalated: 1, failed: 0 });
  expect(at.cloud.escalations).toEqual([
    { alertKey, reason: 'not tried in 15m: volume vol-1 has no snapshot' },
  ]);
  expect(at.cloud.submissions).toEqual([]);
});

test('an alert that is over in the meantime needs nothing any more', async () => {
  const at = await place();
  at.cloud.isMaintenance = true;
  const run = new Run(at, { plays: plays({}) });
  await sqs.send(at.queueUrl, firing());
  expect(await run.until('admin.waiting')).toMatchObject({
    reason: 'the gateway is in a maintenance window',
  });
  at.cloud.alert = alertView({ state: 'RESOLVED' });
  await run.until('admin.moot');
  await run.stop();
  expect(at.cloud.submissions).toEqual([]);
});

test('a play is at work on no more gateways at once than it may', async () => {
  const at = await place();
  const elsewhere: Case = {
    ...someCase,
    alertKey: 'c'.repeat(32),
    gatewayId: 'gw-2',
    tries: [
      {
        number: 1,
        idempotencyKey: idempotencyKeyOf('c'.repeat(32), 1, 1),
        kind: 'restore.start',
        params: {},
        decidedAt: Date.now(),
        commandId: 'c1',
        outcome: 'SUCCEEDED',
        endedAt: Date.now(),
      },
    ],
  };
  const run = new Run(at, { plays: plays({ gatewaysAtOnce: 1 }) });
  await at.book.put(elsewhere);
  await sqs.send(at.queueUrl, firing());
  expect(await run.until('admin.waiting')).toMatchObject({
    reason: expect.stringContaining('at work on 1 gateways'),
  });
  expect(at.cloud.submissions).toEqual([]);
  await at.book.put({ ...elsewhere, phase: 'confirmed' });
  await run.until('admin.confirmed');
  await run.stop();
});

test('between two tries it waits for the cooldown', async () => {
  const at = await place();
  at.cloud.endings = ['FAILED', 'SUCCEEDED'];
  let now = Date.now();
  const run = new Run(at, { plays: plays({ cooldown: '1h' }), now: () => now });
  await sqs.send(at.queueUrl, firing());
  expect(await run.until('admin.waiting')).toMatchObject({ reason: 'the cooldown' });
  expect(at.cloud.commands.size).toBe(1);
  now += hours;
  await run.until('admin.confirmed');
  await run.stop();
  expect(at.cloud.commands.size).toBe(2);
});

test('a play that is for gateways of some name asks for the name', async () => {
  const at = await place();
  const run = new Run(at, { plays: plays({ match: { gatewayNames: ['Bergen*'] } }) });
  await sqs.send(at.queueUrl, firing());
  expect(await run.until('admin.moot')).toMatchObject({ reason: 'no play of the playbook is for it' });
  at.cloud.gateway = gatewayView({ name: 'Bergen 2' });
  await sqs.send(at.queueUrl, firing());
  await run.until('admin.confirmed');
  await run.stop();
});

describe('once', () => {
  test('it does what is to be done, and leaves what has to wait to the next one', async () => {
    const at = await place();
    at.cloud.heals = false;
    await sqs.send(at.queueUrl, firing());
    expect(await new Run(at, { once: true }).ended).toEqual({ escalated: 0, failed: 0 });
    expect(await sqs.count(at.queueUrl)).toBe(0);
    expect(at.cloud.commands.size).toBe(1);
    at.cloud.alert = alertView({ state: 'RESOLVED' });
    const book = await CaseBook.open(at.stateDir);
    expect(book.open()).toHaveLength(1);
    expect(await new Run({ ...at, book }, { once: true }).ended).toEqual({ escalated: 0, failed: 0 });
    expect(book.get(`${alertKey}#1`)?.phase).toBe('confirmed');
  });

  test('it leaves a command whose gateway is away to the next one, which sends no second', async () => {
    const at = await place();
    at.cloud.looksToEnd = Infinity;
    at.cloud.gateway = gatewayView({ connection: { state: 'disconnected' } });
    await sqs.send(at.queueUrl, firing());
    const first = new Run(at, { once: true });
    expect(await first.ended).toEqual({ escalated: 0, failed: 0 });
    expect(await first.until('admin.waiting')).toMatchObject({
      commandId: 'cmd-1',
      reason: 'the gateway is disconnected; the next run goes on with the command',
    });
    expect(await sqs.count(at.queueUrl)).toBe(0);
    at.cloud.looksToEnd = 1;
    at.cloud.gateway = gatewayView();
    const book = await CaseBook.open(at.stateDir);
    const second = new Run({ ...at, book }, { once: true });
    expect(await second.ended).toEqual({ escalated: 0, failed: 0 });
    expect(book.get(`${alertKey}#1`)).toMatchObject({ phase: 'confirmed', tries: [{ commandId: 'cmd-1' }] });
    expect(at.cloud.submissions).toHaveLength(1);
  });

  test('it says how many cases it gave up', async () => {
    const at = await place();
    at.cloud.endings = ['FAILED'];
    await sqs.send(at.queueUrl, firing());
    expect(await new Run(at, { once: true }).ended).toEqual({ escalated: 1, failed: 0 });
  });

  test('an outage of the API ends it, and leaves the message', async () => {
    const at = await place();
    await sqs.send(at.queueUrl, firing());
    const down = (): never => {
      throw new Error('connection refused');
    };
    const cloud = Object.assign(new ControlPlane(), { api: { ...at.cloud.api, getAlert: down } });
    const { failed } = await new Run({ ...at, cloud }, { once: true }).ended;
    expect(failed).toBeGreaterThan(0);
    expect(await sqs.count(at.queueUrl)).toBe(1);
  });
});

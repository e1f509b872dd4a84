import { withBoundedAnswers } from '../../../agent/s3/bounded-answers.ts';
import { inlineTransfersBy } from '../../../agent/transfer/transfers.ts';
import { openBucket, type BucketOptions } from '../../../agent/s3/s3-bucket.ts';
import { collectGarbage } from '../../../agent/snapshot/collect-garbage.ts';
import { listSnapshots } from '../../../agent/snapshot/list-snapshots.ts';
import { openSnapshot } from '../../../agent/snapshot/open-snapshot.ts';
import { startFlakyProxy, type Fault, type FlakyProxy } from '../../support/flaky-proxy.ts';
import { seeded } from '../../support/random.ts';
import { startS3, type TestS3 } from '../../support/s3.ts';
import { plainBytesIn, snapshotOf, someBytes, toArray } from '../../support/snapshots.ts';

let s3: TestS3;
let proxy: FlakyProxy;
beforeAll(async () => {
  s3 = await startS3();
  proxy = await startFlakyProxy(s3.endpoint);
});
afterAll(async () => {
  await proxy.close();
  await s3.close();
});

/** A bucket behind the proxy; waiting takes no time, but the clock moves on. */
let delays: number[];
let prefixes = 0;
function flakyBucket(options: Partial<BucketOptions> = {}) {
  let nowMs = 0;
  delays = [];
  const deps = {
    now: () => nowMs,
    random: () => 0.5,
    sleep: async (delayMs: number) => {
      delays.push(delayMs);
      nowMs += delayMs;
    },
  };
  const prefix = `p${(prefixes += 1)}/`;
  const client = s3.newClient(proxy.endpoint);
  // On a connection of its own: one that was kept and is reset is not counted as an attempt.
  const transfers = inlineTransfersBy({});
  return openBucket({ client, bucket: s3.bucket, prefix, deps, transfers, ...options });
}

beforeEach(() => {
  proxy.faultFor = () => undefined;
  proxy.requests.length = 0;
});

const answered = (status: number, code: string): Fault => ({ kind: 'answer', status, code });
const transient: [string, Fault][] = [
  ['SlowDown', answered(503, 'SlowDown')],
  ['InternalError', answered(500, 'InternalError')],
  ['a connection that is reset', { kind: 'reset' }],
  ['an answer that gets lost', { kind: 'reset-after' }],
  ['an answer that ends early', { kind: 'truncate' }],
];

test.each(transient)('%s is tried again, with growing delays', async (_, fault) => {
  const bucket = flakyBucket();
  await bucket.put('key', Buffer.from('0123456789'));
  proxy.requests.length = 0;
  proxy.faultFor = (__, count) => (count <= 3 ? fault : undefined);
  expect(Buffer.from(await bucket.getRange('key', { offsetBytes: 2, lengthBytes: 4 })).toString()).toBe(
    '2345',
  );
  expect(delays).toEqual([75, 150, 300]);
});

test('ranges of one object share a signature until one fails', async () => {
  const client = s3.newClient(proxy.endpoint);
  const bucket = flakyBucket({ client });
  await bucket.put('key', Buffer.from('0123456789'));
  let signed = 0;
  client.middlewareStack.add((next) => (args) => next(args).finally(() => (signed += 1)), {
    step: 'initialize',
  });
  const read = (offsetBytes: number) => bucket.getRange('key', { offsetBytes, lengthBytes: 2 });
  await read(0);
  await read(4);
  expect(signed).toBe(1);
  proxy.requests.length = 0;
  proxy.faultFor = (_, count) => (count === 1 ? answered(503, 'SlowDown') : undefined);
  await read(8);
  expect(signed).toBe(2);
});

test('retries end with the time budget, and the error says what and why', async () => {
  const told: string[] = [];
  const onRetry: BucketOptions['onRetry'] = ({ code }, delayMs) => told.push(`${code} ${delayMs}`);
  const bucket = flakyBucket({ retry: { attemptsMax: 1000, budgetMs: 5_000 }, onRetry });
  proxy.faultFor = () => answered(503, 'SlowDown');
  const failure = {
    code: 'THROTTLED',
    message: expect.stringMatching(/^put s3:\/\/test-bucket\/p\d+\/key: SlowDown/),
  };
  await expect(bucket.put('key', Buffer.alloc(1))).rejects.toMatchObject(failure);
  expect(delays.reduce((sum, delay) => sum + delay, 0)).toBeLessThanOrEqual(5_000);
  expect(delays.length).toBeGreaterThan(4);
  expect(told).toEqual(delays.map((delayMs) => `THROTTLED ${delayMs}`));
});

test('a store that cannot be reached is UNAVAILABLE, with a hint', async () => {
  const bucket = flakyBucket({ client: s3.newClient('http://127.0.0.1:1'), retry: { attemptsMax: 2 } });
  await expect(bucket.get('key', { maxBytes: 1 })).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining('ECONNREFUSED'),
    hint: expect.stringContaining('AWS_ENDPOINT_URL_S3'),
  });
});

test.each([
  [403, 'AccessDenied', 'FORBIDDEN'],
  [403, 'InvalidAccessKeyId', 'UNAUTHENTICATED'],
  [403, 'RequestTimeTooSkewed', 'UNAUTHENTICATED'],
  [301, 'PermanentRedirect', 'CONFIG'],
  [404, 'NoSuchBucket', 'NOT_FOUND'],
])('HTTP %i %s is %p at once, without another attempt', async (status, code, ours) => {
  const bucket = flakyBucket();
  proxy.faultFor = () => answered(status, code);
  await expect(bucket.put('key', Buffer.alloc(1))).rejects.toMatchObject({
    code: ours,
    hint: expect.any(String),
  });
  expect(proxy.requests).toHaveLength(1);
});

test('a missing object is NOT_FOUND also where S3 says 403 to whoever may not list everything', async () => {
  const bucket = flakyBucket();
  await bucket.put('there', Buffer.alloc(1));
  proxy.faultFor = (label) => (/\/(missing|there)$/.test(label) ? answered(403, 'AccessDenied') : undefined);
  await expect(bucket.get('missing', { maxBytes: 1 })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(bucket.get('there', { maxBytes: 1 })).rejects.toMatchObject({ code: 'FORBIDDEN' });
});

test('expired credentials are renewed once by the factory; a fixed client reports them', async () => {
  let expired = true;
  proxy.faultFor = () => (expired ? answered(400, 'ExpiredToken') : undefined);
  let made = 0;
  const client = async () => {
    made += 1;
    if (made === 2) expired = false;
    return s3.newClient(proxy.endpoint);
  };
  const bucket = flakyBucket({ client });
  await bucket.put('key', Buffer.alloc(1));
  expect(made).toBe(2);
  expired = true;
  await expect(bucket.put('key', Buffer.alloc(1))).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  expect(made).toBe(3);
  await expect(flakyBucket().put('key', Buffer.alloc(1))).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
});

test('an attempt that hangs is ended and tried again', async () => {
  const bucket = flakyBucket({ client: s3.client, attemptTimeoutMs: 1, retry: { attemptsMax: 2 } });
  await expect(bucket.put('key', Buffer.alloc(4 * 1024 * 1024))).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining('TimeoutError'),
  });
  expect(delays).toHaveLength(1);
});

test('a server that disregards the range that was asked for does not make the object a damaged one', async () => {
  const bucket = flakyBucket();
  await bucket.put('key', Buffer.alloc(100));
  proxy.faultFor = () => ({ kind: 'no-range' });
  await expect(bucket.getRange('key', { offsetBytes: 10, lengthBytes: 10 })).rejects.toMatchObject({
    code: 'IO',
    message: expect.stringContaining('longer than the 10 bytes that were asked for'),
    hint: expect.stringContaining('Range'),
  });
});

test('what is no HTTP is tried again like a broken connection', async () => {
  const bucket = flakyBucket({ retry: { attemptsMax: 2 } });
  await bucket.put('key', Buffer.alloc(100));
  proxy.faultFor = () => ({ kind: 'garbage' });
  await expect(bucket.getRange('key', { offsetBytes: 0, lengthBytes: 10 })).rejects.toMatchObject({
    code: 'UNAVAILABLE',
  });
  expect(delays).toHaveLength(1);
});

test('another protocol in place of an answer is a broken connection, and does not hang', async () => {
  const bucket = flakyBucket({ retry: { attemptsMax: 2 }, attemptTimeoutMs: 200 });
  await bucket.put('key', Buffer.alloc(100));
  proxy.faultFor = () => ({ kind: 'switch' });
  const range = bucket.getRange('key', { offsetBytes: 0, lengthBytes: 10 });
  await expect(range).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining('ECONNRESET'),
  });
  await expect(toArray(bucket.list(''))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
});

test.each([200, 503])('an answer that does not end is given up (HTTP %i)', async (status) => {
  const client = withBoundedAnswers(s3.newClient(proxy.endpoint));
  const bucket = flakyBucket({ client, retry: { attemptsMax: 1 } });
  proxy.faultFor = () => ({ kind: 'endless', status });
  const given = expect.stringContaining('more than 32.0 MiB') as string;
  await expect(toArray(bucket.list(''))).rejects.toMatchObject({ code: 'IO', message: given });
});

test('a listing that goes in circles, or is none, ends with a line that says so', async () => {
  const bucket = flakyBucket();
  const page = '<IsTruncated>true</IsTruncated><NextContinuationToken>same</NextContinuationToken>';
  proxy.faultFor = () => ({ kind: 'body', text: `<ListBucketResult>${page}</ListBucketResult>` });
  await expect(toArray(bucket.list(''))).rejects.toMatchObject({
    code: 'IO',
    message: expect.stringContaining('in circles'),
  });
  proxy.faultFor = () => ({ kind: 'body', text: '<html><br></body>' });
  await expect(toArray(bucket.list(''))).rejects.toMatchObject({
    code: 'IO',
    message: expect.stringMatching(/: the answer is not S3’s, HTTP 200$/),
  });
});

test.each([
  '',
  '<html><body>please log in</body></html>',
  '<ListBucketResult></ListBucketResult>',
  '<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>',
  '<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>elsewhere</Key></Contents></ListBucketResult>',
])(
  '“%s” is not taken for a listing without objects: a collector would delete what it does not see',
  async (text) => {
    const bucket = flakyBucket();
    const { snapshotId } = await snapshotOf(bucket, someBytes(10_000, 1));
    const before = await toArray(bucket.list(''));
    proxy.faultFor = (label) => (label.endsWith(`/${s3.bucket}/`) ? { kind: 'body', text } : undefined);
    await expect(bucket.has(`snapshots/${snapshotId}`)).rejects.toMatchObject({ code: 'IO' });
    await expect(collectGarbage(bucket, { now: () => Number.MAX_SAFE_INTEGER })).rejects.toMatchObject({
      code: 'IO',
    });
    proxy.faultFor = () => undefined;
    expect(await toArray(bucket.list(''))).toEqual(expect.arrayContaining(before));
  },
);

test('an aborted call rejects with the signal’s reason', async () => {
  const reason = new Error('the user went home');
  const call = flakyBucket().put('key', Buffer.alloc(1), { signal: AbortSignal.abort(reason) });
  await expect(call).rejects.toBe(reason);
});

test('objects longer or shorter than they must be are CORRUPT', async () => {
  const bucket = flakyBucket();
  await bucket.put('key', Buffer.alloc(100));
  await expect(bucket.get('key', { maxBytes: 99 })).rejects.toMatchObject({ code: 'CORRUPT' });
  const beyond = { offsetBytes: 90, lengthBytes: 11 };
  await expect(bucket.getRange('key', beyond)).rejects.toMatchObject({ code: 'CORRUPT' });
  await expect(bucket.getRange('key', { offsetBytes: 100, lengthBytes: 1 })).rejects.toMatchObject({
    code: 'CORRUPT',
  });
});

test('listings longer than a page are complete, and deletions longer than a batch', async () => {
  const bucket = flakyBucket({ keysPerRequestMax: 7 });
  const names = Array.from({ length: 30 }, (_, index) => `many/${String(index).padStart(4, '0')}`);
  await Promise.all(names.map((name) => bucket.put(name, Buffer.alloc(0))));
  expect((await toArray(bucket.list('many/'))).map(({ key }) => key)).toEqual(names);
  await bucket.delete(names);
  expect(await toArray(bucket.list('many/'))).toEqual([]);
});

const bytes = someBytes(600 * 1024, 5, 16_384);

test('what has to be new never takes the place of something else, whatever the store knows of conditions', async () => {
  const bucket = flakyBucket();
  const stored = () => bucket.get('new/a', { maxBytes: 100 });
  const [mine, other] = [Buffer.from('mine'), Buffer.from('other')];
  await bucket.put('new/a', mine, { isNew: true });
  await bucket.put('new/a', mine, { isNew: true });
  await expect(bucket.put('new/a', other, { isNew: true })).rejects.toMatchObject({ code: 'CONFLICT' });
  expect(await stored()).toEqual(new Uint8Array(mine));

  // A store that looks at the condition says so; it may be our own request, whose answer was lost.
  await bucket.delete(['new/a']);
  const put = (label: string) => label.startsWith('PUT ');
  proxy.faultFor = (label) => {
    if (!put(label)) return undefined;
    const isFirst = proxy.requests.filter(put).length === putsBefore + 1;
    return isFirst ? { kind: 'reset-after' } : { kind: 'answer', status: 412, code: 'PreconditionFailed' };
  };
  let putsBefore = proxy.requests.filter(put).length;
  await bucket.put('new/a', mine, { isNew: true });
  expect(await stored()).toEqual(new Uint8Array(mine));
  await bucket.delete(['new/b']);
  putsBefore = -1;
  await expect(bucket.put('new/b', mine, { isNew: true })).rejects.toMatchObject({
    code: expect.stringMatching(/CONFLICT|NOT_FOUND/) as string,
  });

  // One that knows no conditions at all gets the object without.
  proxy.faultFor = (label) =>
    put(label) && proxy.requests.filter(put).length === putsBefore + 1
      ? { kind: 'answer', status: 501, code: 'NotImplemented' }
      : undefined;
  putsBefore = proxy.requests.filter(put).length;
  await bucket.put('new/c', mine, { isNew: true });
  expect(await bucket.get('new/c', { maxBytes: 100 })).toEqual(new Uint8Array(mine));
});

test('a snapshot survives a store that fails one request in four', async () => {
  const random = seeded(3);
  const bucket = flakyBucket();
  proxy.faultFor = () =>
    random() < 0.25 ? transient[Math.floor(random() * transient.length)]![1] : undefined;
  const { snapshotId } = await snapshotOf(bucket, bytes, { chunkBytes: 16_384 });
  const plain = await plainBytesIn(await openSnapshot(bucket, snapshotId));
  expect(Buffer.compare(plain, bytes)).toBe(0);
  expect(await listSnapshots(bucket)).toHaveLength(1);
});

test.each(['intents', 'packs', 'pages', 'snapshots'])(
  'a store that is gone for good from the first write to %s on leaves nothing listed that is not whole',
  async (folder) => {
    const bucket = flakyBucket({ retry: { attemptsMax: 2 } });
    let isGone = false;
    proxy.faultFor = (label) => {
      isGone ||= label.startsWith('PUT') && label.includes(`/${folder}/`);
      return isGone ? { kind: 'reset' } : undefined;
    };
    await expect(snapshotOf(bucket, bytes, { chunkBytes: 16_384 })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
    proxy.faultFor = () => undefined;
    expect(await listSnapshots(bucket)).toEqual([]);
    await collectGarbage(bucket, { now: () => Number.MAX_SAFE_INTEGER });
    const left = await toArray(bucket.list(''));
    const completed = folder === 'snapshots';
    expect(await listSnapshots(bucket)).toHaveLength(completed ? 1 : 0);
    expect(left.some(({ key }) => /^(packs|pages)/.test(key))).toBe(completed);
  },
);

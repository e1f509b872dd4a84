import { silentLog } from '../../core/log.ts';
import type { CredentialPurpose } from '../../core/messages.ts';
import {
  CredentialBroker,
  freshMs,
  type StorageCredentials,
} from '../../agent/connection/credential-broker.ts';
import { storageAccess } from '../../agent/connection/storage-access.ts';

const t0 = 1_800_000_000_000;
const restore: CredentialPurpose = { kind: 'restore', volumeId: 'v1', snapshotId: 's1' };
const snapshot: CredentialPurpose = { kind: 'snapshot', volumeId: 'v1' };

class Bench {
  now = t0;
  isUp = true;
  asked: { requestId: string; purpose: CredentialPurpose }[] = [];
  timers: { at: number; run: () => void }[] = [];
  broker = new CredentialBroker({
    request: (body) => {
      if (this.isUp) this.asked.push(body);
      return this.isUp;
    },
    serverTime: () => this.now,
    setTimer: (run, delayMs) => {
      const timer = { at: this.now + delayMs, run };
      this.timers.push(timer);
      return () => void (this.timers = this.timers.filter((other) => other !== timer));
    },
    log: silentLog,
  });
  credentials(more: Partial<StorageCredentials> = {}): StorageCredentials {
    return {
      accessKeyId: 'AKIA',
      secretAccessKey: 'secret',
      sessionToken: 'token',
      expiresAt: this.now + 15 * 60_000,
      region: 'eu-central-1',
      bucket: 'snapshots',
      prefix: 't/g/v1',
      ...more,
    };
  }
  grant(more: Partial<StorageCredentials> = {}): void {
    const { requestId } = this.asked.at(-1)!;
    this.broker.answered({ requestId, credentials: this.credentials(more) });
  }
  pass(ms: number): void {
    this.now += ms;
    const due = this.timers.filter((timer) => timer.at <= this.now);
    this.timers = this.timers.filter((timer) => timer.at > this.now);
    for (const timer of due) timer.run();
  }
}

describe('credentials for S3', () => {
  it('are asked for once by all who want the same, and kept until shortly before they expire', async () => {
    const bench = new Bench();
    const both = Promise.all([bench.broker.get(restore), bench.broker.get(restore)]);
    expect(bench.asked).toHaveLength(1);
    bench.grant();
    const [first, second] = await both;
    expect(first).toBe(second);
    bench.now = first.expiresAt - freshMs - 1;
    await bench.broker.get(restore);
    expect(bench.asked).toHaveLength(1);
    bench.now += 1;
    void bench.broker.get(restore);
    expect(bench.asked).toHaveLength(2);
    bench.grant();
  });

  it('that are not renewed are told of by their end, once a first asking had no answer', async () => {
    const bench = new Bench();
    void bench.broker.get(snapshot);
    bench.grant();
    const { expiresAt } = await bench.broker.get(snapshot);
    bench.now = expiresAt - freshMs;
    const renewed = bench.broker.get(snapshot);
    void bench.broker.get(restore); // new ones: nothing of them can end
    expect(bench.broker.endsAt).toBeUndefined();
    bench.pass(16_000);
    expect(bench.broker.endsAt).toBe(expiresAt);
    bench.pass(freshMs);
    expect(bench.broker.endsAt).toBe(expiresAt);
    const { requestId } = bench.asked.findLast(({ purpose }) => purpose === snapshot)!;
    bench.broker.answered({ requestId, credentials: bench.credentials() });
    await renewed;
    expect(bench.broker.endsAt).toBeUndefined();
  });

  it('are not shared between purposes', () => {
    const bench = new Bench();
    void bench.broker.get(restore);
    void bench.broker.get(snapshot);
    void bench.broker.get({ kind: 'delete', volumeId: 'v1', snapshotId: 's1' });
    expect(bench.asked.map(({ purpose }) => purpose.kind)).toEqual(['restore', 'snapshot', 'delete']);
    bench.broker.answered({ requestId: 'somebody else’s', credentials: bench.credentials() });
  });

  it('come when the connection is back, however long that takes', async () => {
    const bench = new Bench();
    bench.isUp = false;
    const waiting = bench.broker.get(restore);
    for (let i = 0; i < 100; i++) bench.pass(60_000);
    bench.isUp = true;
    bench.broker.connected();
    expect(bench.asked).toHaveLength(1);
    bench.grant();
    expect((await waiting).bucket).toBe('snapshots');
  });

  it('are asked for again when no answer comes, and when the failure will pass', async () => {
    const bench = new Bench();
    const waiting = bench.broker.get(restore);
    const late = bench.asked[0]!.requestId;
    bench.pass(15_000);
    expect(bench.asked).toHaveLength(2);
    bench.broker.answered({ requestId: late, error: { code: 'FORBIDDEN', message: 'too late to matter' } });
    bench.broker.answered({
      requestId: bench.asked[1]!.requestId,
      error: { code: 'UNAVAILABLE', message: 'STS is busy' },
    });
    bench.pass(5_000);
    expect(bench.asked).toHaveLength(3);
    bench.grant();
    await waiting;
  });

  it('are refused with the server’s words', async () => {
    const bench = new Bench();
    const waiting = bench.broker.get(restore);
    const { requestId } = bench.asked[0]!;
    bench.broker.answered({ requestId, error: { code: 'INVALID_INPUT', message: 'no such name' } });
    await expect(waiting).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringContaining('no such name'),
    });
  });

  it('do not come any more when the agent stops', async () => {
    const bench = new Bench();
    const waiting = bench.broker.get(restore);
    bench.broker.close();
    await expect(waiting).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(bench.broker.get(restore)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(bench.timers).toEqual([]);
  });
});

describe('access to the bucket', () => {
  const access = (bench: Bench, waitMs?: number) =>
    storageAccess({ broker: bench.broker, agent: undefined, clockOffsetMs: () => 90_000, waitMs });

  it('is a client with the answer’s place and with credentials that renew themselves', async () => {
    const bench = new Bench();
    const { bucketFor, close } = access(bench);
    const opened = bucketFor(restore);
    bench.grant({ endpoint: 'http://127.0.0.1:9' });
    const { client, bucket, prefix } = await opened;
    expect({ bucket, prefix }).toEqual({ bucket: 'snapshots', prefix: 't/g/v1/' });
    expect(await client.config.region()).toBe('eu-central-1');
    expect(client.config.forcePathStyle).toBe(true);
    expect(client.config.systemClockOffset).toBe(90_000);
    expect(await client.config.credentials()).toMatchObject({ accessKeyId: 'AKIA', sessionToken: 'token' });
    bench.now += 15 * 60_000;
    const again = bucketFor(restore);
    bench.grant({ endpoint: 'http://127.0.0.1:9', accessKeyId: 'NEW' });
    expect((await again).client).toBe(client);
    close();
  });

  it('is not waited for without end by a snapshot', async () => {
    const { bucketFor } = access(new Bench(), 20);
    await expect(bucketFor(snapshot)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});

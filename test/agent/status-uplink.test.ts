import { join } from 'node:path';
import { silentLog } from '../../core/log.ts';
import type { Heartbeat, Inventory } from '../../core/status.ts';
import { StatusUplink } from '../../agent/connection/status-uplink.ts';
import { rollupFrameBytes, type Rollup } from '../../core/rollups/rollup.ts';
import { openSpool, type Spool } from '../../agent/status/spool.ts';
import { temporaryDirectory } from './temporary-directory.ts';

const second = 1_000;
const boot = 'boot-1';

const benches: Bench[] = [];
afterEach(async () => {
  for (const bench of benches.splice(0)) {
    await bench.uplink.stop();
    await bench.spool.close();
  }
});

/** An uplink under a clock of its own, over a real spool. */
class Bench {
  now = 0;
  isUp = false;
  collected = 0;
  collectFails = false;
  isBusy = false;
  inventoryHash = 'h1';
  sent: {
    type: string;
    seq?: number;
    sentAt?: number;
    hash?: string;
    wantsAck?: boolean;
    rollups?: (Rollup | undefined)[];
  }[] = [];
  timers: { at: number; run: () => void }[] = [];
  isPingAnswered = true;
  /** What statuses are to take along, what they asked for, and what became of it. */
  rollups: Rollup[] = [];
  askedFor: { carrier: string; roomBytes: number; withOpen: boolean }[] = [];
  told: string[] = [];
  /** Makes heartbeats larger. */
  padding = '';
  spool!: Spool;
  uplink!: StatusUplink;

  async start(): Promise<this> {
    await this.prepare();
    this.uplink.start();
    return this;
  }
  async prepare(): Promise<void> {
    benches.push(this);
    this.spool = await openSpool({ path: join(temporaryDirectory(), 'spool') });
    this.uplink = new StatusUplink({
      collect: () =>
        this.collectFails ? Promise.reject(new Error('no /proc')) : Promise.resolve(this.heartbeat()),
      inventory: () => Promise.resolve({ hash: this.inventoryHash } as Inventory),
      spool: this.spool,
      rollups: {
        due: (carrier, { roomBytes, withOpen }) => {
          this.askedFor.push({ carrier, roomBytes, withOpen });
          return this.rollups;
        },
        acked: (carrier) => void this.told.push(`acked ${carrier}`),
        lost: () => void this.told.push('lost'),
      },
      send: (type, body) => {
        if (!this.isUp) return false;
        if ('heartbeat' in body) {
          const { seq, sentAt } = body.heartbeat;
          const { wantsAck = true, rollups } = body;
          this.sent.push({ type, seq, sentAt, wantsAck, ...(rollups && { rollups }) });
        } else this.sent.push({ type, hash: body.inventory.hash });
        return true;
      },
      isPingAnswered: () => this.isPingAnswered,
      isBusy: () => this.isBusy,
      now: () => this.now,
      setTimer: (run, delayMs) => {
        const timer = { at: this.now + delayMs, run };
        this.timers.push(timer);
        return () => void (this.timers = this.timers.filter((other) => other !== timer));
      },
      log: silentLog,
    });
  }
  private heartbeat(): Heartbeat {
    const seq = ++this.collected;
    return {
      bootId: boot,
      seq,
      sentAt: this.now,
      agentVersion: `0.1.0${this.padding}`,
      agentStartedAt: 0,
      metrics: {},
      filesystems: [],
      volumes: [],
    };
  }
  async up(intervalMs = 300 * second, changeBurst?: number): Promise<void> {
    this.isUp = true;
    this.uplink.up({ heartbeatIntervalMs: intervalMs, changeBurst });
    await this.settle();
  }
  async down(): Promise<void> {
    this.isUp = false;
    this.uplink.down();
    await this.settle();
  }
  async change(): Promise<void> {
    this.uplink.changed();
    await this.settle();
  }
  async ack(seq: number): Promise<void> {
    await this.uplink.acked({ bootId: boot, seq }, boot);
    await this.settle();
  }
  /** Lets time pass, timer by timer. */
  async pass(ms: number): Promise<void> {
    const end = this.now + ms;
    for (;;) {
      const next = [...this.timers].sort((a, b) => a.at - b.at)[0];
      if (!next || next.at > end) break;
      this.now = Math.max(this.now, next.at);
      this.timers = this.timers.filter((timer) => timer !== next);
      next.run();
      await this.settle();
    }
    this.now = end;
  }
  /** Promises and the spool's writes have come to rest. */
  async settle(): Promise<void> {
    for (let quiet = 0, seen = ''; quiet < 3;) {
      await new Promise((resolve) => setImmediate(resolve));
      await this.spool.ack('nobody', 0);
      const state = JSON.stringify([this.sent.length, this.collected, this.spool.count, this.timers.length]);
      quiet = state === seen ? quiet + 1 : 0;
      seen = state;
    }
  }
  inventories(): (string | undefined)[] {
    return this.sent.filter(({ type }) => type === 'inventory').map(({ hash }) => hash);
  }
  seqs(): number[] {
    return this.sent.filter(({ type }) => type === 'status').map(({ seq }) => seq!);
  }
}

it('sends one at once when a connection is up, then one at the server’s interval', async () => {
  const bench = await new Bench().start();
  await bench.up(60 * second);
  expect(bench.seqs()).toEqual([1]);
  await bench.pass(180 * second);
  expect(bench.seqs()).toEqual([1, 2, 3, 4]);
});

it('sends the inventory until the server has it, and again when it has changed', async () => {
  const bench = await new Bench().start();
  await bench.up(60 * second);
  bench.uplink.inventoryAcked('h1');
  await bench.pass(120 * second);
  await bench.up(60 * second);
  bench.inventoryHash = 'h2';
  await bench.pass(60 * second);
  expect(bench.inventories()).toEqual(['h1', 'h2']);
});

it('sends an inventory without its answer again with later statuses, three times over one connection', async () => {
  const bench = await new Bench().start();
  await bench.up(60 * second);
  await bench.change(); // No answer can be there yet.
  expect(bench.inventories()).toHaveLength(1);
  await bench.pass(600 * second);
  expect(bench.inventories()).toHaveLength(3);
  await bench.up(60 * second);
  expect(bench.inventories()).toHaveLength(4);
  bench.uplink.inventoryAcked('older');
  await bench.pass(60 * second);
  expect(bench.inventories()).toHaveLength(5);
  bench.uplink.inventoryAcked('h1');
  await bench.up(60 * second);
  await bench.pass(600 * second);
  expect(bench.inventories()).toHaveLength(5);
});

it('sends changes at once while the burst lasts, then one a minute that says it all', async () => {
  const bench = await new Bench().start();
  await bench.up(3_600 * second, 2);
  await bench.ack(1);
  for (const seq of [2, 3]) {
    await bench.change();
    await bench.ack(seq);
  }
  expect(bench.seqs()).toEqual([1, 2, 3]);
  for (let i = 0; i < 10; i++) await bench.change();
  await bench.pass(59 * second);
  expect(bench.seqs()).toEqual([1, 2, 3]);
  await bench.pass(second);
  expect(bench.seqs()).toEqual([1, 2, 3, 4]);
  await bench.ack(4);
  await bench.pass(600 * second);
  expect(bench.seqs()).toEqual([1, 2, 3, 4]);
});

it('repeats a change, ever more slowly, until it is acknowledged', async () => {
  const bench = await new Bench().start();
  await bench.up(3_600 * second);
  await bench.ack(1);
  await bench.change();
  await bench.pass(10 * second);
  expect(bench.seqs()).toEqual([1, 2, 3]);
  await bench.pass(19 * second);
  expect(bench.seqs()).toHaveLength(3);
  await bench.pass(second);
  expect(bench.seqs()).toHaveLength(4);
  await bench.ack(4);
  await bench.pass(300 * second);
  expect(bench.seqs()).toHaveLength(4);
});

it('asks for the answer of what must arrive, and of nothing else', async () => {
  const bench = await new Bench().start();
  await bench.pass(300 * second);
  await bench.up(60 * second);
  await bench.ack(1);
  await bench.change();
  await bench.pass(30 * second);
  await bench.ack(5);
  await bench.pass(60 * second);
  const asked = bench.sent
    .filter(({ type }) => type === 'status')
    .map(({ seq, wantsAck }) => [seq, wantsAck]);
  expect(asked).toEqual([
    [2, false], // a beat
    [1, true], // of the spool
    [3, true], // a change
    [4, true], // its repetition
    [5, true], // and another
    [6, false],
  ]);
});

it('asks for the answer of every status while no ping was answered: else nothing would show that nobody hears', async () => {
  const bench = await new Bench().start();
  bench.isPingAnswered = false;
  await bench.up(60 * second);
  await bench.pass(60 * second);
  bench.isPingAnswered = true;
  await bench.pass(60 * second);
  const asked = bench.sent.filter(({ type }) => type === 'status').map(({ wantsAck }) => wantsAck);
  expect(asked).toEqual([true, true, false]);
});

it('beats at the server’s interval, and not at a longer one of its own, while no ping was answered', async () => {
  const bench = await new Bench().start();
  await bench.up(60 * second);
  await bench.ack(1);
  bench.uplink.configure(300 * second);
  await bench.settle();
  await bench.ack(2);
  bench.isPingAnswered = false;
  await bench.pass(120 * second);
  expect(bench.seqs()).toEqual([1, 2, 3, 4]);
  bench.isPingAnswered = true;
  await bench.pass(240 * second);
  expect(bench.seqs()).toEqual([1, 2, 3, 4]);
});

it('keeps what it cannot send and backfills it, oldest first, with the times at which it was made', async () => {
  const bench = await new Bench().start();
  await bench.up(60 * second);
  await bench.ack(1);
  bench.uplink.inventoryAcked('h1');
  await bench.down();
  await bench.pass(600 * second);
  await bench.change();
  expect(bench.spool.count).toBe(11);
  await bench.up(60 * second);
  const [newest, ...old] = bench.sent.slice(2);
  expect(newest).toMatchObject({ seq: 13 });
  expect(old.map(({ seq }) => seq)).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
  expect(old[0]).toMatchObject({ sentAt: 60 * second });
  for (const seq of [2, 3, 4, 5, 6, 7, 8, 9]) await bench.ack(seq);
  expect(bench.seqs().slice(10)).toEqual([10, 11, 12]);
  for (const seq of [10, 11, 12]) await bench.ack(seq);
  expect(bench.spool.count).toBe(0);
});

it('sends a batch of the spool again when its acks are lost', async () => {
  const bench = await new Bench().start();
  await bench.pass(600 * second);
  expect(bench.spool.count).toBe(2);
  await bench.up(3_600 * second);
  await bench.ack(3);
  expect(bench.seqs()).toEqual([3, 1, 2]);
  await bench.ack(1);
  await bench.pass(15 * second);
  expect(bench.seqs()).toEqual([3, 1, 2, 2]);
});

it('goes on when a status cannot be collected, and still owes the change', async () => {
  const bench = await new Bench().start();
  await bench.up(3_600 * second);
  await bench.ack(1);
  bench.collectFails = true;
  await bench.change();
  expect(bench.seqs()).toEqual([1]);
  bench.collectFails = false;
  await bench.pass(5 * second);
  expect(bench.seqs()).toEqual([1, 2]);
});

it('keeps the interval of the gateway’s configuration, and the server’s again without one', async () => {
  const bench = await new Bench().start();
  await bench.up(60 * second);
  await bench.ack(1);
  bench.uplink.configure(180 * second);
  await bench.settle();
  await bench.ack(2);
  await bench.pass(179 * second);
  // At once, since silence is judged by it.
  expect(bench.seqs()).toEqual([1, 2]);
  await bench.up(60 * second);
  await bench.pass(170 * second);
  expect(bench.seqs()).toEqual([1, 2, 3]);
  bench.uplink.configure(undefined);
  await bench.settle();
  expect(bench.seqs()).toEqual([1, 2, 3, 4]);
  expect(bench.uplink.intervalMs).toBe(60 * second);
});

it('reports every 15 s while something runs, over a connection alone', async () => {
  const bench = await new Bench().start();
  await bench.up(3_600 * second);
  bench.isBusy = true;
  await bench.pass(60 * second);
  expect(bench.seqs()).toHaveLength(5);
  bench.isBusy = false;
  await bench.pass(60 * second);
  expect(bench.seqs()).toHaveLength(5);
  bench.isBusy = true;
  await bench.down();
  await bench.pass(60 * second);
  expect(bench.spool.count).toBe(0);
});

it('reports faster for those who watch, until they are gone', async () => {
  const bench = await new Bench().start();
  await bench.up(3_600 * second);
  await bench.pass(100 * second);
  bench.uplink.watch({ everyMs: 2 * second, forMs: 10 * second });
  await bench.settle();
  await bench.pass(8 * second);
  expect(bench.seqs()).toHaveLength(6);
  bench.uplink.watch({ everyMs: 2 * second, forMs: 10 * second });
  await bench.pass(600 * second);
  expect(bench.seqs()).toHaveLength(10);
});

it('says nothing before it is started: a status without the volumes would look like their loss', async () => {
  const bench = new Bench();
  await bench.prepare();
  bench.uplink.configure(60 * second);
  await bench.pass(600 * second);
  expect(bench.collected).toBe(0);
});

describe('the past goes along', () => {
  const rollup: Rollup = { kind: 'half-hour', startsAt: 0, counts: [1], signals: {} };
  const carrying = async (): Promise<Bench> => {
    const bench = await new Bench().start();
    bench.rollups = [rollup];
    await bench.up();
    return bench;
  };

  test('with each status, without an answer of its own', async () => {
    const bench = await carrying();
    expect(bench.sent.at(-1)).toMatchObject({ type: 'status', seq: 1, wantsAck: false, rollups: [rollup] });
    bench.rollups = [];
    await bench.pass(300 * second);
    expect(bench.sent.at(-1)).not.toHaveProperty('rollups');
    expect(bench.askedFor.map(({ carrier, withOpen }) => [carrier, withOpen])).toEqual([
      ['boot-1 1', false],
      ['boot-1 2', false],
    ]);
  });

  test('with what is in the spool, which it gives a use', async () => {
    const bench = await carrying();
    await bench.down();
    bench.rollups = [];
    await bench.pass(900 * second);
    expect(bench.askedFor).toHaveLength(1); // nothing is promised to what goes nowhere
    bench.rollups = [rollup];
    await bench.up();
    const statuses = bench.sent.filter(({ type }) => type === 'status').slice(1);
    expect(statuses.map(({ seq, rollups }) => [seq, rollups])).toEqual([
      [5, [rollup]],
      [2, [rollup]],
      [3, [rollup]],
      [4, [rollup]],
    ]);
    await bench.ack(2);
    expect(bench.told).toContain('acked boot-1 2');
  });

  test('as far as it got, with what changed and for who looks', async () => {
    const bench = await carrying();
    await bench.change();
    expect(bench.askedFor.at(-1)).toMatchObject({ carrier: 'boot-1 2', withOpen: true });
    await bench.pass(300 * second);
    expect(bench.askedFor.at(-1)!.withOpen).toBe(false);
    const before = bench.askedFor.length;
    bench.uplink.watch({ everyMs: 2 * second, forMs: 60 * second });
    await bench.settle();
    await bench.pass(6 * second);
    const [first, ...later] = bench.askedFor.slice(before).map(({ withOpen }) => withOpen);
    expect(first).toBe(true);
    expect(new Set(later)).toEqual(new Set([false]));
  });

  test('again, where a connection was lost, or where nobody handled a frame of it', async () => {
    const bench = await carrying();
    bench.told = [];
    await bench.down();
    expect(bench.told).toEqual(['lost']);
    await bench.up();
    bench.told = [];
    bench.uplink.sayAgain();
    expect(bench.told).toEqual(['lost']);
  });

  test('again, where its status went into the spool after all', async () => {
    const bench = await carrying();
    bench.told = [];
    bench.isUp = false; // the connection takes nothing any more, and nobody has said so yet
    await bench.pass(300 * second);
    expect(bench.spool.count).toBe(1);
    expect(bench.told).toEqual(['lost']);
  });

  test('in what room a frame has left beside its heartbeat', async () => {
    const bench = await carrying();
    expect(bench.askedFor[0]!.roomBytes).toBe(rollupFrameBytes);
    bench.padding = 'm'.repeat(20_000);
    await bench.pass(300 * second);
    const { roomBytes } = bench.askedFor.at(-1)!;
    expect(roomBytes).toBeGreaterThan(0);
    expect(roomBytes).toBeLessThan(4 * 1024);
  });
});

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bucketsOf, rollupFrameBytes, rollupSchema, type Rollup } from '../../../core/rollups/rollup.ts';
import { keepPast, loadPast } from '../../../agent/rollups/past-file.ts';
import { RollupKeeper } from '../../../agent/rollups/rollup-keeper.ts';
import { hours, minutes } from '../../support/fleet.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const t0 = Date.UTC(2026, 10, 29, 16, 30);
const cpu = 'system.cpu.utilization';
const room = { roomBytes: rollupFrameBytes, withOpen: false };
const withOpen = { ...room, withOpen: true };

const benches: Bench[] = [];
afterEach(() => benches.splice(0).forEach((bench) => bench.kill()));

/** A keeper under clocks of its own, over a real file. */
class Bench {
  readonly path: string;
  unixMs: number;
  now = 0;
  value = 0.5;
  more: Record<string, number> = {};
  measureFails = false;
  isPingAnswered = true;
  logged: string[] = [];
  keeper!: RollupKeeper;
  #timer: { at: number; run: () => void } | undefined;
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, unixMs: number) {
    this.path = path;
    this.unixMs = unixMs;
    benches.push(this);
  }
  static async start(unixMs = t0, path = join(temporaryDirectory(), 'rollups.json')): Promise<Bench> {
    const bench = new Bench(path, unixMs);
    await bench.#start();
    return bench;
  }
  /** A process after one that was killed: what is not in the file is gone. */
  async restart(afterMs = 0): Promise<Bench> {
    this.kill();
    await this.#writing;
    return Bench.start(this.unixMs + afterMs, this.path);
  }
  kill(): void {
    this.#timer = undefined;
  }
  async #start(): Promise<void> {
    const log = (_level: string, event: string) => void this.logged.push(event);
    const keep = keepPast(this.path);
    this.keeper = new RollupKeeper({
      past: await loadPast(this.path, log),
      keep: (past) => (this.#writing = keep(past)),
      observe: () =>
        this.measureFails
          ? Promise.reject(new Error('no /proc'))
          : Promise.resolve({ [cpu]: this.value, ...this.more }),
      isPingAnswered: () => this.isPingAnswered,
      unixMs: () => this.unixMs,
      now: () => this.now,
      setTimer: (run, delayMs) => {
        this.#timer = { at: this.now + delayMs, run };
        return () => void (this.#timer = undefined);
      },
      log,
    }).start();
    await this.#settle();
  }
  async pass(ms: number): Promise<void> {
    const end = this.now + ms;
    while (this.#timer && this.#timer.at <= end) {
      const { at, run } = this.#timer;
      this.unixMs += at - this.now;
      this.now = at;
      this.#timer = undefined;
      run();
      await this.#settle();
    }
    this.unixMs += end - this.now;
    this.now = end;
  }
  /** It has measured, and written what it had to. */
  async #settle(): Promise<void> {
    while (!this.#timer) await new Promise((resolve) => setImmediate(resolve));
    await this.#writing.catch(() => undefined);
  }
}

const countsOf = (rollups: Rollup[]) => rollups.map(({ counts }) => counts);
const startsOf = (rollups: Rollup[]) => rollups.map(({ startsAt }) => (startsAt - t0) / minutes);

test('makes a rollup of what it measured each minute, once its half hour is over', async () => {
  const bench = await Bench.start();
  for (const value of [0.1, 0.2, 0.3, 0.4]) {
    await bench.pass(minutes);
    bench.value = value;
  }
  await bench.pass(25 * minutes);
  expect(bench.keeper.due('a', room)).toEqual([]);
  await bench.pass(minutes);
  const [done] = bench.keeper.due('b', room);
  expect(done).toMatchObject({ kind: 'half-hour', startsAt: t0, counts: [5, 5, 5, 5, 5, 5] });
  // 0.5 twice, then 0.1 to 0.3; then 0.4 alone.
  expect(done!.signals[cpu]!.slice(0, 6)).toEqual([0.1, 0.32, 0.5, 0.4, 0.4, 0.4]);
});

test('a day has an account of its own, by the hour', async () => {
  const bench = await Bench.start(Date.UTC(2026, 10, 29, 22));
  await bench.pass(2 * hours + minutes);
  const day = bench.keeper.due('a', { ...room, roomBytes: 20_000 }).find(({ kind }) => kind === 'day')!;
  expect(day.startsAt).toBe(Date.UTC(2026, 10, 29));
  expect(day.counts).toEqual([...Array.from({ length: 22 }, () => 0), 60, 60]);
});

describe('what is under way', () => {
  const withRollup = async (): Promise<Bench> => {
    const bench = await Bench.start();
    await bench.pass(31 * minutes);
    return bench;
  };

  test('is not sent twice, and is forgotten once the status that carried it is stored', async () => {
    const { keeper, ...bench } = await withRollup();
    expect(startsOf(keeper.due('boot 1', room))).toEqual([0]);
    expect(keeper.due('boot 2', room)).toEqual([]);
    keeper.acked('boot 2');
    keeper.acked('boot 1');
    keeper.lost();
    expect(keeper.due('boot 3', room)).toEqual([]);
    expect(bench.logged).toEqual([]);
  });

  test('is sent again where its connection was lost soon after', async () => {
    const bench = await withRollup();
    bench.keeper.due('boot 1', room);
    await bench.pass(2 * minutes);
    bench.keeper.lost();
    expect(startsOf(bench.keeper.due('boot 2', room))).toEqual([0]);
  });

  test('has arrived where its connection stood long enough for a ping to show that it is whole', async () => {
    const bench = await withRollup();
    bench.keeper.due('boot 1', room);
    await bench.pass(3 * minutes);
    bench.keeper.lost();
    expect(bench.keeper.due('boot 2', room)).toEqual([]);
  });

  test('needs its answer where no ping is answered', async () => {
    const bench = await withRollup();
    bench.isPingAnswered = false;
    bench.keeper.due('boot 1', room);
    await bench.pass(10 * minutes);
    bench.keeper.lost();
    expect(startsOf(bench.keeper.due('boot 2', room))).toEqual([0]);
  });
});

test('what is not whole yet goes along where it is asked for, and comes again when it is', async () => {
  const bench = await Bench.start();
  await bench.pass(6 * minutes);
  expect(countsOf(bench.keeper.due('boot 1', withOpen))).toEqual([[5, 2]]);
  bench.keeper.acked('boot 1');
  await bench.pass(25 * minutes);
  expect(countsOf(bench.keeper.due('boot 2', room))).toEqual([[5, 5, 5, 5, 5, 5]]);
});

describe('an agent that starts again', () => {
  test('goes on where a stopped one was, in the same bucket', async () => {
    const bench = await Bench.start();
    await bench.pass(6 * minutes);
    await bench.keeper.stop();
    const next = await bench.restart(minutes);
    next.value = 0.1;
    await next.pass(24 * minutes);
    const [rollup] = next.keeper.due('a', room);
    expect(rollup!.counts).toEqual([5, 5, 5, 5, 5, 5]);
    expect(bucketsOf(rollup!)[1]!.values[cpu]).toEqual([0.1, 0.34, 0.5]);
  });

  test('after a kill lacks what was measured since the last bucket was over, and no more', async () => {
    const bench = await Bench.start();
    await bench.pass(8 * minutes); // written at 16:35
    const next = await bench.restart(2 * minutes);
    await next.pass(20 * minutes);
    expect(countsOf(next.keeper.due('a', room))).toEqual([[5, 1, 5, 5, 5, 5]]);
  });

  test('sends what the one before could not', async () => {
    const bench = await Bench.start();
    await bench.pass(31 * minutes);
    bench.keeper.due('boot 1', room); // and is killed before it knows that it has arrived
    const next = await bench.restart();
    expect(startsOf(next.keeper.due('boot 2', room))).toEqual([0]);
  });

  test('begins anew where the file is damaged, and says so', async () => {
    const bench = await Bench.start();
    await bench.pass(31 * minutes);
    writeFileSync(bench.path, '{"format":"holdfast-agent-rollups","version":1,"open":[],"done":[{}]}');
    const next = await bench.restart();
    expect(next.keeper.due('a', room)).toEqual([]);
    expect(next.logged).toEqual(['rollups.forgotten']);
  });
});

test('the newest go first, a few at a time', async () => {
  const bench = await Bench.start();
  await bench.pass(3 * hours + minutes);
  expect(startsOf(bench.keeper.due('a', { ...room, roomBytes: 20_000 }))).toEqual([150, 120, 90, 60]);
  expect(startsOf(bench.keeper.due('b', { ...room, roomBytes: 20_000 }))).toEqual([30, 0]);
});

test('takes no more than there is room for', async () => {
  const bench = await Bench.start();
  await bench.pass(3 * hours + minutes);
  const bytes = JSON.stringify(bench.keeper.due('a', room)[0]).length + 1;
  bench.keeper.lost();
  expect(bench.keeper.due('b', { ...room, roomBytes: 2 * bytes + 1 })).toHaveLength(2);
  bench.keeper.lost();
  expect(bench.keeper.due('c', { ...room, roomBytes: bytes - 1 })).toEqual([]);
  expect(bench.keeper.due('d', { ...room, roomBytes: -1 })).toEqual([]);
});

test('one that is too large for what is left keeps no other one waiting', async () => {
  const bench = await Bench.start(Date.UTC(2026, 10, 29, 22));
  await bench.pass(2 * hours + minutes);
  const [day] = bench.keeper.due('a', { ...room, roomBytes: 20_000 });
  expect(day!.kind).toBe('day');
  bench.keeper.lost();
  const dayBytes = JSON.stringify(day).length;
  const kinds = bench.keeper.due('b', { ...room, roomBytes: dayBytes }).map(({ kind }) => kind);
  expect(kinds.length).toBeGreaterThan(0);
  expect(kinds).not.toContain('day');
});

test('a clock that is set back and forth makes neither two rollups of one span nor any of what is to come', async () => {
  const bench = await Bench.start();
  await bench.pass(31 * minutes);
  bench.unixMs = t0 + 10 * minutes;
  await bench.pass(21 * minutes);
  const again = bench.keeper.due('a', { ...room, roomBytes: 20_000 });
  expect(startsOf(again)).toEqual([0, 30]);
  expect(again[0]!.counts.every((count) => count >= 5)).toBe(true);
  bench.unixMs = t0 + 24 * hours;
  await bench.pass(minutes);
  bench.unixMs = t0 + hours;
  await bench.pass(minutes);
  bench.keeper.lost();
  expect(
    bench.keeper.due('b', { ...room, roomBytes: 20_000 }).every(({ startsAt }) => startsAt <= bench.unixMs),
  ).toBe(true);
});

test('a clock that was reset holds back what waits, and sends it once it is right again', async () => {
  const bench = await Bench.start();
  await bench.pass(61 * minutes);
  const right = bench.unixMs;
  bench.unixMs = 0;
  await bench.pass(minutes);
  expect(bench.keeper.due('a', room)).toEqual([]);
  const next = await bench.restart(right);
  await next.pass(minutes);
  // Of the half hour and the day of the reset there are parts, too.
  expect(startsOf(next.keeper.due('b', room)).slice(-2)).toEqual([30, 0]);
});

test('what a still clock and faded values make of a rollup is one that the cloud takes', async () => {
  const bench = await Bench.start();
  bench.value = 1e-300;
  const until = bench.unixMs;
  for (let minute = 0; minute < 1_500; minute++) {
    bench.unixMs = until - minutes;
    await bench.pass(minutes);
  }
  bench.unixMs = until + 31 * minutes;
  await bench.pass(minutes);
  const [rollup] = bench.keeper.due('a', withOpen).filter(({ startsAt }) => startsAt === t0);
  expect(rollup).toMatchObject({ counts: [1_440] });
  expect(rollupSchema.safeParse(rollup).error).toBeUndefined();
  expect(bench.logged).toEqual([]);
});

test('a rollup that no cloud would take is dropped alone, and the file with the others is read again', async () => {
  const bench = await Bench.start();
  await bench.pass(31 * minutes);
  bench.more = { 'gateway.connection.rtt': 1e300 };
  await bench.pass(28 * minutes);
  bench.more = {};
  await bench.pass(32 * minutes);
  expect(new Set(bench.logged)).toEqual(new Set(['rollups.not-valid']));
  await bench.keeper.stop();
  const next = await bench.restart();
  expect(startsOf(next.keeper.due('a', room))).toEqual([60, 0]);
  expect(next.logged).toEqual([]);
});

test('a measurement that fails is a gap, and the next one is made', async () => {
  const bench = await Bench.start();
  bench.measureFails = true;
  await bench.pass(10 * minutes);
  bench.measureFails = false;
  await bench.pass(21 * minutes);
  expect(countsOf(bench.keeper.due('a', room))).toEqual([[1, 0, 4, 5, 5, 5]]);
  expect(new Set(bench.logged)).toEqual(new Set(['rollups.not-measured']));
});

test('where nothing can be written it goes on from memory, and says so', async () => {
  const bench = await Bench.start(t0, join(temporaryDirectory(), 'no', 'such', 'folder'));
  await bench.pass(31 * minutes);
  expect(startsOf(bench.keeper.due('a', room))).toEqual([0]);
  expect(new Set(bench.logged)).toEqual(new Set(['rollups.not-kept']));
});

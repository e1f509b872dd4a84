import type { Downstream, DownstreamType } from '../../core/messages.ts';
import { nextLink } from '../../agent/connection/link-machine.ts';
import {
  initialLink,
  linkTimes,
  nextWakeAt,
  type LinkEffect,
  type LinkEvent,
  type LinkState,
} from '../../agent/connection/link-state.ts';

const minute = 60_000;
const t0 = 1_800_000_000_000;
type Body<T extends DownstreamType> = Extract<Downstream, { t: T }>['body'];

/** One link under a clock of its own: `now` starts at 0, the wall clock at t0 + skew. */
class Bench {
  state: LinkState;
  now = 0;
  skewMs = 0;
  random = 0.5;
  effects: LinkEffect[] = [];

  constructor(cells = ['c1', 'c2'], memory = { welcomedSeq: 0, reconnectWindowMs: 30_000 }) {
    this.state = initialLink(memory, cells);
  }
  give(event: Record<string, unknown> & { type: LinkEvent['type'] }): LinkEffect[] {
    const full = { ...event, now: this.now, unixMs: t0 + this.skewMs + this.now, random: this.random };
    const next = nextLink(this.state, full as LinkEvent);
    this.state = next.state;
    this.effects = next.effects;
    return next.effects;
  }
  frame<T extends DownstreamType>(t: T, body: Body<T>, dialId: number, epoch: number): LinkEffect[] {
    const message = { v: 1, t, id: 'm', epoch, seq: 1, ts: t0, body } as Downstream;
    return this.give({ type: 'frame', dialId, message });
  }
  /** Lets time pass to the next deadline. */
  wake(): LinkEffect[] {
    this.now = nextWakeAt(this.state) ?? Number.NaN;
    return this.give({ type: 'tick' });
  }
  /** The attempt is opened and welcomed; gives its dialId and epoch. */
  connect(serverTime?: number): { dialId: number; epoch: number } {
    const attempt = this.state.attempt!;
    this.give({ type: 'opened', dialId: attempt.dialId });
    const welcome = {
      gatewayId: 'g',
      heartbeatIntervalMs: 300_000,
      reconnectWindowMs: 40_000,
      serverTime: serverTime ?? t0 + this.now,
    };
    this.frame('welcome', welcome, attempt.dialId, attempt.seq);
    return { dialId: attempt.dialId, epoch: attempt.seq };
  }
  has(kind: LinkEffect['do']): boolean {
    return this.effects.some((effect) => effect.do === kind);
  }
  only<K extends LinkEffect['do']>(kind: K): Extract<LinkEffect, { do: K }> {
    const found = this.effects.filter((effect) => effect.do === kind);
    expect(found).toHaveLength(1);
    return found[0] as Extract<LinkEffect, { do: K }>;
  }
}
const connected = (bench = new Bench()) => {
  bench.give({ type: 'start' });
  return { bench, ...bench.connect() };
};

describe('dialing', () => {
  it('numbers the dial with the clock, or above the last welcome if that is higher', () => {
    const byClock = new Bench();
    expect(byClock.give({ type: 'start' })).toMatchObject([{ do: 'dial', seq: t0, issuedAt: t0 }]);
    const ahead = new Bench(['c1'], { welcomedSeq: t0 + 500, reconnectWindowMs: 0 });
    expect(ahead.give({ type: 'start' })).toMatchObject([{ do: 'dial', seq: t0 + 501, issuedAt: t0 }]);
  });

  it('says hello when open, is up at the welcome, and remembers number and window', () => {
    const bench = new Bench();
    bench.give({ type: 'start' });
    expect(bench.give({ type: 'opened', dialId: 1 })).toEqual([{ do: 'hello', dialId: 1 }]);
    bench.connect();
    expect(bench.only('up')).toMatchObject({ dialId: 1, epoch: t0, cellId: 'c1' });
    expect(bench.only('remember').memory).toEqual({ welcomedSeq: t0, reconnectWindowMs: 40_000 });
  });

  it('gives up an attempt without a welcome and tries the next cell after a random part of the window', () => {
    const bench = new Bench();
    bench.give({ type: 'start' });
    bench.wake();
    expect(bench.now).toBe(linkTimes.attemptMs);
    expect(bench.only('close')).toMatchObject({ dialId: 1 });
    bench.wake();
    expect(bench.now).toBe(linkTimes.attemptMs + 15_000);
    expect(bench.only('dial')).toMatchObject({ cellIndex: 1 });
  });

  it('tries soon again after the first failures, and then spreads the tries over a growing window, up to the cap', () => {
    const bench = new Bench();
    bench.random = 0.999;
    bench.give({ type: 'start' });
    const waits: number[] = [];
    for (let i = 0; i < 6; i++) {
      const from = bench.now;
      bench.give({ type: 'closed', dialId: bench.state.attempt!.dialId, reason: 'refused' });
      bench.wake();
      waits.push(Math.round((bench.now - from) / 1_000));
    }
    expect(waits).toEqual([30, 2, 2, 2, 60, 60]);
  });

  it('is back within 1.25 windows after a loss and three dials that failed', () => {
    const { bench, dialId } = connected();
    bench.random = 0.999;
    const lostAt = bench.now;
    bench.give({ type: 'closed', dialId, reason: 'reset' });
    for (let i = 0; i < 3; i++) {
      bench.wake();
      bench.now += 500;
      bench.give({ type: 'refused', dialId: bench.state.dials, status: 429, serverTime: undefined });
    }
    bench.wake();
    expect(bench.only('dial')).toBeDefined();
    expect(bench.now - lostAt).toBeLessThan(1.25 * 40_000);
  });

  /** The cells that are dialed one after the other, the first one (0) failing with the first status. */
  const cellsAfter = (statuses: readonly (number | 'no answer')[], cells = ['c1', 'c2']): number[] => {
    const bench = new Bench(cells);
    bench.give({ type: 'start' });
    return statuses.map((status) => {
      const { dialId } = bench.state.attempt!;
      if (status === 'no answer') bench.give({ type: 'closed', dialId, reason: 'no route to host' });
      else bench.give({ type: 'refused', dialId, status, serverTime: undefined });
      bench.wake();
      return bench.only('dial').cellIndex;
    });
  };

  it('stays twice at a cell that is too busy where the next one was just found down, and then looks there again', () => {
    expect(cellsAfter([503, 500, 429, 500])).toEqual([1, 1, 1, 0]);
    expect(cellsAfter(['no answer', 429, 500, 'no answer'])).toEqual([1, 1, 1, 0]);
  });

  it('goes on to the next cell from a busy one where that may be better', () => {
    expect(cellsAfter([500, 500, 429])).toEqual([1, 0, 1]);
    expect(cellsAfter([503, 429, 429, 429], ['c1', 'c2', 'c3'])).toEqual([1, 2, 2, 2]);
    expect(cellsAfter([503, 429, 429], ['c1'])).toEqual([0, 0, 0]);
  });

  it('forgets at the welcome which cell was down', () => {
    const bench = new Bench();
    bench.give({ type: 'start' });
    bench.give({ type: 'refused', dialId: 1, status: 503, serverTime: undefined });
    bench.wake();
    bench.connect();
    expect(bench.state).toMatchObject({ downCell: undefined, busyStays: 0 });
  });

  it('waits longer and longer after refusals, without trying soon', () => {
    const bench = new Bench(['c1']);
    bench.random = 0.999;
    bench.give({ type: 'start' });
    const waits: number[] = [];
    for (let i = 0; i < 6; i++) {
      const from = bench.now;
      bench.give({ type: 'refused', dialId: bench.state.dials, status: 403, serverTime: undefined });
      bench.wake();
      waits.push(Math.round((bench.now - from) / 1_000));
    }
    expect(waits).toEqual([30, 60, 120, 240, 300, 300]);
  });

  it('says hello again until its welcome comes', () => {
    const bench = new Bench();
    bench.give({ type: 'start' });
    bench.give({ type: 'opened', dialId: 1 });
    for (let said = 1; said < 7; said++) {
      bench.wake();
      expect(bench.now).toBe(said * linkTimes.helloAgainMs);
      expect(bench.effects).toEqual([{ do: 'hello', dialId: 1 }]);
    }
    bench.connect();
    bench.wake();
    expect(bench.has('hello')).toBe(false);
  });

  it('learns the time from a refusal and dials the same cell again at once, once', () => {
    const bench = new Bench();
    bench.skewMs = 365 * 24 * 60 * minute;
    bench.give({ type: 'start' });
    expect(bench.state.attempt!.seq).toBe(t0 + bench.skewMs);
    bench.give({ type: 'refused', dialId: 1, status: 401, serverTime: t0 });
    bench.wake();
    expect(bench.now).toBeLessThan(2_000);
    expect(bench.only('dial')).toMatchObject({ cellIndex: 0, issuedAt: t0 + bench.now, seq: t0 + bench.now });
    bench.give({ type: 'refused', dialId: 2, status: 401, serverTime: t0 + bench.now });
    const refusedAt = bench.now;
    bench.wake();
    expect(bench.now - refusedAt).toBe(15_000);
  });

  it('waits like after any refusal where each one tells another time', () => {
    const bench = new Bench(['c1']);
    bench.give({ type: 'start' });
    const waits: number[] = [];
    for (let i = 0; i < 5; i++) {
      const from = bench.now;
      const serverTime = t0 + bench.now + (i % 2 ? 0 : 2 * minute);
      bench.give({ type: 'refused', dialId: bench.state.dials, status: 403, serverTime });
      bench.wake();
      waits.push(bench.now - from);
    }
    expect(waits).toEqual([1_500, 15_000, 30_000, 60_000, 120_000]);
  });

  it('does not let one wrong clock lock it out: a refused number is not kept', () => {
    const bench = new Bench(['c1']);
    bench.skewMs = 1_000 * minute;
    bench.give({ type: 'start' });
    bench.give({ type: 'refused', dialId: 1, status: 403, serverTime: undefined });
    bench.skewMs = 0;
    bench.wake();
    expect(bench.only('dial').seq).toBe(t0 + bench.now);
  });
});

describe('the connection in use', () => {
  it('delivers its own frames and drops those of another epoch', () => {
    const { bench, dialId, epoch } = connected();
    bench.frame('cmd.cancel', { commandId: 'a' }, dialId, epoch);
    expect(bench.only('deliver').message).toMatchObject({ t: 'cmd.cancel' });
    bench.frame('cmd.cancel', { commandId: 'a' }, dialId, epoch - 1);
    expect(bench.has('deliver')).toBe(false);
  });

  it('keeps frames that overtake the welcome until it is there', () => {
    const bench = new Bench();
    bench.give({ type: 'start' });
    bench.give({ type: 'opened', dialId: 1 });
    bench.frame('cmd.cancel', { commandId: 'early' }, 1, t0);
    expect(bench.has('deliver')).toBe(false);
    bench.connect();
    expect(bench.effects.map((effect) => effect.do)).toEqual(['remember', 'up', 'deliver']);
  });

  it('answers a probe', () => {
    const { bench, dialId, epoch } = connected();
    expect(bench.frame('probe', { probeId: 'p' }, dialId, epoch)).toEqual([
      { do: 'probe.ok', dialId, probeId: 'p' },
    ]);
  });

  it('comes back after a loss within a random part of the window, to the preferred cell', () => {
    const { bench, dialId } = connected();
    bench.random = 0.25;
    bench.give({ type: 'closed', dialId, reason: 'reset' });
    expect(bench.only('down').reason).toBe('reset');
    const lostAt = bench.now;
    bench.wake();
    expect(bench.now - lostAt).toBe(10_000);
    expect(bench.only('dial')).toMatchObject({ cellIndex: 0 });
  });

  it('waits longer and longer for a server that closes right after each welcome, until one lasts', () => {
    const { bench } = connected();
    const wait = (livedMs: number) => {
      bench.now += livedMs;
      const lostAt = bench.now;
      bench.give({ type: 'closed', dialId: bench.state.live!.dialId, reason: 'reset' });
      bench.wake();
      const waitedMs = bench.now - lostAt;
      bench.connect();
      return waitedMs;
    };
    const window = 20_000; // Half of the welcome's: the mean.
    expect([9_999, 0, 0, 0, 0, 0].map(wait)).toEqual([
      window,
      window / 16,
      window / 16,
      window / 16,
      30_000,
      30_000,
    ]);
    expect(wait(10_000)).toBe(window);
  });

  it('notices a half-open connection by an unanswered ping', () => {
    const { bench, dialId } = connected();
    bench.wake();
    expect(bench.effects).toEqual([{ do: 'ping', dialId }]);
    bench.give({ type: 'pong', dialId });
    bench.wake();
    expect(bench.has('ping')).toBe(true);
    bench.wake();
    expect(bench.has('ping-lost')).toBe(true);
    expect(bench.only('down').reason).toMatch(/half-open/);
    expect(bench.has('close')).toBe(true);
  });

  it('does not hold unanswered pings against a peer that answers none, but does answer statuses', () => {
    const { bench, dialId, epoch } = connected();
    for (let i = 0; i < 60; i++) {
      bench.wake();
      expect(bench.has('down') || bench.has('ping-lost')).toBe(false);
      if (i % 10 === 0) bench.frame('status.ack', { bootId: 'b', seq: i, receivedAt: t0 }, dialId, epoch);
    }
  });

  it('notices a half-open connection that never had a ping answered by two unanswered statuses', () => {
    const { bench, dialId, epoch } = connected();
    do {
      // What comes down all the same says nothing of what goes up.
      bench.frame('cmd.cancel', { commandId: 'a' }, dialId, epoch);
      bench.wake();
    } while (!bench.has('down') && bench.now < 60 * minute);
    expect(bench.only('down').reason).toMatch(/half-open/);
    expect(bench.now).toBe(2 * 5 * minute + linkTimes.pongWithinMs);
    bench.wake();
    expect(bench.has('dial')).toBe(true);
  });
});

describe('a server that is too busy for a frame', () => {
  const busy = { type: 'not-handled', dialId: 1 } as const;

  it('hears again what has no answer: soon, and later each time', () => {
    const { bench } = connected();
    const waits: number[] = [];
    for (let round = 0; round < 6; round++) {
      bench.give(busy);
      bench.give(busy); // Several frames of one moment are one reason.
      const askedAt = bench.now;
      do bench.wake();
      while (!bench.has('say-again'));
      bench.only('say-again');
      waits.push(bench.now - askedAt);
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
  });

  it('is taken for well again after answers while it takes everything, not after a pong', () => {
    const { bench, dialId, epoch } = connected();
    bench.give(busy);
    bench.now = bench.state.live!.wellFrom;
    bench.give({ type: 'pong', dialId });
    expect(bench.state.live?.notHandled).toBe(1);
    bench.frame('result.ack', { commandId: 'c', attempt: 1 }, dialId, epoch);
    expect(bench.state.live?.notHandled).toBe(0);
  });

  it('hears more and more slowly again what it does not take, though it answers everything else', () => {
    const { bench, dialId, epoch } = connected();
    const waits: number[] = [];
    for (let round = 0; round < 6; round++) {
      bench.give(busy);
      const askedAt = bench.now;
      do bench.wake();
      while (!bench.has('say-again'));
      waits.push(bench.now - askedAt);
      for (let i = 0; i < 50; i++)
        bench.frame('result.ack', { commandId: 'nobody', attempt: 1 }, dialId, epoch);
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
  });

  it('is said hello to again soon, if that was what it had no time for', () => {
    const bench = new Bench();
    bench.give({ type: 'start' });
    bench.give({ ...busy }); // Before it was greeted there is nothing to say again.
    bench.give({ type: 'opened', dialId: 1 });
    bench.give({ ...busy });
    expect(bench.wake()).toEqual([{ do: 'hello', dialId: 1 }]);
    expect(bench.now).toBe(1_000);
    const at: number[] = [];
    for (let hello = 0; hello < 3; hello++) {
      bench.give({ ...busy });
      bench.give({ ...busy }); // Of one hello, one word counts.
      bench.wake();
      at.push(bench.now);
    }
    expect(at).toEqual([3_000, 7_000, 15_000]);
  });

  it('spreads what comes again, and says nothing on another connection', () => {
    const { bench } = connected();
    bench.random = 0.999;
    bench.give({ ...busy, dialId: 7 });
    expect(bench.state.live?.sayAgainAt).toBeUndefined();
    bench.give(busy);
    expect(bench.state.live?.sayAgainAt).toBeCloseTo(1_499, 0);
  });
});

describe('rollover', () => {
  /** Pings go on and are answered until something is dialed. */
  const untilDial = (bench: Bench) => {
    for (let wakes = 0; wakes < 1_000; wakes++) {
      const effects = bench.wake();
      if (effects.some((effect) => effect.do === 'dial')) return;
      if (bench.has('ping')) bench.give({ type: 'pong', dialId: bench.state.live!.dialId });
    }
    throw new Error('nothing was dialed');
  };

  it('happens between 90 and 110 minutes, makes before it breaks, and is no outage', () => {
    for (const random of [0, 0.5, 0.999]) {
      const { bench, dialId } = connected(Object.assign(new Bench(), { random }));
      untilDial(bench);
      expect(bench.now).toBeCloseTo((90 + 20 * random) * minute, -2);
      const attempt = bench.state.attempt!.dialId;
      bench.give({ type: 'opened', dialId: attempt });
      expect(bench.has('close') || bench.has('down')).toBe(false);
      bench.connect();
      expect(bench.has('down')).toBe(false);
      expect(bench.only('close')).toMatchObject({ dialId, graceMs: 10_000 });
      expect(bench.state.live).toMatchObject({ dialId: attempt });
    }
  });

  it('stays on the old connection when the new one fails, and tries again in about a minute', () => {
    const { bench, dialId, epoch } = connected();
    untilDial(bench);
    bench.give({ type: 'closed', dialId: bench.state.attempt!.dialId, reason: 'no' });
    expect(bench.has('down')).toBe(false);
    bench.frame('cmd.cancel', { commandId: 'a' }, dialId, epoch);
    expect(bench.has('deliver')).toBe(true);
    const failedAt = bench.now;
    untilDial(bench);
    expect(bench.now - failedAt).toBe(minute);
    expect(bench.only('dial').cellIndex).toBe(1);
  });

  it('executes nothing on the old connection once the new one took over', () => {
    const { bench, dialId, epoch } = connected();
    untilDial(bench);
    const attempt = bench.state.attempt!;
    bench.give({ type: 'opened', dialId: attempt.dialId });
    bench.frame('superseded', { byEpoch: attempt.seq }, dialId, epoch);
    expect(bench.has('down')).toBe(false);
    bench.frame('cmd.cancel', { commandId: 'a' }, dialId, epoch);
    expect(bench.has('deliver')).toBe(false);
    bench.connect();
    expect(bench.has('up') && !bench.has('down')).toBe(true);
  });

  it('comes back when its new connection took over and then failed', () => {
    const { bench, dialId, epoch } = connected();
    untilDial(bench);
    const attempt = bench.state.attempt!;
    bench.give({ type: 'opened', dialId: attempt.dialId });
    bench.frame('superseded', { byEpoch: attempt.seq }, dialId, epoch);
    bench.give({ type: 'closed', dialId: attempt.dialId, reason: 'cut' });
    expect(bench.has('down')).toBe(true);
    expect(bench.state.live).toBeUndefined();
    bench.wake();
    expect(bench.has('dial')).toBe(true);
  });

  it('follows a drain to another cell inside its deadline', () => {
    const { bench, dialId, epoch } = connected();
    bench.frame('drain', { reason: 'update', deadlineMs: 20_000 }, dialId, epoch);
    bench.wake();
    expect(bench.now).toBe(8_000);
    expect(bench.only('dial').cellIndex).toBe(1);
  });
});

describe('a drain', () => {
  const now = { reason: 'update', deadlineMs: 1 };

  it('is not followed before the connection is five seconds old, however soon it is to be left', () => {
    const { bench, ...first } = connected();
    let { dialId, epoch } = first;
    for (let round = 1; round <= 3; round++) {
      bench.frame('drain', now, dialId, epoch);
      bench.wake();
      expect(bench.now).toBe(round * linkTimes.drainFromMs);
      expect(bench.only('dial').cellIndex).toBe(round % 2);
      ({ dialId, epoch } = bench.connect());
    }
  });

  it('sends the next key to another cell too', () => {
    const { bench, dialId, epoch } = connected();
    bench.frame('drain', { reason: 'update', deadlineMs: 60_000 }, dialId, epoch);
    bench.give({ type: 'key', nextKey: 'accepted' });
    expect(bench.only('dial')).toMatchObject({ key: 'next', cellIndex: 1 });
  });

  it('holds for a connection to the same cell that was on its way', () => {
    const { bench, dialId, epoch } = connected();
    bench.give({ type: 'key', nextKey: 'accepted' });
    expect(bench.only('dial').cellIndex).toBe(0);
    bench.frame('drain', { reason: 'update', deadlineMs: 30_000 }, dialId, epoch);
    bench.connect();
    bench.wake();
    expect(bench.now).toBe(12_000);
    expect(bench.only('dial').cellIndex).toBe(1);
  });

  it('keeps its own time when another dial fails meanwhile', () => {
    const { bench, dialId, epoch } = connected();
    bench.give({ type: 'key', nextKey: 'accepted' });
    bench.frame('drain', { reason: 'update', deadlineMs: 30_000 }, dialId, epoch);
    bench.give({ type: 'closed', dialId: bench.state.attempt!.dialId, reason: 'no' });
    bench.wake();
    expect(bench.now).toBe(12_000);
  });

  it('tries sooner again than other rollovers, but more slowly each time, and never where it is to leave', () => {
    const { bench, dialId, epoch } = connected();
    bench.random = 0;
    bench.frame('drain', now, dialId, epoch);
    bench.random = 0.5;
    const waits: number[] = [];
    for (let from = 0; waits.length < 6; from = bench.now) {
      do bench.wake();
      while (!bench.has('dial'));
      expect(bench.only('dial').cellIndex).toBe(1);
      waits.push(bench.now - from);
      bench.give({ type: 'closed', dialId: bench.state.attempt!.dialId, reason: 'no' });
      bench.frame('drain', now, dialId, epoch); // However often it is said.
    }
    expect(waits).toEqual([5_000, 5_000, 10_000, 20_000, 40_000, 60_000]);
  });
});

describe('being superseded by a stranger with the same key', () => {
  it('lets the newest win and does not fight: minutes pass, twice as many each time', () => {
    const { bench } = connected();
    const waits: number[] = [];
    for (let i = 0; i < 5; i++) {
      const live = bench.state.live!;
      bench.frame('superseded', { byEpoch: live.epoch + 7 }, live.dialId, live.epoch);
      expect(bench.has('down')).toBe(true);
      bench.only('taken-over');
      const from = bench.now;
      bench.wake();
      waits.push((bench.now - from) / minute);
      bench.connect();
    }
    expect(waits).toEqual([7.5, 15, 30, 60, 90]);
  });

  it('is not moved by news of an older connection', () => {
    const { bench, dialId, epoch } = connected();
    bench.frame('superseded', { byEpoch: epoch - 1 }, dialId, epoch);
    expect(bench.effects).toEqual([]);
  });

  it('backs off too when the hello itself comes second', () => {
    const bench = new Bench();
    bench.give({ type: 'start' });
    bench.give({ type: 'opened', dialId: 1 });
    bench.frame('superseded', { byEpoch: t0 + 9 }, 1, t0);
    bench.only('taken-over'); // What was allowed over an earlier connection may be the other one's to do.
    const from = bench.now;
    bench.wake();
    expect(bench.now - from).toBe(7.5 * minute);
  });
});

describe('being rejected', () => {
  const reject = (code: string) => ({ code, message: 'm' });

  it('says hello again when the server has no route, but not for every frame', () => {
    const { bench, dialId, epoch } = connected();
    expect(bench.frame('reject', reject('NO_ROUTE'), dialId, epoch)).toEqual([{ do: 'hello', dialId }]);
    expect(bench.frame('reject', reject('NO_ROUTE'), dialId, epoch)).toEqual([]);
    bench.now += 5_000;
    expect(bench.frame('reject', reject('NO_ROUTE'), dialId, epoch)).toHaveLength(1);
  });

  it('leaves, and stays away for minutes, when the gateway was revoked', () => {
    const { bench, dialId, epoch } = connected();
    bench.frame('reject', reject('REVOKED'), dialId, epoch);
    expect(bench.has('down') && bench.has('close')).toBe(true);
    const from = bench.now;
    bench.wake();
    expect(bench.now - from).toBe(2.5 * minute);
  });

  it('says that the gateway was revoked and what to do, then and at each refusal', () => {
    const { bench, dialId, epoch } = connected();
    bench.frame('reject', { code: 'REVOKED', message: 'this gateway was revoked' }, dialId, epoch);
    expect(bench.only('log')).toMatchObject({
      level: 'error',
      fields: {
        code: 'REVOKED',
        hint: expect.stringMatching(/activate the gateway again .*npx holdfast-agent activate/),
      },
    });
    expect(bench.state.trouble).toMatch(/^this gateway was revoked; stop this agent/);
    bench.wake();
    bench.give({ type: 'refused', dialId: bench.state.dials, status: 403, serverTime: t0 + bench.now });
    expect(bench.only('log').fields).toMatchObject({
      reason: 'refused with status 403: this gateway was revoked',
      hint: expect.stringContaining('npx holdfast-agent activate'),
    });
  });

  it('says after a restart what a refusal may mean', () => {
    const bench = new Bench();
    bench.give({ type: 'start' });
    bench.give({ type: 'refused', dialId: 1, status: 403, serverTime: t0 });
    expect(bench.only('log').fields).toMatchObject({
      reason: expect.stringContaining('revoked or unknown'),
      hint: expect.stringMatching(/^where it was revoked, stop this agent/),
    });
  });

  it('says of a stranger with its key that a restart connects at once', () => {
    const { bench, dialId, epoch } = connected();
    bench.frame('superseded', { byEpoch: epoch + 1 }, dialId, epoch);
    expect(bench.only('log').fields).toMatchObject({ hint: expect.stringContaining('a restart') });
  });

  it('does not mind that one frame was not understood', () => {
    const { bench, dialId, epoch } = connected();
    bench.frame('reject', reject('BAD_BODY'), dialId, epoch);
    expect(bench.state.live).toBeDefined();
  });

  it('repeats a hello that came too fast, and gives up after any other refusal', () => {
    const bench = new Bench();
    bench.give({ type: 'start' });
    bench.give({ type: 'opened', dialId: 1 });
    expect(bench.frame('reject', reject('NO_ROUTE'), 1, t0)).toEqual([]);
    expect(bench.wake()).toEqual([{ do: 'hello', dialId: 1 }]);
    expect(bench.now).toBe(1_000);
    bench.frame('reject', reject('UNKNOWN_GATEWAY'), 1, t0);
    expect(bench.state.attempt).toBeUndefined();
  });
});

it('says goodbye once and does nothing more when stopped', () => {
  const { bench, dialId } = connected();
  expect(bench.give({ type: 'stop' }).map((effect) => effect.do)).toEqual(['bye', 'close']);
  expect(bench.give({ type: 'closed', dialId, reason: 'x' })).toEqual([]);
  expect(nextWakeAt(bench.state)).toBeUndefined();
});

it('always knows when to wake while it is not connected', () => {
  // Random walks: whatever comes, in whatever order, the link never ends up idle and unconnected.
  const random = seeded(20261122);
  for (let walk = 0; walk < 100; walk++) {
    const bench = new Bench(['c1', 'c2', 'c3']);
    bench.give({ type: 'start' });
    for (let step = 0; step < 60; step++) {
      bench.random = random();
      bench.now += Math.floor(random() * 20_000);
      const dialId = Math.max(1, bench.state.dials - Math.floor(random() * 3));
      const epoch = bench.state.recentSeqs.at(-1 - Math.floor(random() * 2)) ?? t0;
      const moves = [
        () => bench.give({ type: 'tick' }),
        () => bench.give({ type: 'opened', dialId }),
        () => bench.give({ type: 'closed', dialId, reason: 'r' }),
        () => bench.give({ type: 'refused', dialId, status: 401, serverTime: t0 + random() * 1e6 }),
        () => bench.state.attempt && bench.connect(),
        () => bench.frame('superseded', { byEpoch: epoch + Math.floor(random() * 2) }, dialId, epoch),
        () => bench.frame('drain', { reason: 'r', deadlineMs: 1_000 }, dialId, epoch),
        () => bench.give({ type: 'pong', dialId }),
      ];
      moves[Math.floor(random() * moves.length)]!();
      expect(nextWakeAt(bench.state)).toBeDefined();
      const { live, attempt } = bench.state;
      if (live && attempt) expect(attempt.seq).toBeGreaterThan(live.epoch);
      if (live?.outdated) expect(attempt).toBeDefined();
    }
  }
});

/** mulberry32 */
function seeded(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

describe('the gateway’s key', () => {
  const made = (bench = new Bench(['c1', 'c2'])) => {
    bench.give({ type: 'key', nextKey: 'made' });
    bench.give({ type: 'start' });
    return bench;
  };
  const denied = (bench: Bench) =>
    bench.give({ type: 'refused', dialId: bench.state.attempt!.dialId, status: 403, serverTime: undefined });

  it('is replaced by the next one make-before-break, once the server accepted that', () => {
    const { bench, dialId } = connected();
    bench.give({ type: 'key', nextKey: 'made' });
    expect(bench.effects).toEqual([]);
    bench.give({ type: 'key', nextKey: 'accepted' });
    expect(bench.only('dial')).toMatchObject({ key: 'next', cellIndex: 0 });
    expect(bench.state.live).toMatchObject({ dialId });
    bench.connect();
    expect(bench.has('down')).toBe(false);
    expect(bench.effects.map((effect) => effect.do)).toEqual(
      expect.arrayContaining(['close', 'key.welcomed', 'up']),
    );
    expect(bench.state).toMatchObject({ nextKey: 'none', dialKey: 'current' });
  });

  it('is followed by the next one in two seconds where it is refused, at the same cell', () => {
    const bench = made();
    expect(bench.only('dial')).toMatchObject({ key: 'current' });
    denied(bench);
    bench.wake();
    expect(bench.now).toBeLessThanOrEqual(2_000);
    expect(bench.only('dial')).toMatchObject({ key: 'next', cellIndex: 0 });
    bench.connect();
    expect(bench.has('key.welcomed')).toBe(true);
  });

  it('is tried in turns with the next one, with the waits of refusals, while both are refused', () => {
    const bench = made();
    const keys: string[] = [];
    const waits: number[] = [];
    for (let i = 0; i < 4; i++) {
      keys.push(bench.only('dial').key);
      const from = bench.now;
      denied(bench);
      bench.wake();
      waits.push(bench.now - from);
    }
    expect(keys).toEqual(['current', 'next', 'current', 'next']);
    expect(waits).toEqual([1_500, 15_000, 1_500, 30_000]);
  });

  it('is followed by the next one when a hello or a frame hears that it was replaced', () => {
    const replaced = { code: 'KEY_REPLACED', message: 'the key of this connection was replaced' };
    const bench = made();
    bench.give({ type: 'opened', dialId: 1 });
    bench.frame('reject', replaced, 1, bench.state.attempt!.seq);
    bench.wake();
    expect(bench.only('dial')).toMatchObject({ key: 'next' });

    const { bench: live, dialId, epoch } = connected();
    live.give({ type: 'key', nextKey: 'made' });
    live.frame('reject', replaced, dialId, epoch);
    expect(live.has('down')).toBe(true);
    live.wake();
    expect(live.only('dial')).toMatchObject({ key: 'next' });
    expect(live.state.disowned).toBeUndefined();
  });

  it('keeps the connection in use while the next key is refused', () => {
    const { bench, dialId } = connected();
    bench.give({ type: 'key', nextKey: 'accepted' });
    denied(bench);
    expect(bench.state.live).toMatchObject({ dialId });
    bench.wake();
    expect(bench.only('dial')).toMatchObject({ key: 'current' });
  });

  it('waits for a dial that is on its way, and follows it', () => {
    const { bench, dialId, epoch } = connected();
    bench.frame('drain', { reason: 'maintenance', deadlineMs: 10_000 }, dialId, epoch);
    bench.now = bench.state.live!.rolloverAt;
    bench.give({ type: 'tick' });
    bench.give({ type: 'key', nextKey: 'accepted' });
    expect(bench.effects).toEqual([]);
    bench.connect();
    expect(bench.state.dialKey).toBe('next');
  });
});

import type { Downstream } from '../../core/messages.ts';
import { typed } from '../../core/typed.ts';
import type { Attempt, LinkEffect, LinkEvent, LinkState, Live, Welcome } from './link-state.ts';
import { LinkKeys } from './link-keys.ts';

/**
 * The rules of staying connected, pure: one event in, the new state and what to do about it out.
 * The newest connection always wins, ours or another's; a planned rollover is never an outage; whoever loses a
 * connection waits a random part of the server's reconnect window, so that a fleet does not come back as one.
 */
export function nextLink(state: LinkState, event: LinkEvent): { state: LinkState; effects: LinkEffect[] } {
  const step = new Rules(state, event);
  step.run();
  return { state: step.state, effects: step.effects };
}

/** Frames that may overtake a `welcome` and are kept for it. */
const earlyFramesMax = 32;
/** A refusal with a clock further off than this is taken for the clock's fault. */
const clockFaultMs = 30_000;
const takenOver = 'another agent connected with this gateway’s key';
const takenOverHint =
  'this agent waits before it tries again; once no other one has this key, a restart of it connects at once';
/** A gateway that was revoked stays so: nothing that its agent does by itself helps. */
const revokedHint =
  'stop this agent, and activate the gateway again with a new code: ' +
  typed('holdfast-agent activate --server URL --state-dir NEW');
/** What only comes where the server hears us too; a command may come down a connection that takes nothing up. */
const answers: ReadonlySet<string> = new Set(['status.ack', 'inventory.ack', 'result.ack', 'creds']);
/** Rejects that end the gateway's identity. */
const disowning = new Set(['REVOKED', 'KEY_REPLACED', 'UNKNOWN_GATEWAY']);
/** Rejects after which this connection is of no use. */
const endingRejects = new Set([...disowning, 'WRONG_EPOCH']);

type Reject = Pick<Extract<Downstream, { t: 'reject' }>['body'], 'code' | 'message'>;

class Rules extends LinkKeys {
  run(): void {
    const { state, event } = this;
    if (state.stopped) return;
    switch (event.type) {
      case 'start':
        return this.dial(state.nextCell);
      case 'tick':
        return this.tick();
      case 'stop':
        return this.stop();
      case 'opened':
        return this.opened(event.dialId);
      case 'refused':
        return this.refused(event.dialId, event.status, event.serverTime);
      case 'closed':
        return this.closed(event.dialId, event.reason);
      case 'key':
        return this.keyChanged(event.nextKey);
      case 'pong':
        return this.heard(event.dialId, true);
      case 'not-handled':
        return this.notHandled(event.dialId);
      case 'frame':
        if (answers.has(event.message.t)) this.heard(event.dialId, false);
        return this.frame(event.dialId, event.message);
    }
  }

  private tick(): void {
    const { state } = this;
    const { now } = this.event;
    if (state.attempt && now >= state.attempt.giveUpAt) this.failAttempt('no welcome in time');
    if (state.attempt && now >= state.attempt.helloAt) this.greet(state.attempt);
    if (state.live?.pongBy !== undefined && now >= state.live.pongBy) {
      if (state.live.answersPings) {
        this.effects.push({ do: 'ping-lost' });
        this.loseLive('half-open: no answer to a ping');
      } else this.setLive({ pongBy: undefined });
    }
    if (state.live && now >= state.live.silentAt) this.loseLive('half-open: no answer to a status');
    if (state.live && now >= state.live.pingAt) {
      this.effects.push({ do: 'ping', dialId: state.live.dialId });
      // An unanswered ping keeps its deadline, however often we ask.
      const pongBy = state.live.pongBy ?? now + state.times.pongWithinMs;
      this.setLive({ pingAt: now + state.times.pingEveryMs, pongBy });
    }
    if (state.live?.sayAgainAt !== undefined && now >= state.live.sayAgainAt) {
      this.setLive({ sayAgainAt: undefined });
      this.effects.push({ do: 'say-again' });
    }
    if (state.attempt) return;
    if (state.retryAt !== undefined && now >= state.retryAt) this.dial(state.nextCell);
    else if (state.retryAt === undefined && state.live && now >= state.live.rolloverAt)
      this.dial(state.live.rolloverCell);
  }

  private opened(dialId: number): void {
    const { attempt } = this.state;
    if (attempt?.dialId !== dialId || attempt.greeted) return;
    this.greet(attempt);
  }

  /** Says hello, and again until its welcome comes: either of them may get lost. */
  private greet(attempt: Attempt): void {
    const helloAt = this.event.now + this.state.times.helloAgainMs;
    this.state.attempt = { ...attempt, greeted: true, isAskedAgain: false, helloAt };
    this.effects.push({ do: 'hello', dialId: attempt.dialId });
  }

  private refused(dialId: number, status: number, serverTime: number | undefined): void {
    const { state, event } = this;
    if (state.attempt?.dialId !== dialId) return;
    const denied = status === 401 || status === 403;
    const offset = serverTime === undefined ? state.clockOffsetMs : serverTime - event.unixMs;
    if (denied && Math.abs(offset - state.clockOffsetMs) > clockFaultMs) {
      this.log('warn', 'link.clock-learned', { offsetMs: offset });
      state.clockOffsetMs = offset;
      if (event.now - state.clockLearnedAt >= state.times.clockAgainMs) {
        const { cellIndex } = state.attempt;
        state.clockLearnedAt = event.now;
        state.attempt = undefined;
        // The token's age was wrong, not the cell: the same cell once more, at once but not all together.
        return this.retryIn(1_000 + event.random * 1_000, cellIndex);
      }
    }
    if (!denied) {
      // 500: its functions are throttled or fail. 502 to 504: there is no cell behind that address now.
      const isBusy = status === 429 || status === 500;
      return this.failAttempt(`refused with status ${status}`, { isBusy });
    }
    if (this.triesOtherKey(`refused with status ${status}`)) return;
    const why =
      state.disowned ??
      'the gateway is revoked or unknown there, the cell is being emptied, or this token was used';
    const hint = state.disowned === undefined ? `where it was revoked, ${revokedHint}` : revokedHint;
    this.failAttempt(`refused with status ${status}: ${why}`, { refusal: { hint } });
  }

  private closed(dialId: number, reason: string): void {
    const { state } = this;
    if (state.attempt?.dialId === dialId) this.failAttempt(reason);
    else if (state.live?.dialId === dialId) this.loseLive(reason);
  }

  private frame(dialId: number, message: Downstream): void {
    const { state } = this;
    const expected = state.attempt?.dialId === dialId ? state.attempt.seq : state.live?.epoch;
    const known = state.attempt?.dialId === dialId || state.live?.dialId === dialId;
    if (!known || message.epoch !== expected) {
      this.log('debug', 'link.frame-dropped', { type: message.t, epoch: message.epoch });
      return;
    }
    if (state.attempt?.dialId === dialId) this.frameOfAttempt(state.attempt, message);
    else if (state.live) this.frameOfLive(state.live, message);
  }

  private frameOfAttempt(attempt: Attempt, message: Downstream): void {
    if (message.t === 'welcome') this.welcomed(attempt, message.body);
    else if (message.t === 'superseded') this.superseded(message.body.byEpoch, attempt.seq);
    else if (message.t === 'reject') this.helloRejected(attempt, message.body);
    else if (attempt.early.length < earlyFramesMax)
      this.state.attempt = { ...attempt, early: [...attempt.early, message] };
  }

  private frameOfLive(live: Live, message: Downstream): void {
    if (message.t === 'superseded') this.superseded(message.body.byEpoch, live.epoch);
    else if (message.t === 'probe')
      this.effects.push({ do: 'probe.ok', dialId: live.dialId, probeId: message.body.probeId });
    else if (message.t === 'drain') this.drained(live, message.body);
    else if (message.t === 'welcome') {
      this.setLive(this.patience(message.body));
      this.up(live, message.body);
    } else if (message.t === 'reject') this.rejected(live, message.body);
    else if (!live.outdated) this.effects.push({ do: 'deliver', message });
  }

  /** NO_ROUTE: routes changed too fast for the server; it asks for the hello again, in a moment. */
  private helloRejected(attempt: Attempt, { code, message }: Reject): void {
    if (code === 'NO_ROUTE') return this.greetIn(attempt);
    if (code === 'KEY_REPLACED' && this.triesOtherKey(message)) return;
    this.failAttempt(`hello rejected: ${code}: ${message}`, {
      refusal: { hint: this.disown(code, message) },
    });
  }

  /** What to do about it, where the reject says that this gateway's identity has come to its end. */
  private disown(code: string, message: string): string | undefined {
    if (!disowning.has(code)) return undefined;
    this.state.disowned = message;
    return revokedHint;
  }

  private rejected(live: Live, { code, message }: Reject): void {
    const { now } = this.event;
    if (code === 'NO_ROUTE') {
      // Several frames may be answered so before the route is there.
      if (now < live.helloAgainAt) return;
      this.setLive({ helloAgainAt: now + this.state.times.helloEveryMs });
      this.effects.push({ do: 'hello', dialId: live.dialId });
      return;
    }
    if (code === 'KEY_REPLACED' && this.goesOnWithNextKey(message)) return;
    const hint = this.disown(code, message);
    this.log(hint === undefined ? 'warn' : 'error', 'link.rejected', { code, message, hint });
    if (!endingRejects.has(code)) return;
    this.dropLive(hint === undefined ? `rejected: ${code}` : `${message}; ${hint}`);
    if (this.state.attempt) return;
    this.state.failures = 1;
    this.retryIn(this.event.random * this.state.times.refusalCapMs, 0);
  }

  private up({ dialId, epoch, cellIndex }: Live, welcome: Welcome): void {
    this.effects.push({ do: 'up', dialId, epoch, cellId: this.state.cellIds[cellIndex] ?? '', welcome });
  }

  private patience({ heartbeatIntervalMs }: Welcome): Pick<Live, 'silenceMaxMs' | 'silentAt'> {
    const { silentHeartbeats, pongWithinMs } = this.state.times;
    const silenceMaxMs = silentHeartbeats * heartbeatIntervalMs + pongWithinMs;
    return { silenceMaxMs, silentAt: this.event.now + silenceMaxMs };
  }

  private welcomed(attempt: Attempt, welcome: Welcome): void {
    const { state, event } = this;
    const { times } = state;
    const replaced = state.live;
    if (replaced) this.close(replaced.dialId, 'replaced by a newer connection', times.drainMs);
    state.live = {
      dialId: attempt.dialId,
      cellIndex: attempt.cellIndex,
      epoch: attempt.seq,
      since: event.now,
      failuresBefore: Math.max(state.failures, this.failuresBefore(replaced)),
      rolloverAt:
        event.now + times.rolloverFromMs + event.random * (times.rolloverToMs - times.rolloverFromMs),
      rolloverFrom: event.now + times.drainFromMs,
      rolloverCell: 0,
      isDraining: false,
      pingAt: event.now + times.pingEveryMs * event.random,
      pongBy: undefined,
      answersPings: false,
      ...this.patience(welcome),
      outdated: false,
      helloAgainAt: event.now,
      notHandled: 0,
      wellFrom: event.now,
      sayAgainAt: undefined,
    };
    this.keepDrain(replaced);
    state.attempt = undefined;
    state.failures = 0;
    this.found({ downCell: undefined, busyStays: 0 });
    state.trouble = undefined;
    state.disowned = undefined;
    state.nextCell = 0;
    this.keyWelcomed(attempt);
    state.clockOffsetMs = welcome.serverTime - event.unixMs;
    state.welcomedSeq = Math.max(state.welcomedSeq, attempt.seq);
    state.reconnectWindowMs = welcome.reconnectWindowMs;
    const { welcomedSeq, reconnectWindowMs } = state;
    this.effects.push({ do: 'remember', memory: { welcomedSeq, reconnectWindowMs } });
    this.up(state.live, welcome);
    for (const message of attempt.early) this.frameOfLive(state.live, message);
  }

  /** `mine`: the epoch of the connection that the news came on. */
  private superseded(byEpoch: number, mine: number): void {
    const { state, event } = this;
    if (byEpoch <= mine) return;
    if (state.recentSeqs.includes(byEpoch)) {
      // Our own rollover: its welcome is on the way, or its connection has already failed.
      if (state.attempt?.seq === byEpoch) this.setLive({ outdated: true });
      else if (state.live?.epoch === mine) this.loseLive('a connection that we gave up took over');
      return;
    }
    const settled = state.live && event.now - state.live.since >= state.times.settledMs;
    state.takeOvers = settled ? 1 : state.takeOvers + 1;
    const { supersededMs, supersededCapMs } = state.times;
    const base = Math.min(supersededMs * 2 ** (state.takeOvers - 1), supersededCapMs);
    this.log('error', 'link.taken-over', { byEpoch, takeOvers: state.takeOvers, hint: takenOverHint });
    this.effects.push({ do: 'taken-over' });
    if (state.attempt) this.close(state.attempt.dialId, 'superseded', 0);
    if (state.live) {
      this.close(state.live.dialId, 'superseded', 0);
      this.effects.push({ do: 'down', reason: takenOver });
    }
    state.trouble = takenOver;
    state.attempt = undefined;
    state.live = undefined;
    this.retryIn(base * (1 + event.random), 0);
  }

  private stop(): void {
    const { state } = this;
    state.stopped = true;
    if (state.attempt) this.close(state.attempt.dialId, 'stopping', 0);
    if (!state.live) return;
    this.effects.push({ do: 'bye', dialId: state.live.dialId, reason: 'stopping' });
    this.close(state.live.dialId, 'stopping', 2_000);
  }
}

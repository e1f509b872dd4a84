import type { Downstream } from '../../core/messages.ts';
import {
  recentSeqsMax,
  type Attempt,
  type LinkEffect,
  type LinkEvent,
  type LinkState,
  type Live,
} from './link-state.ts';

type Drain = Extract<Downstream, { t: 'drain' }>['body'];

/** Least base of the waits, so that a window of zero is no busy loop. */
const leastWindowMs = 250;
/**
 * Parts of the window that the first waits in a row are drawn from: all of it after a loss, little after the first three
 * failures. So whoever finds its cell down and has bad luck with a dial to the next is back within 1.25 windows all
 * the same. More quick tries would be too much load for a cloud that is down: these make 4 dials in a window of one.
 */
const firstShares = [1, 1 / 16, 1 / 16, 1 / 16] as const;
/**
 * How often in a row a dial stays at a cell that was too busy for it, because the next one was just found down. This one is
 * about to start functions for all who come over from there; going back would spend the quick tries on the dead one.
 */
const busyStaysMax = 2;

/** `refusal`: somebody who can tell said no; a second try right after it would hear the same. `isBusy`: this cell is up. */
interface Failure {
  refusal?: { hint: string | undefined };
  isBusy?: boolean;
}

/** One step of the machine: what the rules (link-machine.ts) are made of. Works on a copy of the state. */
export class LinkStep {
  readonly event: LinkEvent;
  readonly effects: LinkEffect[] = [];
  state: LinkState;

  constructor(state: LinkState, event: LinkEvent) {
    this.state = { ...state };
    this.event = event;
  }

  protected dial(cellIndex: number): void {
    const { state, event } = this;
    const issuedAt = event.unixMs + state.clockOffsetMs;
    let seq = Math.max(state.welcomedSeq + 1, issuedAt);
    while (state.recentSeqs.includes(seq)) seq++;
    const dialId = ++state.dials;
    state.recentSeqs = [...state.recentSeqs, seq].slice(-recentSeqsMax);
    state.retryAt = undefined;
    state.attempt = {
      dialId,
      cellIndex,
      seq,
      key: state.dialKey,
      greeted: false,
      helloAt: Infinity,
      notHandled: 0,
      isAskedAgain: false,
      giveUpAt: event.now + state.times.attemptMs,
      early: [],
    };
    this.effects.push({ do: 'dial', dialId, cellIndex, seq, issuedAt, key: state.dialKey });
  }

  protected failAttempt(reason: string, { refusal, isBusy = false }: Failure = {}): void {
    const { state } = this;
    const { attempt } = state;
    if (!attempt) return;
    state.attempt = undefined;
    state.failures++;
    if (!state.live) state.trouble = `${state.cellIds[attempt.cellIndex]}: ${reason}`;
    this.close(attempt.dialId, reason, 0);
    const cellId = state.cellIds[attempt.cellIndex];
    this.log('warn', 'link.attempt-failed', {
      cellId,
      reason,
      failures: state.failures,
      hint: refusal?.hint,
    });
    const nextCell = isBusy ? this.cellAfterBusy(attempt.cellIndex) : this.cellAfterDown(attempt.cellIndex);
    if (state.live?.outdated) this.dropLive(reason);
    if (state.live) this.rollOverLater(state.live, nextCell);
    else this.retryIn(this.jitter(refusal !== undefined), nextCell);
  }

  /** After a try that failed. A drain waits less than other rollovers; its time, where that is still to come, is kept. */
  private rollOverLater(live: Live, nextCell: number): void {
    const { now, random } = this.event;
    const { failures, times } = this.state;
    const soonMs = Math.min(times.drainFromMs * 2 ** Math.min(failures - 1, 20), times.rolloverRetryMs);
    const soon = now + soonMs * (0.5 + random);
    const later = now + times.rolloverRetryMs * (0.5 + random);
    const drainAt = live.rolloverAt > now ? Math.min(live.rolloverAt, later) : soon;
    this.setLive({
      rolloverAt: live.isDraining ? drainAt : later,
      rolloverFrom: soon,
      rolloverCell: live.isDraining && nextCell === live.cellIndex ? this.cellAfter(nextCell) : nextCell,
    });
  }

  private cellAfterDown(cellIndex: number): number {
    this.found({ downCell: cellIndex, busyStays: 0 });
    return this.cellAfter(cellIndex);
  }

  private cellAfterBusy(cellIndex: number): number {
    const { downCell, busyStays } = this.state;
    const next = this.cellAfter(cellIndex);
    if (next === cellIndex || next !== downCell) return next;
    const stays = busyStays < busyStaysMax;
    this.found(stays ? { downCell, busyStays: busyStays + 1 } : { downCell: undefined, busyStays: 0 });
    return stays ? cellIndex : next;
  }

  protected found({ downCell, busyStays }: Pick<LinkState, 'downCell' | 'busyStays'>): void {
    this.state.downCell = downCell;
    this.state.busyStays = busyStays;
  }

  private cellAfter(cellIndex: number): number {
    return (cellIndex + 1) % this.state.cellIds.length;
  }

  protected loseLive(reason: string): void {
    const { state } = this;
    const failuresBefore = this.failuresBefore(state.live);
    this.dropLive(reason);
    if (state.attempt) return;
    state.failures = failuresBefore + 1;
    this.retryIn(this.jitter(), 0);
  }

  /** In a row with what is lost: a welcome alone ends no row, for a server may close right behind each. */
  protected failuresBefore(live: Live | undefined): number {
    return live && this.event.now - live.since < this.state.times.steadyMs ? live.failuresBefore : 0;
  }

  protected dropLive(reason: string): void {
    const { live } = this.state;
    if (!live) return;
    this.close(live.dialId, reason, 0);
    this.state.live = undefined;
    this.state.trouble = reason;
    this.effects.push({ do: 'down', reason });
  }

  /** Full jitter over the window; after the first waits in a row the window itself grows. */
  protected jitter(isRefused = false): number {
    const { reconnectWindowMs, failures, times } = this.state;
    const windowMs = Math.max(reconnectWindowMs, leastWindowMs);
    const first = isRefused ? [1] : firstShares;
    const waits = Math.max(failures - 1, 0);
    const share = first[waits] ?? 2 ** Math.min(waits - first.length + 1, 20);
    const capMs = isRefused ? times.refusalCapMs : times.failureCapMs;
    return this.event.random * Math.min(share * windowMs, Math.max(windowMs, capMs));
  }

  protected retryIn(delayMs: number, cellIndex: number): void {
    this.state.retryAt = this.event.now + delayMs;
    this.state.nextCell = cellIndex;
  }

  protected setLive(changes: Partial<Live>): void {
    if (this.state.live) this.state.live = { ...this.state.live, ...changes };
  }

  protected heard(dialId: number, pong: boolean): void {
    const { live } = this.state;
    if (live?.dialId !== dialId) return;
    const silentAt = this.event.now + live.silenceMaxMs;
    this.setLive({ pongBy: undefined, answersPings: live.answersPings || pong, silentAt });
    // A server that answers some frames and drops others is not well because of one answer.
    if (!pong && this.event.now >= live.wellFrom)
      this.setLive({ notHandled: Math.floor(live.notHandled / 2) });
  }

  /** Repeats a hello that was not taken: in a moment, later each time. */
  protected greetIn(attempt: Attempt): void {
    if (attempt.isAskedAgain) return;
    const waitMs = this.sayAgainMeanMs(attempt.notHandled) * (0.5 + this.event.random);
    const notHandled = attempt.notHandled + 1;
    this.state.attempt = { ...attempt, notHandled, isAskedAgain: true, helloAt: this.event.now + waitMs };
  }

  private sayAgainMeanMs(notHandled: number): number {
    const { sayAgainMs, sayAgainCapMs } = this.state.times;
    return Math.min(sayAgainMs * 2 ** Math.min(notHandled, 20), sayAgainCapMs);
  }

  /** A busy server: what was said is said again, not at once and not all together. */
  protected notHandled(dialId: number): void {
    const { attempt, live } = this.state;
    if (attempt?.dialId === dialId && attempt.greeted) return this.greetIn(attempt);
    if (live?.dialId !== dialId || live.sayAgainAt !== undefined) return;
    const meanMs = this.sayAgainMeanMs(live.notHandled);
    const sayAgainAt = this.event.now + meanMs * (0.5 + this.event.random);
    this.setLive({ notHandled: live.notHandled + 1, sayAgainAt, wellFrom: sayAgainAt + meanMs });
  }

  /** The cell is being emptied: inside the deadline, but a server that says so at each welcome makes no storm of dials. */
  protected drained(live: Live, { reason, deadlineMs }: Drain): void {
    const { now, random } = this.event;
    const at = Math.max(now + random * 0.8 * deadlineMs, live.rolloverFrom);
    this.log('info', 'link.drain', { reason });
    this.setLive({
      rolloverAt: Math.min(live.rolloverAt, at),
      rolloverCell: this.cellAfter(live.cellIndex),
      isDraining: true,
    });
  }

  /** A dial to the cell that is being emptied was on its way when the drain came: the drain holds for what it opened. */
  protected keepDrain(replaced: Live | undefined): void {
    const { live, cellIds } = this.state;
    if (!replaced?.isDraining || !live || live.cellIndex !== replaced.cellIndex || cellIds.length === 1)
      return;
    const rolloverAt = Math.max(replaced.rolloverAt, live.rolloverFrom);
    this.setLive({ isDraining: true, rolloverAt, rolloverCell: this.cellAfter(live.cellIndex) });
  }

  protected close(dialId: number, reason: string, graceMs: number): void {
    this.effects.push({ do: 'close', dialId, reason, graceMs });
  }

  protected log(
    level: Extract<LinkEffect, { do: 'log' }>['level'],
    event: string,
    fields: Extract<LinkEffect, { do: 'log' }>['fields'],
  ): void {
    this.effects.push({ do: 'log', level, event, fields });
  }
}

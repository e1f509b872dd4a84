import { LinkStep } from './link-step.ts';
import type { Attempt, Live, NextKey } from './link-state.ts';

/**
 * Which key opens the next connection while the gateway's key is being replaced. The server has one key in force, and
 * after a crash or a lost answer we need not know which of our two it is: the one that is refused is followed by the
 * other at once, and the one that is welcomed stays.
 */
export class LinkKeys extends LinkStep {
  protected keyChanged(nextKey: NextKey): void {
    const { state, event } = this;
    if (nextKey === 'made' && state.nextKey === 'accepted') return;
    state.nextKey = nextKey;
    state.dialKey = firstKey(nextKey);
    if (nextKey !== 'accepted' || !state.live) return;
    // Make before break: the connection that asked goes on until the next key has opened its own.
    if (state.attempt || state.retryAt !== undefined) this.setLive({ rolloverAt: event.now });
    else this.dial(cellToStay(state.live));
  }

  /** Whether the key of the attempt that failed may be why, and the other one is dialed with soon. */
  protected triesOtherKey(reason: string): boolean {
    const { state, event } = this;
    const { attempt, nextKey } = state;
    if (!attempt || nextKey === 'none') return false;
    state.dialKey = attempt.key === 'current' ? 'next' : 'current';
    if (attempt.key !== firstKey(nextKey)) return false;
    this.log('info', 'link.other-key', { reason, key: state.dialKey });
    this.close(attempt.dialId, reason, 0);
    state.attempt = undefined;
    if (state.live?.outdated) this.dropLive(reason);
    // At once, but a fleet not all together.
    const waitMs = 1_000 + event.random * 1_000;
    if (state.live) this.setLive({ rolloverAt: event.now + waitMs, rolloverCell: attempt.cellIndex });
    else this.retryIn(waitMs, attempt.cellIndex);
    return true;
  }

  /** The key of the connection in use is not in force any more: the next one must be. */
  protected goesOnWithNextKey(reason: string): boolean {
    const { state, event } = this;
    if (!state.live || state.nextKey === 'none') return false;
    const cellIndex = cellToStay(state.live);
    state.dialKey = 'next';
    this.dropLive(reason);
    if (!state.attempt) this.retryIn(1_000 + event.random * 1_000, cellIndex);
    return true;
  }

  protected keyWelcomed({ key }: Attempt): void {
    const { state } = this;
    if (key === 'next') {
      state.nextKey = 'none';
      this.effects.push({ do: 'key.welcomed' });
    }
    state.dialKey = firstKey(state.nextKey);
  }
}

/** Another key is no reason for another cell, unless this one is to be left. */
const cellToStay = ({ isDraining, rolloverCell, cellIndex }: Live) => (isDraining ? rolloverCell : cellIndex);
const firstKey = (nextKey: NextKey) => (nextKey === 'accepted' ? 'next' : 'current');

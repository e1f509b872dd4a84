/** What one connection may bring: so many frames at once, and so many a second after that. No honest cell comes near. */
export const framesAllowed = { burst: 1_000, perSec: 100 } as const;
/** Frames that cannot be read, and welcomes, that are answered and logged on one connection; more are passed over. */
export const complaintsMax = 100;

/** A token bucket: what a server sends costs memory and time here, so it is not taken without bound. */
export class FrameAllowance {
  private left: number = framesAllowed.burst;
  private at: number;

  constructor(now: number) {
    this.at = now;
  }

  /** Whether one more frame may come now; monotonic, ms. */
  take(now: number): boolean {
    this.left = Math.min(framesAllowed.burst, this.left + ((now - this.at) / 1_000) * framesAllowed.perSec);
    this.at = now;
    if (this.left < 1) return false;
    this.left--;
    return true;
  }
}

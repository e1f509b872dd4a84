/** How the last pings went, over all connections: one a minute. */
export class PingRecord {
  /** Round trips in ms, newest last; undefined: no answer came. */
  private last: readonly (number | undefined)[] = [];

  /** `rttMs` undefined: it had none in time, from a peer that answers pings. */
  add(rttMs: number | undefined): void {
    this.last = [...this.last, rttMs].slice(-pingsMax);
  }

  /** The middle one of the last five minutes: a single one may have been sent twice on its way. */
  get rttMs(): number | undefined {
    const newest = this.last.filter((rttMs) => rttMs !== undefined).slice(-middleOf);
    return newest.sort((a, b) => a - b)[Math.floor(newest.length / 2)];
  }

  /** Share of the last half hour's that had no answer; undefined: there were too few. */
  get loss(): number | undefined {
    if (this.last.length < pingsMin) return undefined;
    return this.last.filter((rttMs) => rttMs === undefined).length / this.last.length;
  }
}

const pingsMax = 30;
const pingsMin = 5;
const middleOf = 5;

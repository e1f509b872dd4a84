import { bytesText, durationText, percentText } from '../../core/readable.ts';

/** Time between two lines of progress: a terminal is redrawn often, a log is not flooded. */
const redrawMs = 100;
const jsonLineMs = 1_000;
const logLineMs = 60_000;
/** Before that a rate says nothing yet. */
const rateAfterMs = 1_000;
const barWidth = 24;

interface ProgressOutput {
  stdout: (text: string) => void;
  stderr: (text: string) => void;
  interactive: boolean;
  now: () => number;
}

export interface Progress {
  /**
   * `done` of `total` in bytes; `fields` go into the JSON line, `note` behind the bar. A field `bytesPerSec` is the
   * rate; without one it is what was done since the start.
   */
  update(done: number, total: number, fields: Record<string, number>, note: string): void;
  /** Removes the bar, so that the next line stands alone. */
  end(): void;
}

/** A bar on a terminal, JSON lines on stdout with `json`, otherwise a line a minute. */
export function startProgress(output: ProgressOutput, { json }: { json: boolean }): Progress {
  const startedAtMs = output.now();
  const everyMs = json ? jsonLineMs : output.interactive ? redrawMs : logLineMs;
  let shownAtMs = json || output.interactive ? -Infinity : startedAtMs;
  let drawn = false;
  return {
    update(done, total, fields, note) {
      const nowMs = output.now();
      if (nowMs - shownAtMs < everyMs) return;
      shownAtMs = nowMs;
      if (json) return output.stdout(`${JSON.stringify({ event: 'progress', ...fields })}\n`);
      const sinceMs = nowMs - startedAtMs;
      const { bytesPerSec } = fields;
      const elapsedMs =
        bytesPerSec === undefined ? (sinceMs < rateAfterMs ? 0 : sinceMs) : timeFor(done, bytesPerSec);
      if (!output.interactive) return output.stderr(`${progressText(done, total, elapsedMs)}  ${note}\n`);
      output.stderr(`\r${progressLine(done, total, elapsedMs)}  ${note}\u001b[K`);
      drawn = true;
    },
    end() {
      if (drawn) output.stderr('\r\u001b[K');
      drawn = false;
    },
  };
}

/** How long it takes at that rate; 0, which is no rate, where nothing moves. */
export const timeFor = (doneBytes: number, bytesPerSec: number): number =>
  bytesPerSec > 0 ? (doneBytes * 1_000) / bytesPerSec : 0;

/** `[██████      ]  25 %  1.0 GiB of 4.0 GiB  120.0 MiB/s  26s left`; without a time no rate and no end. */
export function progressLine(done: number, total: number, elapsedMs: number): string {
  const share = total > 0 ? Math.min(1, done / total) : 1;
  const full = Math.floor(share * barWidth);
  return `[${'█'.repeat(full)}${' '.repeat(barWidth - full)}] ${progressText(done, total, elapsedMs)}`;
}

/** The same without the bar, as for a log. */
export function progressText(done: number, total: number, elapsedMs: number): string {
  const percent = percentText(total > 0 ? done / total : 1).padStart(5);
  const amounts = `${percent}  ${bytesText(done)} of ${bytesText(total)}`;
  if (elapsedMs <= 0 || done <= 0) return amounts;
  const leftMs = (elapsedMs * (total - done)) / done;
  return `${amounts}  ${bytesText((done * 1000) / elapsedMs)}/s  ${durationText(leftMs)} left`;
}

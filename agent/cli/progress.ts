import { bytesText, durationText, percentText } from '../../core/readable.ts';

/** Time between two lines of progress: a terminal is redrawn often, a log is not flooded. */
const redrawMs = 100;
const jsonLineMs = 1_000;
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

/** A bar on a terminal, JSON lines on stdout with `json`, otherwise nothing. */
export function startProgress(output: ProgressOutput, { json }: { json: boolean }): Progress {
  const startedAtMs = output.now();
  let shownAtMs = -Infinity;
  let drawn = false;
  return {
    update(done, total, fields, note) {
      const nowMs = output.now();
      if (nowMs - shownAtMs < (json ? jsonLineMs : redrawMs)) return;
      shownAtMs = nowMs;
      if (json) output.stdout(`${JSON.stringify({ event: 'progress', ...fields })}\n`);
      else if (output.interactive) {
        const { bytesPerSec } = fields;
        const elapsedMs = bytesPerSec === undefined ? nowMs - startedAtMs : timeFor(done, bytesPerSec);
        output.stderr(`\r${progressLine(done, total, elapsedMs)}  ${note}\u001b[K`);
        drawn = true;
      }
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
  const bar = `[${'█'.repeat(full)}${' '.repeat(barWidth - full)}]`;
  const percent = percentText(share).padStart(5);
  const amounts = `${bytesText(done)} of ${bytesText(total)}`;
  if (elapsedMs <= 0 || done <= 0) return `${bar} ${percent}  ${amounts}`;
  const leftMs = (elapsedMs * (total - done)) / done;
  return `${bar} ${percent}  ${amounts}  ${bytesText((done * 1000) / elapsedMs)}/s  ${durationText(leftMs)} left`;
}

import { formatBytes, formatDuration } from './units.ts';

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
  /** `done` of `total` in bytes; `fields` go into the JSON line, `note` behind the bar. */
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
        output.stderr(`\r${progressLine(done, total, nowMs - startedAtMs)}  ${note}\u001b[K`);
        drawn = true;
      }
    },
    end() {
      if (drawn) output.stderr('\r\u001b[K');
      drawn = false;
    },
  };
}

/** `[██████      ]  25 %  1.0 GiB of 4.0 GiB  120 MiB/s  0:26 left`. */
export function progressLine(done: number, total: number, elapsedMs: number): string {
  const share = total > 0 ? Math.min(1, done / total) : 1;
  const full = Math.floor(share * barWidth);
  const bar = `[${'█'.repeat(full)}${' '.repeat(barWidth - full)}]`;
  const percent = `${Math.floor(share * 100)} %`.padStart(5);
  const amounts = `${formatBytes(done)} of ${formatBytes(total)}`;
  if (elapsedMs <= 0 || done <= 0) return `${bar} ${percent}  ${amounts}`;
  const leftMs = (elapsedMs * (total - done)) / done;
  return `${bar} ${percent}  ${amounts}  ${formatBytes((done * 1000) / elapsedMs)}/s  ${formatDuration(leftMs)} left`;
}

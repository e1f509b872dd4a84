import type { EngineState, RestoreEngine } from '../restore/restore-engine.ts';
import { promiseText } from './rates.ts';
import { progressLine, progressText, timeFor } from './progress.ts';

const redrawMs = 200;
const jsonLineMs = 1000;
const logLineMs = 60_000;

/**
 * A bar on a terminal, JSON lines with `json`, otherwise a line a minute, until the restore is over or `stopped` resolves.
 * Resolves with how it ended; rejects when `stopped` does.
 */
export async function reportProgress(
  engine: RestoreEngine,
  output: {
    stdout: (text: string) => void;
    stderr: (text: string) => void;
    interactive: boolean;
    now: () => number;
  },
  p: { json: boolean; stopped: Promise<void> },
): Promise<EngineState> {
  const show = () => {
    const progress = engine.progress();
    if (p.json) output.stdout(`${JSON.stringify({ event: 'progress', ...progress })}\n`);
    else {
      const promise = progress.promise ? `  ${promiseText(progress.promise, output.now())}` : '';
      if (output.interactive) output.stderr(`\r${progressLine(...amountsOf(progress))}${promise}\u001b[K`);
      else output.stderr(`${progressText(...amountsOf(progress))}${promise}\n`);
    }
  };
  const timer = setInterval(show, p.json ? jsonLineMs : output.interactive ? redrawMs : logLineMs);
  const ended = engine.ended();
  try {
    await Promise.race([ended, p.stopped]);
  } finally {
    clearInterval(timer);
    if (output.interactive && !p.json) output.stderr('\r\u001b[K');
  }
  return ended;
}

/** The rate is that of the last seconds, also after a restart that found much of it done. */
function amountsOf(progress: {
  restoredBytes: number;
  totalBytes: number;
  bytesPerSec: number;
}): [done: number, total: number, elapsedMs: number] {
  const { restoredBytes, totalBytes, bytesPerSec } = progress;
  return [restoredBytes, totalBytes, timeFor(restoredBytes, bytesPerSec)];
}

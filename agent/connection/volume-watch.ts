import type { Log } from '../../core/log.ts';
import type { VolumeService } from '../ports.ts';
import { stepCrossings, type Levels, type Watched } from '../status/crossings.ts';

export interface VolumeWatchDeps {
  volumes: VolumeService;
  watch: () => Promise<Watched>;
  /** Something is worth a status out of turn. */
  changed: () => void;
  checkIntervalMs: number;
  setTimer: (run: () => void, delayMs: number) => () => void;
  log: Log;
}

const watchMs = 1_000;

/**
 * Looks at each volume's backing file from time to time, and every second at what has changed: a volume that fails,
 * begins or ends a restore or has a new snapshot, a file system that fills up. How often that may be told is the schedule's business.
 * Resolves when it has looked once: whatever changes after that is told.
 */
export async function watchVolumes(deps: VolumeWatchDeps): Promise<{ stop: () => void }> {
  const { volumes, watch, changed, checkIntervalMs, setTimer, log } = deps;
  const cancels = new Map<string, () => void>();
  let levels: Levels | undefined;
  let looking: Promise<void> = Promise.resolve();
  let isStopped = false;

  /** The next round begins when this one is over, so that a slow disk is asked once at a time. */
  function every(name: string, delayMs: number, round: () => Promise<void>): void {
    const run = () =>
      void round()
        .catch((cause: unknown) => log('warn', 'watch.failed', { what: name, error: String(cause) }))
        .then(() => isStopped || cancels.set(name, setTimer(run, delayMs)));
    cancels.set(name, setTimer(run, delayMs));
  }

  /** A volume that is busy (a restore that waits for credentials, say) holds up its own checks alone. */
  const checking = new Set<string>();
  async function checkOne(volumeId: string): Promise<void> {
    if (checking.has(volumeId)) return;
    checking.add(volumeId);
    try {
      // What it finds is logged, and shown, by the volume itself.
      await volumes.check(volumeId);
    } catch (cause) {
      log('warn', 'volume.check-failed', { volumeId, error: String(cause) });
    } finally {
      checking.delete(volumeId);
    }
    await look();
  }
  /** One look at a time, so that an older one never overwrites what a newer one saw. */
  function look(): Promise<void> {
    const next = looking.then(async () => {
      const step = stepCrossings(levels, await watch());
      levels = step.levels;
      if (step.isChanged) changed();
    });
    looking = next.catch(() => undefined);
    return next;
  }

  await look();
  every('look', watchMs, look);
  every('check', checkIntervalMs, () => {
    for (const { volumeId } of volumes.list()) void checkOne(volumeId);
    return Promise.resolve();
  });
  return {
    stop: () => {
      isStopped = true;
      for (const cancel of cancels.values()) cancel();
    },
  };
}

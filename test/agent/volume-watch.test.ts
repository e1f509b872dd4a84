import { watchVolumes } from '../../agent/connection/volume-watch.ts';
import type { VolumeService } from '../../agent/ports.ts';
import type { Watched } from '../../agent/status/crossings.ts';
import { silentLog } from '../../core/log.ts';

const noVolumes = { list: () => [] } as Partial<VolumeService> as VolumeService;
const failed: Watched['volumes'] = [{ volumeId: 'v', state: 'failed', sizeBytes: 1 }];
const watched = (volumes: Watched['volumes'] = []): Watched => ({
  memoryUtilization: 0.5,
  filesystems: [],
  volumes,
  disks: [],
  arrays: [],
});

/** A watch whose timers run when the test says so, and whose looks see what the test puts there. */
async function startWatch() {
  const world = { now: watched(), changes: 0, timers: [] as (() => void)[] };
  const watch = await watchVolumes({
    volumes: noVolumes,
    watch: () => Promise.resolve(world.now),
    changed: () => world.changes++,
    checkIntervalMs: 60_000,
    setTimer: (run) => {
      world.timers.push(run);
      return () => undefined;
    },
    log: silentLog,
  });
  const tick = async () => {
    for (const run of world.timers.splice(0)) run();
    await new Promise(setImmediate);
  };
  return { world, watch, tick };
}

describe('the watch between heartbeats', () => {
  it('has looked once when it is there: a change before its first timer is told', async () => {
    const { world, tick } = await startWatch();
    world.now = watched(failed);
    await tick();
    expect(world.changes).toBe(1);
  });

  it('tells a change once', async () => {
    const { world, tick } = await startWatch();
    world.now = watched(failed);
    await tick();
    await tick();
    expect(world.changes).toBe(1);
  });

  it('looks no more once it is stopped', async () => {
    const { world, watch, tick } = await startWatch();
    watch.stop();
    await tick();
    expect(world.timers).toEqual([]);
  });
});

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Random } from '../simulation/disk/random.ts';
import { startS3 } from '../support/s3.ts';
import { KillRun, type KillCounts } from './kill-run.ts';

export interface KillReport extends KillCounts {
  violations: number;
  /** What was wrong, the first of them. */
  first: string[];
}

const violationsKeptMax = 10;
const livesMax = 25;

/** Kills the real restoring process so many times, restore after restore, each brought to its end. */
export async function crashKill(p: {
  kills: number;
  seed: number;
  onKill?: () => void;
}): Promise<KillReport> {
  const report: KillReport = {
    kills: 0,
    killsBeforeServing: 0,
    killsWhileRestoring: 0,
    killsWhenRestored: 0,
    restores: 0,
    reads: 0,
    writes: 0,
    trims: 0,
    flushes: 0,
    violations: 0,
    first: [],
  };
  const s3 = await startS3();
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-kills-'));
  try {
    for (let seed = p.seed; report.kills < p.kills; seed++) {
      const folder = join(dir, String(seed));
      const random = new Random(seed);
      const run = await KillRun.prepare(s3, folder, random);
      const lives = Math.min(p.kills - report.kills, 2 + random.below(livesMax));
      const before = report.kills;
      try {
        for (let life = 0; life < lives; life++) {
          const isRestored = await run.live(report);
          p.onKill?.();
          // Killed while the whole volume is served: once in a while is enough.
          if (isRestored && random.chance(0.7)) break;
        }
        await run.complete(report);
      } catch (thrown) {
        report.violations++;
        const why = thrown instanceof Error ? thrown.message : String(thrown);
        if (report.first.length < violationsKeptMax)
          report.first.push(`restore with seed ${seed}, after ${report.kills - before} kills: ${why}`);
      }
      const { read, write, trim, flush } = run.guest.counts;
      report.reads += read;
      report.writes += write;
      report.trims += trim;
      report.flushes += flush;
      await rm(folder, { recursive: true });
      if (report.violations >= violationsKeptMax) break;
    }
    return report;
  } finally {
    await s3.close();
    await rm(dir, { recursive: true });
  }
}

import type { Command } from 'commander';
import type { VolumeInfo } from '../ports.ts';
import type { CliContext } from './cli-context.ts';
import { parseBandwidth } from './units.ts';
import { call, print, sub, type Common } from './volume-call.ts';
import { stateText } from './volume-table.ts';

/** What can be done to a restore that runs. */
export function addSteering(volume: Command, cli: CliContext): void {
  const steps = [
    ['pause', 'stop the background of its restore; it stays usable', 'the background is stopped'],
    ['resume', 'go on with a restore that was paused', 'the restore goes on'],
    ['cancel', 'give up its restore: it is not usable until it is restored again', 'the restore is canceled'],
  ] as const;
  for (const [step, summary, done] of steps)
    sub(volume, `${step} <volume>`, summary, [`${step} vol1`]).action(
      async (volumeId: string, options: Common) => {
        await call(cli, options, `restore.${step}`, { volumeId });
        const info = await call<VolumeInfo>(cli, options, 'volume.show', { volumeId });
        print(cli, options, info, `${volumeId}: ${done} (${stateText(info)})\n`);
      },
    );
  sub(
    volume,
    'limit <volume> <bandwidth>',
    'change the bandwidth of its restore’s background: a size, or “none”',
    ['limit vol1 20MiB', 'limit vol1 none'],
  ).action(async (volumeId: string, bandwidth: string, options: Common) => {
    const limit = bandwidth === 'none' ? {} : { bandwidthBytesPerSec: parseBandwidth(bandwidth) };
    await call(cli, options, 'restore.limit', { volumeId, ...limit });
    const info = await call<VolumeInfo>(cli, options, 'volume.show', { volumeId });
    const text = bandwidth === 'none' ? 'no limit' : `${bandwidth} a second`;
    print(cli, options, info, `${volumeId}: ${text} (${stateText(info)})\n`);
  });
}

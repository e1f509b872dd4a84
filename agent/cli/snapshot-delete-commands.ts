import type { Command } from 'commander';
import { bytesText } from '../../core/readable.ts';
import { parseS3Url, parseSnapshotUrl } from '../s3/s3-url.ts';
import { collectGarbage, type CollectResult } from '../snapshot/collect-garbage.ts';
import { deleteSnapshot } from '../snapshot/delete-snapshot.ts';
import { bucketAt } from './bucket-at.ts';
import type { CliContext } from './cli-context.ts';
import { parseDurationMs } from './units.ts';
import { exampleText } from './example-text.ts';

export function addDeleteCommand(snapshot: Command, cli: CliContext): void {
  snapshot
    .command('delete')
    .summary('delete a snapshot and what nothing else needs')
    .argument('<url>', 's3://bucket/prefix/SNAPSHOT-ID')
    .option(
      '--force',
      'also while a restore, a server or an upload uses it: its data stays until they are done',
    )
    .option('--no-gc', 'leave its data to a later `snapshot gc`')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      '\nOther snapshots stay whole: what they share with the deleted one is kept.\n' +
        'To delete one again is no error.\n' +
        exampleText('snapshot delete s3://backups/vol1/SNAPSHOT-ID'),
    )
    .action(async (url: string, flags: { force?: boolean; gc: boolean; json?: boolean }) => {
      const location = parseSnapshotUrl(url);
      const { snapshotId } = location;
      const bucket = bucketAt(location, cli, { isQuick: true });
      const { pins, wasDeleted } = await deleteSnapshot(bucket, snapshotId, {
        force: flags.force,
        signal: cli.signal,
      });
      const collected = flags.gc
        ? await collectGarbage(bucket, { now: cli.now, signal: cli.signal })
        : undefined;
      if (flags.json)
        return cli.stdout(`${JSON.stringify({ event: 'deleted', snapshotId, pins, ...collected })}\n`);
      cli.stdout(wasDeleted ? `${snapshotId} was deleted already\n` : `deleted ${snapshotId}\n`);
      if (pins.length > 0) cli.stdout(`its data stays until these are done: ${pins.join(', ')}\n`);
      if (collected) cli.stdout(summaryOf(collected, false));
    });
}

export function addGcCommand(snapshot: Command, cli: CliContext): void {
  snapshot
    .command('gc')
    .summary('free what no snapshot, restore or upload needs')
    .description('Safe at any time, also beside uploads, restores and other collections.')
    .argument('<url>', 's3://bucket/prefix')
    .option('--dry-run', 'only tell what would be deleted')
    .option('--abandon-after <age>', 'take uploads that began longer ago for dead', '7d')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', exampleText('snapshot gc s3://backups/vol1 --dry-run'))
    .action(async (url: string, flags: { dryRun?: boolean; abandonAfter: string; json?: boolean }) => {
      const bucket = bucketAt(parseS3Url(url), cli, { isQuick: true });
      const abandonAfterMs = parseDurationMs(flags.abandonAfter);
      const dryRun = flags.dryRun ?? false;
      const result = await collectGarbage(bucket, {
        now: cli.now,
        signal: cli.signal,
        abandonAfterMs,
        dryRun,
      });
      if (flags.json) cli.stdout(`${JSON.stringify({ event: 'collected', dryRun, ...result })}\n`);
      else cli.stdout(summaryOf(result, dryRun));
    });
}

function summaryOf(result: CollectResult, dryRun: boolean): string {
  const lines = [
    `${dryRun ? 'would free' : 'freed'} ${bytesText(result.freedBytes)} in ${result.removedObjects} objects; ` +
      `${counted(result.liveSnapshots, 'snapshot')}, ${counted(result.uploadsInFlight, 'upload')} in flight`,
    ...result.pinnedSnapshots.map(
      (id) => `${id} is deleted but still in use: its data stays until that ends`,
    ),
    ...result.completedUploads.map((id) => `${id} was completed: its upload had died before the last step`),
    ...result.abandonedUploads.map((id) => `${id} was given up: its upload had died`),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import { parseS3Url, parseSnapshotUrl } from '../s3/s3-url.ts';
import { copySnapshot } from '../snapshot/copy-snapshot.ts';
import { readRoot } from '../snapshot/open-snapshot.ts';
import { openTransfers } from '../transfer/transfers.ts';
import { bucketAt } from './bucket-at.ts';
import type { CliContext } from './cli-context.ts';
import { exampleText } from './example-text.ts';
import { newestOf } from './newest-snapshot.ts';
import { startProgress } from './progress.ts';
import { printUploaded, showUpload, tellResumed } from './upload-output.ts';
import { againOption, resumable, uploadJournalAt, uploadStateOption } from './upload-journal-at.ts';

interface CopyFlags {
  to: string;
  parent?: string;
  toProfile?: string;
  toRegion?: string;
  toEndpoint?: string;
  again?: boolean;
  stateDir?: string;
  json?: boolean;
}

export function addCopyCommand(snapshot: Command, cli: CliContext): void {
  snapshot
    .command('copy')
    .summary('store a snapshot once more, in another bucket, region or account')
    .description(
      'Reads and verifies every chunk and stores it at another place. The copy has an id of its own; its volume and\n' +
        'its point in time are the original’s. With --parent only what differs from that snapshot is stored there.',
    )
    .argument('<url>', 's3://bucket/prefix/SNAPSHOT-ID')
    .requiredOption('--to <url>', 'where to: s3://bucket/prefix')
    .option('--parent <id>', 'a snapshot at the destination; “last”: the volume’s newest there')
    .option('--to-profile <name>', 'AWS profile for the destination (default: as for the source)')
    .option('--to-region <name>', 'AWS region of the destination (default: as for the source)')
    .option('--to-endpoint <url>', 'S3 endpoint of the destination (default: as for the source)')
    .addOption(againOption())
    .addOption(uploadStateOption())
    .option('--json', 'print progress and the result as JSON lines')
    .addHelpText(
      'after',
      exampleText(
        'snapshot copy s3://backups/vol1/SNAPSHOT-ID --to s3://vault/vol1 --parent last',
        'snapshot copy s3://backups/vol1/SNAPSHOT-ID --to s3://eu/vol1 --to-region eu-west-1',
      ),
    )
    .action((url: string, flags: CopyFlags) => copy(url, flags, cli));
}

async function copy(url: string, flags: CopyFlags, cli: CliContext): Promise<void> {
  const { snapshotId, ...location } = parseSnapshotUrl(url);
  await using transfers = openTransfers(cli.env);
  const from = bucketAt(location, cli, { transfers });
  const to = bucketAt(parseS3Url(flags.to), { ...cli, env: destinationEnv(flags, cli.env) });
  const json = flags.json ?? false;
  const progress = startProgress(cli, { json });
  await using kept = await uploadJournalAt(['copy', url, to.url, flags.toEndpoint ?? ''], flags, cli);
  const { journal } = kept;
  try {
    const { signal, now } = cli;
    const parentId =
      flags.parent === 'last'
        ? await newestOf(to, (await readRoot(from, snapshotId, { signal })).volumeId, signal)
        : flags.parent;
    const result = await copySnapshot({
      ...{ from, snapshotId, to, transfers, signal, now, random: randomBytes },
      ...(parentId !== undefined && { parentId }),
      ...{ journal, again: flags.again, onResume: tellResumed(cli, { json }) },
      onUnpinned: () =>
        cli.stderr(`note: nothing may be written to ${from.url}; do not delete the snapshot meanwhile\n`),
      onProgress: showUpload(progress),
    });
    progress.end();
    printUploaded(cli, result, { url: to.url, json, event: 'copied', done: 'verified and copied' });
  } catch (thrown) {
    throw journal?.holdsChunks ? resumable(thrown) : thrown;
  } finally {
    progress.end();
  }
}

/** The environment with which the destination is reached. A profile's credentials win over keys in variables. */
function destinationEnv(flags: CopyFlags, env: CliContext['env']): CliContext['env'] {
  return {
    ...env,
    ...(flags.toProfile && { AWS_PROFILE: flags.toProfile }),
    ...(flags.toRegion && { AWS_REGION: flags.toRegion }),
    ...(flags.toEndpoint && { AWS_ENDPOINT_URL_S3: flags.toEndpoint }),
  };
}

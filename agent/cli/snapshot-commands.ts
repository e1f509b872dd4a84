import { randomBytes } from 'node:crypto';
import { basename } from 'node:path';
import { Option, type Command } from 'commander';
import { bytesText, timeText } from '../../core/readable.ts';
import { HoldfastError } from '../../core/errors.ts';
import { isSnapshotId } from '../../core/snapshot/names.ts';
import { typed } from '../../core/typed.ts';
import type { Bucket } from '../s3/bucket.ts';
import { parseS3Url, parseSnapshotUrl } from '../s3/s3-url.ts';
import { createSnapshot } from '../snapshot/create-snapshot.ts';
import { knownHotChunks } from '../snapshot/hot-lists.ts';
import { listSnapshots, type ListedSnapshot } from '../snapshot/list-snapshots.ts';
import { stateDirectories } from '../state/state-directory.ts';
import { openPathInput } from '../snapshot/path-input.ts';
import { verifySnapshot } from '../snapshot/verify-snapshot.ts';
import { bucketAt } from './bucket-at.ts';
import type { AddCommands, CliContext } from './cli-context.ts';
import { newestOf } from './newest-snapshot.ts';
import { startProgress } from './progress.ts';
import { addCopyCommand } from './snapshot-copy-command.ts';
import { addDeleteCommand, addGcCommand } from './snapshot-delete-commands.ts';
import { parseSizeBytes } from './units.ts';
import { openTransfers } from '../transfer/transfers.ts';
import { settingsText } from './settings-text.ts';
import { printUploaded, showUpload, tellResumed } from './upload-output.ts';
import { againOption, resumable, uploadJournalAt, uploadStateOption } from './upload-journal-at.ts';
import { plainTable } from './volume-table.ts';
import { exampleText } from './example-text.ts';

/** `holdfast-agent snapshot …`: works on S3 directly and needs no running agent. */
export const addSnapshotCommands: AddCommands = (program, cli) => {
  const snapshot = program
    .command('snapshot')
    .description('take, list, verify, copy and delete snapshots in S3')
    .addHelpText(
      'after',
      exampleText(
        'snapshot create /data/vol1.img --to s3://backups/vol1',
        'snapshot list s3://backups/vol1',
      ) + settingsText,
    );
  addCreateCommand(snapshot, cli);
  addListCommand(snapshot, cli);
  addVerifyCommand(snapshot, cli);
  addCopyCommand(snapshot, cli);
  addDeleteCommand(snapshot, cli);
  addGcCommand(snapshot, cli);
};

interface CreateFlags {
  to: string;
  parent?: string;
  volume?: string;
  chunkSize?: string;
  force?: boolean;
  again?: boolean;
  stateDir?: string;
  json?: boolean;
}

function addCreateCommand(snapshot: Command, cli: CliContext): void {
  snapshot
    .command('create')
    .summary('store a file or block device as a snapshot')
    .description(
      'Stores SOURCE, a file or a block device that is not in use, as a snapshot that is complete in itself.\n' +
        'With --parent all of SOURCE is still read and hashed, but only what differs is uploaded. Started again after\n' +
        'an interruption, the same command uploads what had not arrived.',
    )
    .argument('<source>', 'file or block device')
    .requiredOption('--to <url>', 'where to: s3://bucket/prefix')
    .option('--parent <id>', 'upload only what differs from this snapshot; “last”: the newest of the volume')
    .option('--volume <id>', 'the volume’s name in the snapshot (default: the source’s file name)')
    .option('--chunk-size <size>', 'unit of restore, a power of two from 4KiB to 4MiB (default: 256KiB)')
    .option('--force', 'also while SOURCE is in use or changes: the snapshot is then no single point in time')
    .addOption(againOption())
    .addOption(uploadStateOption())
    .option('--json', 'print progress and the result as JSON lines')
    .addHelpText(
      'after',
      exampleText(
        'snapshot create /data/vol1.img --to s3://backups/vol1',
        'snapshot create /dev/vg0/vol1 --to s3://backups/vol1 --parent last',
      ),
    )
    .action((source: string, flags: CreateFlags) => create(source, flags, cli));
}

async function create(source: string, flags: CreateFlags, cli: CliContext): Promise<void> {
  await using transfers = openTransfers(cli.env);
  const bucket = bucketAt(parseS3Url(flags.to), cli, { transfers });
  const chunkBytes = flags.chunkSize === undefined ? undefined : parseSizeBytes(flags.chunkSize);
  const volumeId = flags.volume ?? volumeIdOf(source);
  await using kept = await uploadJournalAt(['create', bucket.url, volumeId], flags, cli);
  const { journal } = kept;
  const input = await openPathInput(source, {
    force: flags.force,
    stateDirectories: stateDirectories(cli.env),
  });
  const json = flags.json ?? false;
  const progress = startProgress(cli, { json });
  try {
    const parentId = await parentIdOf(flags, volumeId, bucket, cli.signal);
    if (flags.parent === 'last' && parentId === undefined) tellFirst(flags, volumeId, bucket, cli);
    const result = await createSnapshot({
      bucket,
      source: input,
      volumeId,
      parentId,
      chunkBytes,
      encoder: transfers.encoder,
      journal,
      again: flags.again,
      onResume: tellResumed(cli, { json }),
      hotChunks: async ({ chunkCount, signal }) =>
        parentId === undefined
          ? []
          : knownHotChunks(bucket, { snapshotId: parentId, chunkCount }, { signal }),
      signal: cli.signal,
      now: cli.now,
      random: randomBytes,
      onProgress: showUpload(progress),
    });
    progress.end();
    printUploaded(cli, result, { url: bucket.url, json, event: 'created', done: 'read and hashed' });
  } catch (thrown) {
    throw journal?.holdsChunks ? resumable(thrown) : thrown;
  } finally {
    progress.end();
    await input.close();
  }
}

/** A file name as a volume's id: what is not allowed becomes a dash. */
const volumeIdOf = (source: string): string =>
  basename(source)
    .replace(/[^A-Za-z0-9._-]/g, '-')
    .slice(0, 64) || 'volume';

const parentIdOf = (flags: CreateFlags, volumeId: string, bucket: Bucket, signal: AbortSignal) =>
  flags.parent === 'last' ? newestOf(bucket, volumeId, signal) : flags.parent;

/** “last” of a volume that has none yet is no error: a scheduled command begins with the first. */
const tellFirst = (flags: CreateFlags, volumeId: string, bucket: Bucket, cli: CliContext): void =>
  cli.stderr(
    `note: ${bucket.url} has no snapshot of volume ${volumeId} yet: everything is uploaded${flags.volume === undefined ? '; --volume names another one' : ''}\n`,
  );

function addListCommand(snapshot: Command, cli: CliContext): void {
  snapshot
    .command('list')
    .summary('list the snapshots of a location, oldest first')
    .argument('<url>', 's3://bucket/prefix')
    .option('--json', 'print one JSON line a snapshot')
    .addHelpText('after', exampleText('snapshot list s3://backups/vol1'))
    .action(async (url: string, flags: { json?: boolean }) => {
      refuseSnapshotUrl(url);
      const bucket = bucketAt(parseS3Url(url), cli, { isQuick: true });
      const rows = await listSnapshots(bucket, { signal: cli.signal });
      if (flags.json) for (const row of rows) cli.stdout(`${JSON.stringify(row)}\n`);
      else cli.stdout(rows.length > 0 ? tableOf(rows) : `no snapshots in ${bucket.url}\n`);
    });
}

function refuseSnapshotUrl(url: string): void {
  const snapshot = url.replace(/\/+$/, '');
  const at = snapshot.lastIndexOf('/');
  if (!isSnapshotId(snapshot.slice(at + 1))) return;
  throw new HoldfastError('INVALID_INPUT', `${snapshot} is a snapshot, not a place that holds some`, {
    hint: `\`${typed(`holdfast-agent snapshot list ${snapshot.slice(0, at)}`)}\` lists it; \`${typed(`holdfast-agent snapshot verify ${snapshot}`)}\` reads it`,
  });
}

/** Each is complete in itself, so which one it was uploaded on top of is left to `--json`. */
const tableOf = (rows: ListedSnapshot[]): string =>
  plainTable(
    ['SNAPSHOT', 'TAKEN AT', 'SIZE', 'UPLOADED', 'VOLUME'],
    rows.map((row) =>
      row.damage === undefined
        ? [
            row.snapshotId,
            timeText(row.createdAtMs),
            bytesText(row.sizeBytes),
            bytesText(row.uploadedBytes),
            row.volumeId,
          ]
        : [row.snapshotId, timeText(row.createdAtMs), 'damaged', '-', '-'],
    ),
    rows.map(({ damage }) => damage),
  );

function addVerifyCommand(snapshot: Command, cli: CliContext): void {
  snapshot
    .command('verify')
    .summary('read all of a snapshot and compare every page and chunk with its hash')
    .argument('<url>', 's3://bucket/prefix/SNAPSHOT-ID')
    .addOption(new Option('--json', 'print progress and the result as JSON lines'))
    .addHelpText(
      'after',
      '\nExits with 65 where something is damaged, and names it.\n' +
        exampleText('snapshot verify s3://backups/vol1/SNAPSHOT-ID'),
    )
    .action((url: string, flags: { json?: boolean }) => verify(url, flags.json ?? false, cli));
}

async function verify(url: string, json: boolean, cli: CliContext): Promise<void> {
  const location = parseSnapshotUrl(url);
  const progress = startProgress(cli, { json });
  const result = await verifySnapshot(bucketAt(location, cli), location.snapshotId, {
    signal: cli.signal,
    onProgress: ({ doneChunks, totalChunks, readBytes, damagedChunks }) => {
      const fields = { doneChunks, totalChunks, readBytes, damagedChunks };
      const note = damagedChunks > 0 ? `${damagedChunks} damaged` : '';
      progress.update(readBytes, (readBytes * totalChunks) / doneChunks, fields, note);
    },
  }).finally(() => progress.end());
  if (json) cli.stdout(`${JSON.stringify({ event: 'verified', ...result })}\n`);
  else for (const { message } of result.damage) cli.stdout(`damaged: ${message}\n`);
  const { chunkCount, damagedChunks, dataChunks, readBytes } = result;
  if (damagedChunks > 0)
    throw new HoldfastError('CORRUPT', `${damagedChunks} of ${chunkCount} chunks cannot be restored`, {
      hint: 'take a new snapshot without a parent: it stores them again',
    });
  if (!json)
    cli.stdout(`${location.snapshotId} is whole: ${dataChunks} chunks, ${bytesText(readBytes)} verified\n`);
}

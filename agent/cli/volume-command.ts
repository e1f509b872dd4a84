import type { Command } from 'commander';
import { resolve } from 'node:path';
import { HoldfastError } from '../../core/errors.ts';
import { typed } from '../../core/typed.ts';
import { bytesText, durationText } from '../../core/readable.ts';
import type {
  SnapshotResult,
  VolumeHealth,
  VolumeInfo,
  VolumeSnapshot,
  VolumeVerification,
} from '../ports.ts';
import type { AddCommands, CliContext } from './cli-context.ts';
import { startProgress } from './progress.ts';
import { addSteering } from './steering-commands.ts';
import { parseSizeBytes } from './units.ts';
import { ratesOf } from './rates.ts';
import { damagedVolume, verificationText } from './verification-text.ts';
import { call, numbers, print, printEnd, sub, type Common } from './volume-call.ts';
import { snapshotTable, volumeDetails, volumeTable } from './volume-table.ts';
import { exampleText } from './example-text.ts';

interface CreateOptions extends Common {
  path: string;
  size?: string;
}
interface RestoreOptions extends Common {
  snapshot?: string;
  bandwidth?: string;
  promise?: string;
  wait?: boolean;
  replace?: boolean;
}

export const addVolumeCommand: AddCommands = (program, cli) => {
  const volume = program
    .command('volume')
    .description('the volumes of the running agent')
    .addHelpText(
      'after',
      exampleText(
        'volume create vol1 --path /data/vol1.img --size 10GiB',
        'volume snapshot vol1',
        'volume restore vol1 --wait',
      ),
    );
  addLooking(volume, cli);
  addVerifying(volume, cli);
  addChanging(volume, cli);
  addCopying(volume, cli);
  addSteering(volume, cli);
};

function addLooking(volume: Command, cli: CliContext): void {
  sub(volume, 'list', 'all volumes', ['list', 'list --json']).action(async (options: Common) => {
    const volumes = await call<VolumeInfo[]>(cli, options, 'volume.list', {});
    print(cli, options, volumes, volumeTable(volumes));
  });
  sub(volume, 'show <volume>', 'one volume', ['show vol1']).action(
    async (volumeId: string, options: Common) => {
      const info = await call<VolumeInfo>(cli, options, 'volume.show', { volumeId });
      print(cli, options, info, volumeDetails(info, cli.now()));
    },
  );
  sub(volume, 'snapshots <volume>', 'its snapshots in S3', [
    'snapshots vol1',
    'snapshots vol1 --json',
  ]).action(async (volumeId: string, options: Common) => {
    const found = await call<VolumeSnapshot[]>(cli, options, 'volume.snapshots', { volumeId });
    print(cli, options, found, snapshotTable(found));
  });
  sub(volume, 'check <volume>', 'look at its backing file now', ['check vol1']).action(
    async (volumeId: string, options: Common) => {
      const health = await call<VolumeHealth>(cli, options, 'volume.check', { volumeId });
      print(cli, options, health, health.ok ? 'healthy\n' : `${health.reason}: ${health.detail}\n`);
      if (!health.ok) throw unhealthy(volumeId, health);
    },
  );
}

function addChanging(volume: Command, cli: CliContext): void {
  sub(volume, 'create <volume>', 'adopt a file or device, or make a sparse file, and serve it', [
    'create vol1 --path /data/vol1.img --size 10GiB',
    'create vol2 --path /dev/vg0/vol2',
  ])
    .requiredOption('--path <path>', 'backing file or block device')
    .option('--size <size>', 'make a file of this size, e.g. 10GiB; without it the file has to exist')
    .action(async (volumeId: string, options: CreateOptions) => {
      const sizeBytes = options.size === undefined ? undefined : parseSizeBytes(options.size);
      const params = {
        volumeId,
        path: resolve(options.path),
        ...(sizeBytes === undefined ? {} : { sizeBytes }),
      };
      const info = await call<VolumeInfo>(cli, options, 'volume.create', params);
      print(cli, options, info, volumeDetails(info, cli.now()));
    });
  sub(volume, 'delete <volume>', 'stop serving it and forget it; its backing file stays', [
    'delete vol1',
  ]).action(async (volumeId: string, options: Common) => {
    await call(cli, options, 'volume.delete', { volumeId });
    print(cli, options, { volumeId }, `${volumeId} is forgotten; its backing file stays\n`);
  });
}

function addCopying(volume: Command, cli: CliContext): void {
  sub(volume, 'snapshot <volume>', 'take a snapshot to S3', ['snapshot vol1', 'snapshot vol1 --json']).action(
    async (volumeId: string, options: Common) => {
      const progress = startProgress(cli, { json: options.json === true });
      const onProgress = (at: Record<string, unknown>) => {
        const fields = numbers(at);
        const { doneBytes = 0, totalBytes = 0, uploadedBytes = 0 } = fields;
        progress.update(doneBytes, totalBytes, fields, `${bytesText(uploadedBytes)} uploaded`);
      };
      const result = await call<SnapshotResult>(
        cli,
        options,
        'volume.snapshot',
        { volumeId },
        onProgress,
      ).finally(() => progress.end());
      const kind = result.incremental ? 'incremental' : 'full';
      printEnd(
        cli,
        options,
        'created',
        result,
        `${result.snapshotId}: ${bytesText(result.sizeBytes)}, ${kind}, ` +
          `${bytesText(result.uploadedBytes)} uploaded in ${durationText(result.durationMs)}\n`,
      );
    },
  );
  sub(volume, 'restore <volume>', 'restore it from a snapshot; it is usable at once', [
    'restore vol1 --wait',
    'restore vol1 --snapshot 01k9z3v6x0e8m4t2q7c5b1a9hd --bandwidth 20MiB',
    'restore vol1 --replace',
  ])
    .option('--snapshot <id>', 'default: the volume’s newest')
    .option('--bandwidth <size>', 'limit of the background per second, e.g. 20MiB')
    .option(
      '--promise <size>',
      'rate per second that it is to keep: `volume show` tells when it is due, or how late',
    )
    .option('--wait', 'until the restore has ended')
    .option('--replace', 'also when it is healthy: what was written since the snapshot is lost')
    .action((volumeId: string, options: RestoreOptions) => restore(cli, volumeId, options));
}

function addVerifying(volume: Command, cli: CliContext): void {
  sub(volume, 'verify <volume>', 'compare every block with a snapshot, also while it is restored', [
    'verify vol1',
    'verify vol1 --snapshot 01k9z3v6x0e8m4t2q7c5b1a9hd --json',
  ])
    .option('--snapshot <id>', 'default: the one that it is restored from, else its last one')
    .action((volumeId: string, options: RestoreOptions) => verify(cli, volumeId, options));
}

async function verify(cli: CliContext, volumeId: string, options: RestoreOptions): Promise<void> {
  const progress = startProgress(cli, { json: options.json === true });
  const onProgress = (at: Record<string, unknown>) => {
    const fields = numbers(at);
    const { doneBytes = 0, totalBytes = 0, damagedBlocks = 0 } = fields;
    progress.update(doneBytes, totalBytes, fields, damagedBlocks > 0 ? `${damagedBlocks} damaged` : '');
  };
  const params = { volumeId, ...(options.snapshot !== undefined && { snapshotId: options.snapshot }) };
  const found = await call<VolumeVerification>(cli, options, 'volume.verify', params, onProgress).finally(
    () => progress.end(),
  );
  printEnd(cli, options, 'verified', found, verificationText(found));
  if (found.damagedBlocks > 0) throw damagedVolume(found);
}

function unhealthy(
  volumeId: string,
  { reason, detail }: Extract<VolumeHealth, { ok: false }>,
): HoldfastError {
  const isBusy = reason === 'in-use';
  return new HoldfastError(isBusy ? 'BUSY' : 'IO', `volume ${volumeId} is not served: ${detail}`, {
    hint: isBusy
      ? 'stop the other process; the volume comes back by itself'
      : `bring its disk back, or restore it with \`${typed(`holdfast-agent volume restore ${volumeId}`)}\``,
  });
}

async function restore(cli: CliContext, volumeId: string, options: RestoreOptions): Promise<void> {
  const progress = startProgress(cli, { json: options.json === true });
  const onProgress = (at: Record<string, unknown>) => {
    const fields = numbers(at);
    progress.update(fields.restoredBytes ?? 0, fields.totalBytes ?? 0, fields, volumeId);
  };
  const params = {
    volumeId,
    wait: options.wait === true,
    ...(options.replace && { replace: true }),
    ...(options.snapshot === undefined ? {} : { snapshotId: options.snapshot }),
    ...ratesOf(options),
  };
  const result = await call<{ snapshotId: string; state: string; outcome?: string }>(
    cli,
    options,
    'volume.restore',
    params,
    onProgress,
  ).finally(() => progress.end());
  const text = result.outcome ?? 'is usable; the rest is restored in the background';
  const event = result.outcome ?? 'usable';
  printEnd(cli, options, event, result, `${volumeId} from ${result.snapshotId}: ${text}\n`);
}

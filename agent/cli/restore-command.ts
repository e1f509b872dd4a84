import { Option } from 'commander';
import { asHoldfastError, HoldfastError, errorLine } from '../../core/errors.ts';
import { requireSocketPlace } from '../nbd/listen.ts';
import { exportNameOf, parseNbdListen, readTlsFolder } from '../nbd/serve-address.ts';
import { serveNbd, type NbdServer } from '../nbd/server.ts';
import type { RestoreEngine } from '../restore/restore-engine.ts';
import { FirstReads } from '../restore/first-reads.ts';
import { openStandaloneRestore, type StandaloneRestore } from '../restore/standalone-restore.ts';
import { systemClock } from '../restore/system-clock.ts';
import type { Bucket } from '../s3/bucket.ts';
import { parseSnapshotUrl } from '../s3/s3-url.ts';
import { learnHotChunks } from '../snapshot/hot-lists.ts';
import { openPinned } from '../snapshot/open-pinned.ts';
import { openSnapshot } from '../snapshot/open-snapshot.ts';
import { unpinSnapshot } from '../snapshot/pins.ts';
import { standaloneStatePath, stateDirectories } from '../state/state-directory.ts';
import { openTransfers, type Transfers } from '../transfer/transfers.ts';
import { bucketAt } from './bucket-at.ts';
import type { AddCommands, CliContext } from './cli-context.ts';
import { serverLog } from './log-output.ts';
import { reportProgress } from './restore-progress.ts';
import { announce, incomplete, report, tellPromise } from './restore-report.ts';
import { settingsText } from './settings-text.ts';
import { troubleTeller } from './trouble-teller.ts';
import { tellUnpinned } from './tell-unpinned.ts';
import { ratesOf } from './rates.ts';
import { exampleText } from './example-text.ts';

/** Nobody waits longer than this for advice to be stored. */
const learnMs = 5_000;

interface RestoreFlags {
  nbd?: string;
  exportName?: string;
  tls?: string;
  arity?: string;
  background: boolean;
  bandwidth?: string;
  promise?: string;
  onFetchError: 'eio' | 'hang';
  exitWhenDone?: boolean;
  again?: boolean;
  stateDir?: string;
  json?: boolean;
}

/** `holdfast-agent restore`: on its own, without an agent or a control plane. */
export const addRestoreCommand: AddCommands = (program, cli) => {
  program
    .command('restore')
    .summary('restore a snapshot to a file or block device, usable at once')
    .description(
      'Restores a snapshot to TARGET. With --nbd the volume is served from the first moment: what is read or written\n' +
        'and not yet there is fetched first, the rest follows in the background. Started again after any\n' +
        'interruption, the same command goes on where it was.',
    )
    .argument('<snapshot>', 's3://bucket/prefix/SNAPSHOT-ID')
    .argument('<target>', 'file (made if it is missing) or block device; what it holds is overwritten')
    .option(
      '--nbd <address>',
      'serve the volume while it is restored, and afterwards: unix:PATH or tcp:HOST:PORT',
    )
    .option('--export-name <name>', 'what NBD clients ask for (default: the target’s file name)')
    .option('--tls <folder>', 'folder with server-key.pem, server-cert.pem and ca-cert.pem')
    .option('--no-background', 'fetch only what clients ask for')
    .option('--bandwidth <size>', 'bytes a second for the background, such as 20MiB; clients are exempt')
    .option(
      '--promise <size>',
      'bytes a second that the restore is to keep: tells when it is due, and how late it is',
    )
    .addOption(
      new Option('--on-fetch-error <policy>', 'a read whose chunk cannot be fetched')
        .choices(['eio', 'hang'])
        .default('eio'),
    )
    .option('--arity <k>', 'children of a block in the tree of marks (default: 4)')
    .option('--exit-when-done', 'with --nbd: end when everything is restored')
    .option('--again', 'begin anew, whatever an earlier run left')
    .option('--state-dir <dir>', 'where the restore is remembered (default: ~/.local/state/holdfast)')
    .option('--json', 'print events and progress as JSON lines')
    .addHelpText(
      'after',
      exampleText(
        'restore s3://backups/gw-1/SNAPSHOT-ID /data/vol1.img',
        'restore s3://backups/gw-1/SNAPSHOT-ID /dev/vg0/vol1 --nbd unix:/run/vol1.sock',
      ) + settingsText,
    )
    .action((snapshot: string, target: string, flags: RestoreFlags) => restore(snapshot, target, flags, cli));
};

async function restore(url: string, target: string, flags: RestoreFlags, cli: CliContext): Promise<void> {
  const { snapshotId, ...location } = parseSnapshotUrl(url);
  if (!flags.background && !flags.nbd)
    throw new HoldfastError('USAGE', '--no-background without --nbd restores nothing', {
      hint: 'say where to serve the volume with --nbd',
    });
  const listen = flags.nbd === undefined ? undefined : parseNbdListen(flags.nbd);
  const tls = flags.tls === undefined ? undefined : await readTlsFolder(flags.tls);
  const name = exportNameOf(flags.exportName, target);
  if (listen && 'unix' in listen) await requireSocketPlace(listen.unix);
  await using transfers = openTransfers(cli.env);
  if (flags.background) transfers.warm?.();
  const bucket = bucketAt(location, cli, { transfers });
  const stuck = Promise.withResolvers<never>();
  // Whoever serves goes on for what its clients can read. Nobody waits for a file that nothing more comes to.
  const onStuck = (damage: HoldfastError) => stuck.reject(incomplete(target, url, damage));
  const opened = await open(
    { bucket, transfers, snapshotId, target, flags, onStuck: listen ? undefined : onStuck },
    cli,
  );
  const { engine } = opened;
  const stopped = untilAborted(cli.signal);
  const over = Promise.race([stopped, stuck.promise]);
  over.catch(() => undefined);
  const isDone = () => engine.descriptor.moving.phase === 'restored';
  const wasRestored = isDone();
  const firstReads = new FirstReads();
  if (engine.state !== 'restored') engine.device.onRead = firstReads.note;
  let server: NbdServer | undefined;
  try {
    if (listen) {
      const log = serverLog(cli, { json: flags.json ?? false });
      const exports = () => [{ name, description: url, device: engine.device }];
      server = await serveNbd({ listen, tls, exports, log });
    }
    announce(opened, { target, uri: server?.uri(name) }, flags, cli);
    if (flags.background) engine.startBackground();
    tellPromise(engine, flags, cli);
    await untilOver(engine, { stopped: over, flags, cli });
    await learnFirstReads(bucket, engine, firstReads);
    if (isDone()) {
      // The snapshot is not needed any more, however long the volume is served.
      await unpinSnapshot(bucket, snapshotId, pinIdOf(engine)).catch(() => undefined);
      const misplaced = await opened.mustBeInPlace().catch(asHoldfastError);
      if (!misplaced) report({ engine, wasRestored }, flags, cli);
      // Clients still use what is open: whoever serves it goes on until it is told to end.
      if (server && !flags.exitWhenDone) {
        if (misplaced) cli.stderr(`${errorLine(misplaced)}\n`);
        await stopped;
      }
      if (misplaced) throw misplaced;
    }
  } finally {
    await server?.close();
    await opened.close();
  }
  if (!isDone()) report({ engine, wasRestored }, flags, cli);
}

/** For later restores of this snapshot. A wish: whoever may only read has restored all the same. */
async function learnFirstReads(bucket: Bucket, engine: RestoreEngine, firstReads: FirstReads): Promise<void> {
  const { snapshotId, snapshotBytes, blockBytes } = engine.descriptor.frozen;
  const owner = { snapshotId, chunkCount: Math.ceil(snapshotBytes / blockBytes) };
  const signal = AbortSignal.timeout(learnMs);
  const chunks = firstReads.chunks(blockBytes);
  engine.device.onRead = undefined;
  await learnHotChunks(bucket, owner, chunks, { signal }).catch(() => undefined);
}

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });

function open(
  p: {
    bucket: Bucket;
    transfers: Transfers;
    snapshotId: string;
    target: string;
    flags: RestoreFlags;
    onStuck: ((damage: HoldfastError) => void) | undefined;
  },
  cli: CliContext,
): Promise<StandaloneRestore> {
  const { bucket, transfers, snapshotId, flags } = p;
  const tellTrouble = troubleTeller(cli);
  return openStandaloneRestore({
    path: p.target,
    snapshotId,
    stateDirectory: standaloneStatePath(flags.stateDir, cli.env),
    otherStateDirectories: stateDirectories(cli.env),
    again: flags.again,
    arity: flags.arity === undefined ? undefined : parseArity(flags.arity),
    ...ratesOf(flags),
    openSource: async (restoreId, rootHash) => {
      const pinId = `restore-${restoreId}`;
      const options = { transfers, signal: cli.signal };
      if (rootHash) return openSnapshot(bucket, snapshotId, { ...options, pinId, rootHash });
      const note = { startedAtMs: cli.now() };
      return openPinned(bucket, snapshotId, pinId, {
        ...options,
        note,
        onUnpinned: () => tellUnpinned(bucket, cli),
      });
    },
    lateWriter: transfers.lateWriter,
    abandon: (restoreId) => unpinSnapshot(bucket, snapshotId, `restore-${restoreId}`).catch(() => undefined),
    engineDeps: {
      clock: { now: cli.now, sleep: systemClock.sleep },
      fetchErrorPolicy: flags.onFetchError,
      onStuck: p.onStuck,
      onTrouble: tellTrouble,
    },
  });
}

const pinIdOf = (engine: RestoreEngine): string => `restore-${engine.descriptor.frozen.restoreId}`;

/** Resolves when everything is restored, or when the process is told to end. Throws where the disk failed. */
async function untilOver(
  engine: RestoreEngine,
  { stopped, flags, cli }: { stopped: Promise<void>; flags: RestoreFlags; cli: CliContext },
): Promise<void> {
  const ended = reportProgress(engine, cli, { json: flags.json ?? false, stopped });
  const state = await Promise.race([ended, stopped]);
  if (state === 'failed' && engine.trouble) throw engine.trouble;
}

function parseArity(text: string): number {
  const arity = Number(text);
  if (Number.isSafeInteger(arity)) return arity;
  throw new HoldfastError('USAGE', `“${text.slice(0, 20)}” is not an arity`, {
    hint: 'write a number from 2 on',
  });
}

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { BlockDevice } from '../../core/block-device.ts';
import { openFileDevice } from '../nbd/file-device.ts';
import { exportNameOf, parseNbdListen, readTlsFolder } from '../nbd/serve-address.ts';
import { serveNbd } from '../nbd/server.ts';
import { lockPath } from '../restore/volume-target.ts';
import { snapshotDevice } from '../nbd/snapshot-device.ts';
import { parseSnapshotUrl } from '../s3/s3-url.ts';
import { openPinned } from '../snapshot/open-pinned.ts';
import { unpinSnapshot } from '../snapshot/pins.ts';
import { stateDirectories } from '../state/state-directory.ts';
import { openTransfers } from '../transfer/transfers.ts';
import { bucketAt } from './bucket-at.ts';
import type { AddCommands, CliContext } from './cli-context.ts';
import { exampleText } from './example-text.ts';
import { serverLog } from './log-output.ts';
import { tellUnpinned } from './tell-unpinned.ts';

/** Nobody waits longer than this for S3 when a server ends. */
const unpinMs = 5_000;

interface ServeOptions {
  nbd: string;
  readOnly?: boolean;
  exportName?: string;
  tls?: string;
  json?: boolean;
}

export const addServeCommand: AddCommands = (program, cli) => {
  program
    .command('serve')
    .argument('<source>', 'a file, a block device, or s3://bucket/prefix/SNAPSHOT-ID')
    .summary('serve a file or a snapshot over NBD')
    .description(
      'Serves a file, a block device or, read-only and straight from S3, a snapshot over NBD until it is stopped.\n' +
        'No running agent is needed. A Unix socket can be used by its owner alone; TCP stays on loopback unless\n' +
        'clients are authenticated by certificates (--tls).',
    )
    .requiredOption('--nbd <address>', 'unix:PATH or tcp:HOST:PORT')
    .option('--read-only', 'refuse writes (a snapshot always does)')
    .option('--export-name <name>', 'what clients ask for (default: the last part of the source)')
    .option('--tls <folder>', 'folder with server-key.pem, server-cert.pem and ca-cert.pem')
    .option('--json', 'print the address as JSON')
    .addHelpText(
      'after',
      exampleText(
        'serve disk.img --nbd unix:/tmp/disk.sock',
        'serve s3://backups/gw-1/SNAPSHOT-ID --nbd tcp:127.0.0.1:10809',
      ),
    )
    .action((source: string, options: ServeOptions) => serve(source, options, cli));
};

async function serve(source: string, options: ServeOptions, cli: CliContext): Promise<void> {
  const listen = parseNbdListen(options.nbd);
  const tls = options.tls === undefined ? undefined : await readTlsFolder(options.tls);
  const name = exportNameOf(options.exportName, source);
  const fromS3 = source.startsWith('s3://');
  // One file or device has one process, whether that only reads it or not: what it reads must not change below it.
  await using held = new AsyncDisposableStack();
  if (!fromS3) {
    const lock = await lockPath(source, stateDirectories(cli.env));
    held.defer(() => lock.release());
  }
  const device = await (fromS3
    ? openSnapshotDevice(source, cli, held)
    : openFileDevice(source, { readOnly: options.readOnly ?? false }));
  try {
    const server = await serveNbd({
      listen,
      exports: () => [{ name, description: source, device }],
      tls,
      log: serverLog(cli, { json: options.json ?? false }),
    });
    const { sizeBytes, readOnly } = device;
    const uri = server.uri(name);
    if (options.json) cli.stdout(`${JSON.stringify({ uri, exportName: name, sizeBytes, readOnly })}\n`);
    else cli.stdout(`serving: ${source} (${sizeBytes} bytes${readOnly ? ', read-only' : ''})\nuri: ${uri}\n`);
    if (!cli.signal.aborted) await once(cli.signal, 'abort');
    const closed = server.close();
    if (fromS3) await device.close(); // clients that wait for S3 get EIO now, and not when S3 has given up
    await closed;
    if (!readOnly) await device.flush();
  } finally {
    await device.close();
  }
}

/** Pinned while it is served: a snapshot that is deleted meanwhile would end in the middle of a client's read. */
async function openSnapshotDevice(
  url: string,
  cli: CliContext,
  stack: AsyncDisposableStack,
): Promise<BlockDevice> {
  const { snapshotId, ...location } = parseSnapshotUrl(url);
  const transfers = stack.use(openTransfers(cli.env));
  const bucket = bucketAt(location, cli, { transfers });
  const pinId = `serve-${randomUUID()}`;
  let isPinned = true;
  const onUnpinned = () => {
    isPinned = false;
    tellUnpinned(bucket, cli);
  };
  const options = { transfers, note: { startedAtMs: cli.now() }, onUnpinned, signal: cli.signal };
  const snapshot = await openPinned(bucket, snapshotId, pinId, options);
  if (isPinned)
    stack.defer(() =>
      unpinSnapshot(bucket, snapshotId, pinId, { signal: AbortSignal.timeout(unpinMs) }).catch(
        () => undefined,
      ),
    );
  return snapshotDevice(snapshot);
}

import { open, stat } from 'node:fs/promises';
import type { HoldfastError } from '../../core/errors.ts';
import { describeMark } from '../../core/restore/mark.ts';
import { fileError } from '../nbd/file-device.ts';
import { noFileOrDevice, openError } from '../nbd/path-errors.ts';
import { identityAt } from '../restore/identity-at.ts';
import { realPath } from '../restore/standalone-restore.ts';
import { findRestore } from '../restore/unfinished-restores.ts';
import { stateDirectories } from '../state/state-directory.ts';
import { signatureOf } from '../volumes/content-samples.ts';
import { bytesText, percentText } from '../../core/readable.ts';
import type { AddCommands, CliContext } from './cli-context.ts';
import { exampleText } from './example-text.ts';

/** `holdfast-agent volume inspect PATH`: looks, changes nothing, needs no running agent. */
export const addInspectCommand: AddCommands = (program, cli) => {
  const volume = program.commands.find((command) => command.name() === 'volume') ?? program.command('volume');
  volume
    .command('inspect')
    .summary('what a file or block device carries')
    .description(
      'Shows the size and identity of a file or block device, the file system in front of it, whether it carries\n' +
        'the mark of a restore that is not complete, and what this machine remembers of that restore.',
    )
    .argument('<path>', 'file or block device')
    .option('--state-dir <dir>', 'where restores are remembered (default: both places that this user has)')
    .option('--json', 'print as JSON')
    .addHelpText('after', exampleText('volume inspect /data/vol1.img --json'))
    .action(async (path: string, options: { stateDir?: string; json?: boolean }) => {
      const found = await inspect(await realPath(path), options, cli);
      if (options.json) return cli.stdout(`${JSON.stringify(found, null, 2)}\n`);
      cli.stdout(textOf(found));
    });
};

function textOf({ path, sizeBytes, identity, content, mark, restore }: Inspected): string {
  const where = identity.kind === 'file' ? `file, inode ${identity.inode}` : 'block device';
  const lines = [
    `${path}: ${where}, ${bytesText(sizeBytes)} (${sizeBytes} bytes)`,
    `content:  ${content}`,
    `mark:     ${mark ? `${mark.kind ?? 'unknown'} mark of block ${mark.block}, restore ${mark.restoreId}` : 'none at its front'}`,
    `restore:  ${restore ? restoreText(restore) : 'none that this machine remembers'}`,
  ];
  return `${lines.join('\n')}\n`;
}

const restoreText = ({
  snapshotId,
  restoreId,
  phase,
  durablyRestoredFraction,
}: NonNullable<Inspected['restore']>): string =>
  `${restoreId} of snapshot ${snapshotId}: ${phase}` +
  (phase === 'restored' ? '' : `, ${percentText(durablyRestoredFraction)} or more is durably there`);

type Inspected = Awaited<ReturnType<typeof inspect>>;

async function inspect(path: string, options: { stateDir?: string }, cli: CliContext) {
  const found = await identityAt(path);
  if (!found) throw await whyNothing(path);
  const front = await readFront(path);
  const mark = describeMark(front);
  const folders = options.stateDir ? [options.stateDir] : stateDirectories(cli.env);
  const known = await findRestore(folders, found.identity);
  return {
    path,
    sizeBytes: found.sizeBytes,
    identity: found.identity,
    content: mark
      ? 'the root of a restore that is not complete'
      : (signatureOf(front) ?? 'no known file system'),
    mark,
    restore: known && {
      snapshotId: known.frozen.snapshotId,
      restoreId: known.frozen.restoreId,
      phase: known.moving.phase,
      durablyRestoredFraction: known.moving.cursor / known.frozen.blockCount,
    },
  };
}

const whyNothing = (path: string): Promise<HoldfastError> =>
  stat(path).then(
    () => noFileOrDevice(path),
    (cause: unknown) => openError(path, cause),
  );

async function readFront(path: string): Promise<Uint8Array> {
  try {
    await using handle = await open(path, 'r');
    const bytes = new Uint8Array(4096);
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
    return bytes.subarray(0, bytesRead);
  } catch (cause) {
    throw fileError('read', path, cause);
  }
}

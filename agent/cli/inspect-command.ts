import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { HoldfastError } from '../../core/errors.ts';
import { sameIdentity, type Descriptor } from '../../core/restore/descriptor.ts';
import { describeMark } from '../../core/restore/mark.ts';
import { fileError } from '../nbd/file-device.ts';
import { noFileOrDevice, openError } from '../nbd/path-errors.ts';
import { fileDescriptorStore } from '../restore/descriptor-store.ts';
import { identityAt } from '../restore/file-target.ts';
import { realPath } from '../restore/standalone-restore.ts';
import { stateDirectoryPath } from '../state/state-directory.ts';
import { signatureOf } from '../volumes/content-samples.ts';
import type { AddCommands, CliContext } from './cli-context.ts';
import { statePath } from './restore-command.ts';

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
    .addHelpText('after', '\nExample:\n  holdfast-agent volume inspect /data/vol1.img --json')
    .action(async (path: string, options: { stateDir?: string; json?: boolean }) => {
      const found = await inspect(await realPath(path), options, cli);
      if (options.json) return cli.stdout(`${JSON.stringify(found, null, 2)}\n`);
      for (const [name, value] of Object.entries(found))
        if (value !== undefined)
          cli.stdout(`${name}: ${typeof value === 'object' ? JSON.stringify(value) : value}\n`);
    });
};

async function inspect(path: string, options: { stateDir?: string }, cli: CliContext) {
  const found = await identityAt(path);
  if (!found) throw await whyNothing(path);
  const front = await readFront(path);
  const mark = describeMark(front);
  const folders = options.stateDir
    ? [options.stateDir]
    : [statePath({}, cli), stateDirectoryPath(undefined, cli.env)];
  const restores = (await Promise.all(folders.map(descriptorsIn))).flat();
  const known = restores.find(({ frozen }) => sameIdentity(frozen.identity, found.identity));
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

/** The descriptors below a state directory: those of standalone restores and those of an agent's volumes. */
async function descriptorsIn(stateDirectory: string): Promise<Descriptor[]> {
  const found: Descriptor[] = [];
  for (const kind of ['restores', 'volumes']) {
    const folder = join(stateDirectory, kind);
    for (const name of await readdir(folder).catch(() => [])) {
      const store = fileDescriptorStore(join(folder, name, 'restore.json'));
      const descriptor = await store.load().catch(() => undefined);
      if (descriptor) found.push(descriptor);
    }
  }
  return found;
}

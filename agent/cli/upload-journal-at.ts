import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { asHoldfastError, HoldfastError } from '../../core/errors.ts';
import { openUploadJournal, type UploadJournal } from '../snapshot/upload-journal.ts';
import { lockProcess } from '../state/process-lock.ts';
import { standaloneStatePath } from '../state/state-directory.ts';
import { Option } from 'commander';
import type { CliContext } from './cli-context.ts';

export const againOption = (): Option =>
  new Option('--again', 'upload everything anew, whatever an interrupted run has stored');

export const uploadStateOption = (): Option =>
  new Option(
    '--state-dir <dir>',
    'where an upload is remembered until it is done (default: ~/.local/state/holdfast)',
  );

/**
 * Where the upload that these words name is remembered. None while another process works on the same one, and where
 * nothing can be kept: the upload then runs all the same, and only cannot go on after an interruption.
 */
export async function uploadJournalAt(
  words: readonly string[],
  flags: { stateDir?: string },
  cli: Pick<CliContext, 'env' | 'stderr'>,
): Promise<{ journal: UploadJournal | undefined; [Symbol.asyncDispose](): Promise<void> }> {
  const endpoint = cli.env['AWS_ENDPOINT_URL_S3'] ?? cli.env['AWS_ENDPOINT_URL'] ?? '';
  const name = createHash('sha256')
    .update([hostname(), endpoint, ...words].join('\n'))
    .digest('hex')
    .slice(0, 24);
  const folder = join(standaloneStatePath(flags.stateDir, cli.env), 'uploads', name);
  await using held = new AsyncDisposableStack();
  try {
    const lock = await lockProcess(`holdfast-upload/${name}`, { message: 'it is being uploaded', hint: '' });
    held.defer(() => lock.release());
    const journal = await openUploadJournal(folder);
    held.defer(() => journal.close());
    const kept = held.move();
    return { journal, [Symbol.asyncDispose]: () => kept.disposeAsync() };
  } catch (thrown) {
    const error = asHoldfastError(thrown);
    const { code, message } = error;
    // Who names a directory wants it used.
    if (code !== 'BUSY' && flags.stateDir !== undefined) throw error;
    if (code !== 'BUSY') cli.stderr(`note: once interrupted, this upload begins anew: ${message}\n`);
    return { journal: undefined, [Symbol.asyncDispose]: () => Promise.resolve() };
  }
}

/** What ended an upload that can go on. */
export function resumable(thrown: unknown): HoldfastError {
  const { code, message, hint } = asHoldfastError(thrown);
  const goesOn = 'what has arrived is kept: the same command goes on from there';
  return new HoldfastError(code, message, { hint: hint ? `${hint}; ${goesOn}` : goesOn, cause: thrown });
}

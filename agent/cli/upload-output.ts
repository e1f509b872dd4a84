import { bytesText, durationText } from '../../core/readable.ts';
import type { CreateProgress, CreateResult } from '../snapshot/create-snapshot.ts';
import type { CliContext } from './cli-context.ts';
import type { startProgress } from './progress.ts';

/** Shows how far an upload is. */
export const showUpload =
  (progress: ReturnType<typeof startProgress>) =>
  (at: CreateProgress): void => {
    const { doneBytes, totalBytes, uploadedBytes, resumedBytes } = at;
    const before = resumedBytes > 0 ? `, ${bytesText(resumedBytes)} before` : '';
    progress.update(doneBytes, totalBytes, { ...at }, `${bytesText(uploadedBytes)} uploaded${before}`);
  };

/** Says that an earlier run's upload goes on. */
export const tellResumed =
  (cli: Pick<CliContext, 'stdout'>, { json }: { json: boolean }) =>
  (snapshotId: string): void =>
    cli.stdout(
      json
        ? `${JSON.stringify({ event: 'resumed', snapshotId })}\n`
        : `going on with the upload of ${snapshotId}, which was interrupted\n`,
    );

/** What came of it, for people or as the last JSON line. */
export function printUploaded(
  cli: Pick<CliContext, 'stdout'>,
  result: CreateResult,
  { url, json, event, done }: { url: string; json: boolean; event: string; done: string },
): void {
  const { snapshotId, sizeBytes, durationMs, newChunks, chunkCount, uploadedBytes, resumedBytes } = result;
  const rootHash = Buffer.from(result.rootHash).toString('hex');
  if (json) return cli.stdout(`${JSON.stringify({ event, ...result, rootHash })}\n`);
  cli.stdout(
    `snapshot ${snapshotId}\n` +
      `  ${bytesText(sizeBytes)} ${done} in ${durationText(durationMs)}, ` +
      `${newChunks} of ${chunkCount} chunks new, ${bytesText(uploadedBytes)} uploaded` +
      `${resumedBytes > 0 ? ` (${bytesText(resumedBytes)} of them before)` : ''}\n` +
      `  ${url}/${snapshotId}\n`,
  );
}

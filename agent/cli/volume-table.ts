import { textTable } from '../../core/text-table.ts';
import { bytesText, durationText, percentText, timeText } from '../../core/readable.ts';
import { promiseText } from './rates.ts';
import type { VolumeInfo, VolumeSnapshot } from '../ports.ts';
import { typed } from '../../core/typed.ts';

/** A volume's state in a few words: `restoring 42 %, 1m 2s left`, `failed: overwritten`. */
export function stateText({ state, health, restore }: VolumeInfo): string {
  if (!health.ok) return `${state}: ${health.reason}`;
  if (!restore) return state;
  const percent = percentText(restore.fraction);
  // A pause has no end that could be foretold.
  const left =
    state === 'paused' || restore.etaMs === undefined ? '' : `, ${durationText(restore.etaMs)} left`;
  return `${state} ${percent}${left}`;
}

export function volumeTable(volumes: readonly VolumeInfo[]): string {
  if (volumes.length === 0) return `no volumes; \`${typed('holdfast-agent volume create')}\` makes one\n`;
  return plainTable(
    ['VOLUME', 'STATE', 'SIZE', 'LAST SNAPSHOT', 'PATH'],
    volumes.map((volume) => [
      volume.volumeId,
      stateText(volume),
      bytesText(volume.sizeBytes),
      timeText(volume.lastSnapshot?.at),
      volume.path,
    ]),
  );
}

export function snapshotTable(snapshots: readonly VolumeSnapshot[]): string {
  if (snapshots.length === 0)
    return `no snapshots; \`${typed('holdfast-agent volume snapshot')}\` takes one\n`;
  return plainTable(
    ['SNAPSHOT', 'TAKEN AT', 'SIZE', 'UPLOADED'],
    snapshots.map(({ snapshotId, createdAtMs, sizeBytes, uploadedBytes, damage }) => [
      snapshotId,
      timeText(createdAtMs),
      damage === undefined ? bytesText(sizeBytes ?? 0) : 'damaged',
      bytesText(uploadedBytes ?? 0),
    ]),
    snapshots.map(({ damage }) => damage),
  );
}

/** Laid out for the terminal, or for a narrow one where there is none. */
export const plainTable = (head: string[], rows: string[][], details?: (string | undefined)[]): string =>
  `${textTable(head, rows, { width: process.stdout.columns ?? 80, details })}\n`;

export function volumeDetails(volume: VolumeInfo, nowMs: number): string {
  const { lastSnapshot, restore, upload, nbdSocket, volumeId } = volume;
  const lines: [string, string | undefined][] = [
    ['volume', volumeId],
    ['state', stateText(volume)],
    ['problem', volume.health.ok ? undefined : volume.health.detail],
    ['path', volume.path],
    ['size', `${volume.sizeBytes} bytes (${bytesText(volume.sizeBytes)})`],
    ['last snapshot', lastSnapshot && `${lastSnapshot.snapshotId} (${timeText(lastSnapshot.at)})`],
    [
      'restoring',
      restore &&
        `${restore.snapshotId}${volume.state === 'paused' ? '' : ` at ${bytesText(restore.bytesPerSec)}/s`}`,
    ],
    ['promise', restore?.promise && promiseText(restore.promise, nowMs)],
    ['uploading', upload && percentText(upload.fraction)],
    ['nbd', nbdSocket && `nbd+unix:///${volumeId}?socket=${nbdSocket}`],
  ];
  return lines
    .map(([name, value]) => (value === undefined ? '' : `${`${name}:`.padEnd(15)} ${value}\n`))
    .join('');
}

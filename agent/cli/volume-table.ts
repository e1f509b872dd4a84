import Table from 'cli-table3';
import type { VolumeInfo, VolumeSnapshot } from '../ports.ts';
import { formatBytes, formatDuration } from './units.ts';
import { typed } from '../../core/typed.ts';

/** A volume's state in a few words: `restoring 42 %, 1:02 left`, `failed: overwritten`. */
export function stateText({ state, health, restore }: VolumeInfo): string {
  if (!health.ok) return `${state}: ${health.reason}`;
  if (!restore) return state;
  const percent = `${Math.floor(restore.fraction * 100)} %`;
  return `${state} ${percent}${restore.etaMs === undefined ? '' : `, ${formatDuration(restore.etaMs)} left`}`;
}

export function volumeTable(volumes: readonly VolumeInfo[]): string {
  if (volumes.length === 0) return `no volumes; \`${typed('holdfast-agent volume create')}\` makes one\n`;
  return plainTable(
    ['VOLUME', 'STATE', 'SIZE', 'LAST SNAPSHOT', 'PATH'],
    volumes.map((volume) => [
      volume.volumeId,
      stateText(volume),
      formatBytes(volume.sizeBytes),
      volume.lastSnapshot ? new Date(volume.lastSnapshot.at).toISOString() : '–',
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
      new Date(createdAtMs).toISOString(),
      damage === undefined ? formatBytes(sizeBytes ?? 0) : `damaged: ${damage}`,
      formatBytes(uploadedBytes ?? 0),
    ]),
  );
}

function plainTable(head: string[], rows: string[][]): string {
  const blank = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '', top: '', bottom: '' };
  const rest = { 'top-mid': '', 'top-left': '', 'top-right': '', 'bottom-mid': '', 'bottom-left': '' };
  const table = new Table({
    head,
    chars: { ...blank, ...rest, 'bottom-right': '', left: '', right: '', middle: '  ' },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  for (const row of rows) table.push(row);
  return `${table.toString()}\n`;
}

export function volumeDetails(volume: VolumeInfo): string {
  const { lastSnapshot, restore, upload, nbdSocket, volumeId } = volume;
  const lines: [string, string | undefined][] = [
    ['volume', volumeId],
    ['state', stateText(volume)],
    ['problem', volume.health.ok ? undefined : volume.health.detail],
    ['path', volume.path],
    ['size', `${volume.sizeBytes} bytes (${formatBytes(volume.sizeBytes)})`],
    [
      'last snapshot',
      lastSnapshot && `${lastSnapshot.snapshotId} (${new Date(lastSnapshot.at).toISOString()})`,
    ],
    ['restoring', restore && `${restore.snapshotId} at ${formatBytes(restore.bytesPerSec)}/s`],
    ['uploading', upload && `${Math.floor(upload.fraction * 100)} %`],
    ['nbd', nbdSocket && `nbd+unix:///${volumeId}?socket=${nbdSocket}`],
  ];
  return lines
    .map(([name, value]) => (value === undefined ? '' : `${`${name}:`.padEnd(15)} ${value}\n`))
    .join('');
}

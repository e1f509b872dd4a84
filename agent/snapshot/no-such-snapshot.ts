import { HoldfastError } from '../../core/errors.ts';

/** NOT_FOUND for a snapshot id that nothing stands behind; `url` names the repository. */
export const noSuchSnapshot = (snapshotId: string, url: string, cause?: unknown): HoldfastError =>
  new HoldfastError('NOT_FOUND', `there is no snapshot ${snapshotId} in ${url}`, {
    hint: `\`holdfast-agent snapshot list ${url}\` shows what there is`,
    cause,
  });

/** The same for a volume of the agent, whose operator has no access to S3 of their own. */
export const noSuchSnapshotOf = (volumeId: string, snapshotId: string, cause?: unknown): HoldfastError =>
  new HoldfastError('NOT_FOUND', `volume ${volumeId} has no snapshot ${snapshotId}`, {
    hint: `\`holdfast-agent volume snapshots ${volumeId}\` on the gateway shows what there is`,
    cause,
  });

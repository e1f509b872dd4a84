import { HoldfastError } from '../../core/errors.ts';
import { typed } from '../../core/typed.ts';

/** NOT_FOUND for a snapshot id that nothing stands behind; `url` names the repository. */
export const noSuchSnapshot = (snapshotId: string, url: string, cause?: unknown): HoldfastError =>
  new HoldfastError('NOT_FOUND', `there is no snapshot ${snapshotId} in ${url}`, {
    hint: `\`${typed(`holdfast-agent snapshot list ${url}`)}\` shows what there is`,
    cause,
  });

/** The same for a volume of the agent, whose operator has no access to S3 of their own. */
export const noSuchSnapshotOf = (volumeId: string, snapshotId: string, cause?: unknown): HoldfastError =>
  new HoldfastError('NOT_FOUND', `volume ${volumeId} has no snapshot ${snapshotId}`, {
    hint: `\`${typed(`holdfast-agent volume snapshots ${volumeId}`)}\` on the gateway shows what there is`,
    cause,
  });

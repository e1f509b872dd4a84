import { z } from 'zod';
import { commandSpecs } from '../../core/command-kinds.ts';
import { HoldfastError } from '../../core/errors.ts';
import { newestSnapshot } from '../commands/executors.ts';
import type { ConfigurationState } from '../configuration/follow-configuration.ts';
import type { LinkView } from '../connection/link-ports.ts';
import type { KeyInForce } from '../identity/key-rotation.ts';
import type { BucketFor, VerifyVolumeProgress, VolumeInfo, VolumeService } from '../ports.ts';
import type { ControlCall, ControlMethod, ControlMethods } from './control-protocol.ts';

/** What `holdfast-agent status` shows. */
export interface AgentView {
  agentVersion: string;
  bootId: string;
  pid: number;
  gatewayId: string;
  tenantId: string;
  name?: string;
  key: KeyInForce;
  stateDir: string;
  connection: LinkView;
  commands: { running: string[]; journalId: string };
  spool: { count: number; dropped: number };
  configuration: ConfigurationState;
  volumes: VolumeInfo[];
}

export interface AgentMethodDeps {
  volumes: VolumeService;
  bucketFor: BucketFor;
  view: () => AgentView;
}

const method = <S extends z.ZodType>(
  params: S,
  run: (params: z.infer<S>, call: ControlCall) => Promise<unknown> | unknown,
): ControlMethod => ({ params, run: (given, call) => run(given as z.infer<S>, call) });

const restoreSpec = commandSpecs['restore.start'].params;
const onVolume = commandSpecs['volume.check'].params;

/** What the agent's own CLI can ask of it: the same things, with the same limits, as the control plane's commands. */
export function agentMethods({ volumes, bucketFor, view }: AgentMethodDeps): ControlMethods {
  return new Map<string, ControlMethod>([
    ['status', method(z.strictObject({}), view)],
    ['volume.list', method(z.strictObject({}), () => volumes.list())],
    ['volume.show', method(onVolume, ({ volumeId }) => volumes.get(volumeId))],
    ['volume.create', method(commandSpecs['volume.create'].params, (params) => volumes.create(params))],
    ['volume.delete', method(onVolume, ({ volumeId }) => volumes.remove(volumeId))],
    ['volume.snapshots', method(onVolume, ({ volumeId }, { signal }) => volumes.snapshots(volumeId, signal))],
    ['volume.check', method(onVolume, ({ volumeId }) => volumes.check(volumeId))],
    ['volume.verify', method(verifyParams, (params, call) => verify(volumes, params, call))],
    ['volume.snapshot', method(onVolume, ({ volumeId }, call) => snapshot(volumes, volumeId, call))],
    [
      'volume.restore',
      method(restoreParams, (params, call) => restore({ volumes, bucketFor }, params, call)),
    ],
    ['restore.pause', method(onVolume, ({ volumeId }) => volumes.pauseRestore(volumeId))],
    ['restore.resume', method(onVolume, ({ volumeId }) => volumes.resumeRestore(volumeId))],
    ['restore.limit', method(commandSpecs['restore.limit'].params, (params) => volumes.limitRestore(params))],
    ['restore.cancel', method(onVolume, ({ volumeId }) => volumes.cancelRestore(volumeId))],
  ]);
}

function snapshot(
  volumes: VolumeService,
  volumeId: string,
  { signal, progress }: ControlCall,
): Promise<unknown> {
  return volumes.snapshot({
    volumeId,
    signal,
    onProgress: ({ doneBytes, totalBytes, uploadedBytes }) =>
      progress({ doneBytes, totalBytes, uploadedBytes }),
  });
}

const verifyParams = onVolume.extend({ snapshotId: restoreSpec.shape.snapshotId });

function verify(
  volumes: VolumeService,
  { volumeId, snapshotId }: z.infer<typeof verifyParams>,
  { signal, progress }: ControlCall,
): Promise<unknown> {
  const onProgress = ({ doneBytes, totalBytes, damagedBlocks }: VerifyVolumeProgress) =>
    progress({ doneBytes, totalBytes, damagedBlocks });
  return volumes.verify({ volumeId, snapshotId, signal, onProgress });
}

const restoreParams = restoreSpec.extend({
  /** True: answers when the restore has ended; false: as soon as the volume is usable. */
  wait: z.boolean().default(false),
});
const progressEveryMs = 500;

async function restore(
  { volumes, bucketFor }: Pick<AgentMethodDeps, 'volumes' | 'bucketFor'>,
  { wait, snapshotId: asked, ...params }: z.infer<typeof restoreParams>,
  { signal, progress }: ControlCall,
): Promise<unknown> {
  const { volumeId } = params;
  const snapshotId = asked ?? (await newestSnapshot(volumes.get(volumeId), bucketFor, signal));
  await volumes.restore({ ...params, snapshotId });
  if (!wait) return { volumeId, snapshotId, state: volumes.get(volumeId).state };
  const timer = setInterval(() => {
    const at = volumes.get(volumeId).restore;
    if (at)
      progress({ restoredBytes: at.restoredBytes, totalBytes: at.totalBytes, bytesPerSec: at.bytesPerSec });
  }, progressEveryMs);
  try {
    const outcome = await volumes.waitRestored(volumeId, signal);
    if (outcome.outcome === 'failed')
      throw new HoldfastError('STEP_FAILED', `${outcome.code}: ${outcome.message}`);
    return { volumeId, snapshotId, outcome: outcome.outcome, state: volumes.get(volumeId).state };
  } finally {
    clearInterval(timer);
  }
}

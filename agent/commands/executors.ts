import type { CommandKind } from '../../core/command-kinds.ts';
import { typed } from '../../core/typed.ts';
import { HoldfastError } from '../../core/errors.ts';
import type { Heartbeat } from '../../core/status.ts';
import type { BundleOutput } from '../../core/diagnostics.ts';
import type { BucketFor, VolumeInfo, VolumeService } from '../ports.ts';
import { openBucket } from '../s3/s3-bucket.ts';
import { collectGarbage } from '../snapshot/collect-garbage.ts';
import { deleteSnapshot } from '../snapshot/delete-snapshot.ts';
import { listSnapshots } from '../snapshot/list-snapshots.ts';
import { EndsWithProcess, type CommandOutput, type Execution, type Executors } from './executor.ts';

export interface ExecutorDeps {
  volumes: VolumeService;
  bucketFor: BucketFor;
  /** A fresh status; it is sent as one, too. */
  status: () => Promise<Heartbeat>;
  agentVersion: string;
  bootId: string;
  unixMs: () => number;
  /** Collects a bundle and uploads it. */
  diagnose: (execution: Pick<Execution, 'commandId' | 'signal' | 'progress'>) => Promise<BundleOutput>;
  /** Replaces the gateway's key; resolves once the new one is in use. */
  rotateKey: (signal: AbortSignal) => Promise<{ keyGeneration: number; keyFingerprint: string }>;
  /** Asks the process to restart; returns at once. */
  restart: () => void;
}

/** One executor for each kind of command. */
export function makeExecutors(deps: ExecutorDeps): Executors {
  return {
    ...serviceExecutors(deps),
    ...volumeExecutors(deps),
    ...snapshotExecutors(deps),
    ...restoreExecutors(deps),
  };
}

const json = (value: unknown): CommandOutput => JSON.parse(JSON.stringify(value)) as CommandOutput;

function serviceExecutors(
  deps: ExecutorDeps,
): Pick<Executors, 'probe' | 'status.get' | 'diagnostics.collect' | 'service.restart' | 'key.rotate'> {
  const { agentVersion, bootId } = deps;
  return {
    probe: {
      run: ({ echo }) => Promise.resolve(json({ echo, agentVersion, bootId, unixMs: deps.unixMs() })),
    },
    'status.get': { run: async () => json({ heartbeat: await deps.status() }) },
    'diagnostics.collect': { run: async (_, execution) => json(await deps.diagnose(execution)) },
    // Done twice, where the agent died before it could tell, it has only replaced a key that was new.
    'key.rotate': { run: async (_, { signal }) => json(await deps.rotateKey(signal)) },
    'service.restart': {
      run: async (_, { note }) => {
        await note({ bootId });
        deps.restart();
        throw new EndsWithProcess();
      },
      // Whoever asks this question is the restarted agent.
      recover: (_, { note }) =>
        Promise.resolve({ status: 'SUCCEEDED', output: json({ before: note.bootId, bootId, agentVersion }) }),
    },
  };
}

function volumeExecutors({
  volumes,
}: ExecutorDeps): Pick<Executors, 'volume.create' | 'volume.delete' | 'volume.check'> {
  return {
    'volume.create': {
      run: async (params, { isRerun }) => {
        const existing = isRerun ? find(volumes, params.volumeId) : undefined;
        if (existing?.path === params.path) return json({ volume: existing });
        return json({ volume: await volumes.create(params) });
      },
    },
    'volume.delete': {
      run: async ({ volumeId }, { isRerun }) => {
        if (isRerun && !find(volumes, volumeId)) return { volumeId };
        await volumes.remove(volumeId);
        return { volumeId };
      },
    },
    'volume.check': {
      run: async ({ volumeId }) => json({ volumeId, health: await volumes.check(volumeId) }),
    },
  };
}

function snapshotExecutors({
  volumes,
  bucketFor,
  unixMs,
}: ExecutorDeps): Pick<Executors, 'snapshot.create' | 'snapshot.delete'> {
  return {
    'snapshot.create': {
      run: async ({ volumeId }, { signal, progress, note }) => {
        await note({ before: volumes.get(volumeId).lastSnapshot?.snapshotId ?? '' });
        const onProgress = (at: { doneBytes: number; totalBytes: number }) =>
          progress(at.totalBytes > 0 ? at.doneBytes / at.totalBytes : 1);
        return json(await volumes.snapshot({ volumeId, signal, onProgress }));
      },
      // A finished snapshot is the volume's last one; only this command could have taken it meanwhile.
      recover: ({ volumeId }, { note }) => {
        const last = find(volumes, volumeId)?.lastSnapshot;
        return Promise.resolve(
          note.before !== undefined && last && last.snapshotId !== note.before
            ? { status: 'SUCCEEDED', output: json(last) }
            : undefined,
        );
      },
    },
    'snapshot.delete': {
      run: async ({ volumeId, snapshotId }, { signal, isRerun }) => {
        const bucket = openBucket(await bucketFor({ kind: 'delete', volumeId, snapshotId }));
        try {
          await deleteSnapshot(bucket, snapshotId, { signal });
        } catch (thrown) {
          if (!isRerun || !(thrown instanceof HoldfastError) || thrown.code !== 'NOT_FOUND') throw thrown;
        }
        const { freedBytes } = await collectGarbage(bucket, { now: unixMs, signal });
        return { volumeId, snapshotId, freedBytes };
      },
    },
  };
}

function restoreExecutors({
  volumes,
  bucketFor,
}: ExecutorDeps): Pick<Executors, Extract<CommandKind, `restore.${string}`>> {
  const after = (volumeId: string): CommandOutput => json({ volumeId, state: volumes.get(volumeId).state });
  return {
    'restore.start': {
      run: async ({ snapshotId: asked, ...params }, { note, signal }) => {
        const { volumeId } = params;
        const volume = volumes.get(volumeId);
        const snapshotId = asked ?? (await newestSnapshot(volume, bucketFor, signal));
        await note({ snapshotId, before: volume.state });
        await volumes.restore({ ...params, snapshotId });
        return { ...after(volumeId), snapshotId };
      },
      // The volume's own descriptor says whether the restore of this snapshot began; one that was lost and is
      // healthy again can only have been restored.
      recover: ({ volumeId }, { note }) => {
        const volume = find(volumes, volumeId);
        const began = volume?.restore !== undefined && volume.restore.snapshotId === note.snapshotId;
        const isBack =
          volume?.state === 'healthy' && (note.before === 'failed' || note.before === 'canceled');
        if (note.snapshotId === undefined || !(began || isBack)) return Promise.resolve(undefined);
        const output = { ...after(volumeId), snapshotId: note.snapshotId };
        return Promise.resolve({ status: 'SUCCEEDED', output });
      },
    },
    'restore.pause': {
      run: async ({ volumeId }) => {
        await volumes.pauseRestore(volumeId);
        return after(volumeId);
      },
    },
    'restore.resume': {
      run: async ({ volumeId }) => {
        await volumes.resumeRestore(volumeId);
        return after(volumeId);
      },
    },
    'restore.limit': {
      run: async (params) => {
        await volumes.limitRestore(params);
        return after(params.volumeId);
      },
    },
    'restore.cancel': {
      run: async ({ volumeId }) => {
        await volumes.cancelRestore(volumeId);
        return after(volumeId);
      },
    },
  };
}

const find = (volumes: VolumeService, volumeId: string): VolumeInfo | undefined =>
  volumes.list().find((volume) => volume.volumeId === volumeId);

/** The one that the volume remembers, or else the newest in its repository. Throws NOT_FOUND. */
export async function newestSnapshot(
  { volumeId, lastSnapshot }: VolumeInfo,
  bucketFor: BucketFor,
  signal?: AbortSignal,
): Promise<string> {
  if (lastSnapshot) return lastSnapshot.snapshotId;
  const { client, bucket, prefix } = await bucketFor({ kind: 'snapshot', volumeId });
  let newest: string | undefined;
  for (const snapshot of await listSnapshots(openBucket({ client, bucket, prefix }), {
    ...(signal && { signal }),
  }))
    if (snapshot.damage === undefined) newest = snapshot.snapshotId;
  if (newest !== undefined) return newest;
  throw new HoldfastError('NOT_FOUND', `volume ${volumeId} has no snapshot`, {
    hint: `nothing can be restored; \`${typed(`holdfast-agent volume snapshot ${volumeId}`)}\`, or the command snapshot.create, takes one`,
  });
}

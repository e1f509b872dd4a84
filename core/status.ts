import { z } from 'zod';
import { storableNumber } from './storable.ts';

/**
 * What a gateway reports. Keys of `metrics` are OpenTelemetry's names where it has one
 * (`system.cpu.utilization`), else `gateway.*`; utilizations and fractions are 0…1, durations ms, sizes bytes.
 */
const unixMs = z.number().int().nonnegative();
const count = z.number().int().nonnegative();
const fraction = storableNumber.min(0).max(1);

export const volumeStates = ['healthy', 'failed', 'restoring', 'paused', 'canceled'] as const;
export const volumeFailures = [
  'missing',
  'truncated',
  'overwritten',
  'io-error',
  'wrong-target',
  /** Another process holds the volume's lock: nothing is known to be wrong with it. */
  'in-use',
] as const;

export const volumeStatusSchema = z.object({
  volumeId: z.string().max(40),
  state: z.enum(volumeStates),
  failure: z.enum(volumeFailures).optional(),
  sizeBytes: count,
  lastSnapshotId: z.string().max(64).optional(),
  lastSnapshotAt: unixMs.optional(),
  restore: z
    .object({
      snapshotId: z.string().max(64),
      fraction,
      lastProgressAt: unixMs,
      bytesPerSec: storableNumber.nonnegative(),
    })
    .optional(),
  /** A snapshot being uploaded. */
  upload: z.object({ fraction, lastProgressAt: unixMs }).optional(),
});
export type VolumeStatus = z.infer<typeof volumeStatusSchema>;

export const filesystemStatusSchema = z.object({
  mount: z.string().max(128),
  sizeBytes: count,
  freeBytes: count,
});
export type FilesystemStatus = z.infer<typeof filesystemStatusSchema>;

export const heartbeatSchema = z.object({
  bootId: z.string().min(1).max(64),
  /** Counts heartbeats of one boot of the agent, from 1. */
  seq: count,
  sentAt: unixMs,
  agentVersion: z.string().max(32),
  agentStartedAt: unixMs,
  metrics: z
    .record(z.string().min(1).max(64), storableNumber)
    .refine((m) => Object.keys(m).length <= 40, 'at most 40 metrics'),
  filesystems: z.array(filesystemStatusSchema).max(8),
  volumes: z.array(volumeStatusSchema).max(16),
  inventoryHash: z.string().max(64).optional(),
  /** The longest time to the next one, while there is a connection. */
  intervalMs: count.max(9 * 60_000).optional(),
  /** Heartbeats that a full spool dropped since the agent started. */
  droppedHeartbeats: count.optional(),
});
export type Heartbeat = z.infer<typeof heartbeatSchema>;

export const inventorySchema = z.object({
  hash: z.string().max(64),
  hostname: z.string().max(255),
  os: z.string().max(128),
  kernel: z.string().max(128),
  arch: z.string().max(16),
  cpuModel: z.string().max(128),
  cpuCount: count,
  memoryBytes: count,
  agentVersion: z.string().max(32),
  nodeVersion: z.string().max(32),
  disks: z.array(z.object({ name: z.string().max(32), model: z.string().max(64), sizeBytes: count })).max(64),
  interfaces: z.array(z.object({ name: z.string().max(32), mac: z.string().max(32) })).max(32),
});
export type Inventory = z.infer<typeof inventorySchema>;

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
      /** How far it is behind the rate that it was promised; absent: nothing was promised. */
      lateMs: count.optional(),
      /** How long it still takes at the present rate; absent: not known. */
      remainingMs: count.optional(),
    })
    .optional(),
  /** A snapshot being uploaded. */
  upload: z.object({ fraction, lastProgressAt: unixMs }).optional(),
  /** Attempts at a snapshot that failed since one succeeded; absent: none. */
  failedSnapshots: count.optional(),
});
export type VolumeStatus = z.infer<typeof volumeStatusSchema>;

export const filesystemStatusSchema = z.object({
  mount: z.string().max(128),
  sizeBytes: count,
  freeBytes: count,
  /** It should be writable, and the kernel lets nobody write any more. */
  readOnly: z.boolean().optional(),
  /** Errors that the kernel counted on it (ext4: since the last check). */
  deviceErrors: count.optional(),
});
export type FilesystemStatus = z.infer<typeof filesystemStatusSchema>;

export const diskStates = ['ok', 'failed', 'missing'] as const;

/**
 * A disk with something to tell: one that is not `ok`, or whose value is not clear of a condition's thresholds
 * (core/conditions/). Absent: not known, but for a disk that is not listed at all (see `checked`).
 */
export const diskStatusSchema = z.object({
  /** As the kernel names it: `sda`, `nvme0n1`. */
  name: z.string().min(1).max(32),
  /** `missing`: it was there since the host started, and is gone. */
  state: z.enum(diskStates),
  /** Raw counts of SMART attributes; a SAS or NVMe disk's closest ones. */
  smart: z
    .object({
      /** The disk itself says that it is about to fail. */
      isFailing: z.boolean().optional(),
      /** 5 */
      reallocatedSectors: count.optional(),
      /** 187; NVMe: media errors */
      uncorrectableErrors: count.optional(),
      /** 188: its lowest 16 bits; vendors keep other counts above them */
      commandTimeouts: count.optional(),
      /** 197 */
      pendingSectors: count.optional(),
      /** 198 */
      offlineUncorrectable: count.optional(),
    })
    .optional(),
  /** Used part of what a flash disk endures: 1 is all of it, more is possible. */
  wear: storableNumber.min(0).max(2.55).optional(),
  temperatureC: storableNumber.min(-60).max(250).optional(),
  /** What it may have by its own account, °C: NVMe's warning threshold, a SCSI disk's trip point. Absent: it does not say. */
  temperatureLimitC: storableNumber.min(0).max(250).optional(),
  /** Busy time since the last heartbeat. */
  utilization: fraction.optional(),
  /** Mean time of a request since the last heartbeat, ms. */
  latencyMs: storableNumber.nonnegative().optional(),
});
export type DiskStatus = z.infer<typeof diskStatusSchema>;

export const arrayStates = ['ok', 'rebuilding', 'degraded', 'failed'] as const;

/** A software RAID with something to tell. */
export const arrayStatusSchema = z.object({
  /** As the kernel names it: `md0`. */
  name: z.string().min(1).max(32),
  state: z.enum(arrayStates),
  /** Members that it lacks. */
  missing: count.max(1024).optional(),
});
export type ArrayStatus = z.infer<typeof arrayStatusSchema>;

/**
 * What a heartbeat looked at as a whole. A healthy part sends nothing, and missing data resolves no alert: this is what
 * tells them apart. In a respect that is listed, whatever the heartbeat does not name is well:
 *
 * - `disks`: state, utilization and latency of every disk; `smart`: counts and wear; `heat`: temperatures.
 *   A disk that could not be read this time is listed, without what is not known.
 * - `arrays`: every software RAID.
 * - `errors`: file systems' `readOnly` and `deviceErrors`, and the counters among the metrics (absent: 0).
 * - `expiries`: whatever is absent of them ends later than in a month (certificate), or is renewed in time (credentials).
 * - `starts`: whatever is absent of them did not happen in the last hour.
 */
export const checkedParts = ['disks', 'smart', 'heat', 'arrays', 'errors', 'expiries', 'starts'] as const;
export type CheckedPart = (typeof checkedParts)[number];

/**
 * The metrics that conditions are judged by, the most telling first: a heartbeat that must shrink keeps them. A counter
 * counts since the host (`gateway.host.*`, `hw.*`) started.
 */
export const judgedMetrics = [
  'system.memory.utilization',
  'gateway.upload_buffer.utilization',
  'gateway.cache.dirty.utilization',
  /** Reads that the cache served of all since the last heartbeat, 0…1. */
  'gateway.cache.hit_ratio',
  /** Pings without an answer of the last ones or TCP segments sent again, whichever share is greater, 0…1. */
  'gateway.connection.loss',
  /** Round trip over the connection, ms. */
  'gateway.connection.rtt',
  /** Idle time of the processors in which a disk was waited for, 0…1. */
  'gateway.cpu.iowait',
  /** Errors of all real network interfaces a second since the last heartbeat. */
  'gateway.network.error_rate',
  /** ms since the host started; it tells a counter that began anew. */
  'gateway.host.uptime',
  /** Counter. */
  'gateway.host.oom_kills',
  /** Counter. */
  'hw.memory.errors.uncorrected',
] as const;

/** Volumes that one heartbeat names at most. A list as long as that may have been cut. */
export const heartbeatVolumesMax = 32;

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
  volumes: z.array(volumeStatusSchema).max(heartbeatVolumesMax),
  checked: z.array(z.enum(checkedParts)).max(checkedParts.length).optional(),
  /** Only those with something to tell, the worst first. */
  disks: z.array(diskStatusSchema).max(16).optional(),
  arrays: z.array(arrayStatusSchema).max(8).optional(),
  expiries: z
    .object({
      /** Of the certificate that ends first: the agent's own or one it is shown. */
      certificateAt: unixMs.optional(),
      /** Of the credentials in use that end first, of those whose renewal failed so far. */
      credentialsAt: unixMs.optional(),
    })
    .optional(),
  starts: z
    .object({
      /** Of the agent in the last hour, this one too. */
      agent: count.optional(),
      /** When the host last started without a clean stop before. */
      uncleanBootAt: unixMs.optional(),
    })
    .optional(),
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
  disks: z
    .array(
      z.object({
        name: z.string().max(32),
        model: z.string().max(64),
        sizeBytes: count,
        firmware: z.string().max(32).optional(),
        /** Of its serial number: whether it is the same disk as before. */
        serialHash: z.string().max(32).optional(),
      }),
    )
    .max(64),
  interfaces: z
    .array(
      z.object({
        name: z.string().max(32),
        mac: z.string().max(32),
        /** The kernel's: `virtio_net`, `ixgbe`. */
        driver: z.string().max(32).optional(),
      }),
    )
    .max(32),
  /** Maker and model, as the firmware names them. */
  machine: z.string().max(128).optional(),
  /** As systemd-detect-virt names it; `none`, and `other` for one that does not say its name. */
  hypervisor: z.string().max(32).optional(),
  /** Memory modules, where an ECC driver lists them. */
  dimms: z
    .array(z.object({ label: z.string().max(64), type: z.string().max(32), sizeBytes: count }))
    .max(64)
    .optional(),
});
export type Inventory = z.infer<typeof inventorySchema>;

import type {
  ArrayStatus,
  DiskStatus,
  FilesystemStatus,
  Heartbeat,
  VolumeStatus,
} from '../../../core/status.ts';
import { hours, minutes, volume } from '../../support/fleet.ts';
import type { ConditionStage } from './condition-stage.ts';

type Step = (stage: ConditionStage) => Promise<void>;
/** How a condition comes and goes: what the gateway sends while it is well, and while it is not. */
export interface Scenario {
  component: string;
  good: Step;
  bad: Step;
  /** How long it must have been bad before the condition is met, and good before it is not. */
  leadMs?: number;
  restMs?: number;
}

const days = 24 * hours;
const well: Step = (stage) => stage.beat();
const sends =
  (over: (now: number, stage: ConditionStage) => Partial<Heartbeat>): Step =>
  (stage) =>
    stage.beat(over(stage.now, stage));
const ofMetric = (name: string, bad: number, good: number): Scenario => ({
  component: '',
  good: sends(() => ({ metrics: { [name]: good } })),
  bad: sends(() => ({ metrics: { [name]: bad } })),
});
const ofDisk = (over: Partial<DiskStatus>): Scenario => ({
  component: 'sda',
  good: well,
  bad: sends(() => ({ disks: [{ name: 'sda', state: 'ok', ...over }] })),
});
const ofFilesystem = (bad: Partial<FilesystemStatus>): Scenario => ({
  component: '/data',
  good: sends(() => ({ filesystems: [data({})] })),
  bad: sends(() => ({ filesystems: [data(bad)] })),
});
const data = (over: Partial<FilesystemStatus>): FilesystemStatus => ({
  mount: '/data',
  sizeBytes: 1e12,
  freeBytes: 5e11,
  ...over,
});
const ofVolume = (bad: (now: number) => Partial<VolumeStatus>): Scenario => {
  const at = (now: number, over: Partial<VolumeStatus>) => ({
    volumes: [volume({ lastSnapshotAt: now - hours, ...over })],
  });
  return {
    component: 'vol-1',
    good: sends((now) => at(now, {})),
    bad: sends((now) => at(now, bad(now))),
  };
};
const restoring = (now: number, over: Partial<NonNullable<VolumeStatus['restore']>>) => ({
  state: 'restoring' as const,
  restore: { snapshotId: 's1', fraction: 0.3, lastProgressAt: now, bytesPerSec: 1, ...over },
});
/** It counts on while it is bad, and stays where it is afterwards. */
function ofCounter(beatOf: (count: number) => Partial<Heartbeat>, windowMs: number): Scenario {
  let count = 0;
  return {
    component: '',
    good: sends(() => beatOf(count)),
    bad: sends(() => beatOf((count += 2))),
    restMs: windowMs + 10 * minutes,
  };
}
const hostCounter = (name: string, windowMs: number): Scenario =>
  ofCounter((count) => ({ metrics: { [name]: count, 'gateway.host.uptime': 20 * days } }), windowMs);
/** A level that rises from `from` on while it is bad, and is low before and after. */
function rises(
  from: number,
  perHour: number,
  beatOf: (level: number) => Partial<Heartbeat>,
): Omit<Scenario, 'component'> {
  let since: number | undefined;
  return {
    good: sends(() => beatOf(0.1)),
    bad: sends((now) => beatOf(from + ((now - (since ??= now)) / hours) * perHour)),
  };
}
const array = (over: Partial<ArrayStatus>): Heartbeat['arrays'] => [{ name: 'md0', state: 'ok', ...over }];

export const scenarios: Record<string, Scenario> = {
  Offline: {
    component: '',
    good: async (stage) => {
      await stage.hello();
      await stage.beat();
    },
    bad: (stage) => stage.disconnect(),
  },
  ConnectionFlapping: {
    component: '',
    good: well,
    bad: async (stage) => {
      for (let i = 0; i < 7; i++) {
        stage.pass(minutes);
        await stage.hello();
      }
      await stage.beat();
    },
    restMs: 2 * hours,
  },
  PacketLoss: ofMetric('gateway.connection.loss', 0.2, 0),
  LinkLatency: ofMetric('gateway.connection.rtt', 900, 40),
  GatewayCloned: {
    component: '',
    good: well,
    bad: async (stage) => {
      await stage.hello('boot-2');
      await stage.hello('boot-1');
      await stage.beat();
    },
    restMs: 4 * hours,
  },
  ClockSkew: { component: '', good: well, bad: (stage) => stage.beat({}, 2 * minutes) },
  CertificateExpiring: {
    component: '',
    good: well,
    bad: sends((now) => ({ expiries: { certificateAt: now + 10 * days } })),
  },
  CredentialExpiring: {
    component: '',
    good: well,
    bad: sends((now) => ({ expiries: { credentialsAt: now + 3 * minutes } })),
  },
  AgentOutdated: { component: '', good: well, bad: sends(() => ({ agentVersion: '1.1.0' })) },
  RestartLoop: { component: '', good: well, bad: sends(() => ({ starts: { agent: 5 } })) },
  HardReboot: {
    component: '',
    good: well,
    bad: sends((now) => ({ starts: { uncleanBootAt: now - minutes } })),
  },
  StatusSpoolDropping: ofCounter((droppedHeartbeats) => ({ droppedHeartbeats }), hours),
  MemoryHigh: ofMetric('system.memory.utilization', 0.97, 0.5),
  OomKill: hostCounter('gateway.host.oom_kills', hours),
  EccUncorrectable: hostCounter('hw.memory.errors.uncorrected', days),
  IoWaitHigh: ofMetric('gateway.cpu.iowait', 0.6, 0.05),
  NicErrors: ofMetric('gateway.network.error_rate', 12, 0),
  UploadBufferHigh: ofMetric('gateway.upload_buffer.utilization', 0.95, 0.1),
  UploadBufferFillsSoon: {
    component: '',
    ...rises(0.3, 0.3, (level) => ({ metrics: { 'gateway.upload_buffer.utilization': level } })),
    leadMs: hours,
  },
  CacheDirtyHigh: ofMetric('gateway.cache.dirty.utilization', 0.9, 0.2),
  CacheHitLow: ofMetric('gateway.cache.hit_ratio', 0.2, 0.9),
  DiskFailed: ofDisk({ state: 'failed' }),
  SmartPrefail: ofDisk({ smart: { pendingSectors: 8 } }),
  NvmeWear: ofDisk({ wear: 0.95 }),
  DiskHot: ofDisk({ temperatureC: 70 }),
  DiskSaturated: ofDisk({ utilization: 0.99 }),
  BlockLatency: ofDisk({ latencyMs: 400 }),
  RaidDegraded: {
    component: 'md0',
    good: well,
    bad: sends(() => ({ arrays: array({ state: 'degraded', missing: 1 }) })),
  },
  FsFilling: {
    component: '/data',
    ...rises(0.75, 0.04, (level) => ({ filesystems: [data({ freeBytes: Math.round(1e12 * (1 - level)) })] })),
    leadMs: 3 * hours,
  },
  FsFull: ofFilesystem({ freeBytes: 1e10 }),
  FsDeviceError: ofFilesystem({ readOnly: true, deviceErrors: 2 }),
  VolumeIrrecoverable: ofVolume(() => ({ state: 'failed', failure: 'overwritten' })),
  RestoreStalled: ofVolume((now) => restoring(now, { lastProgressAt: now - hours })),
  RestoreSlow: ofVolume((now) => restoring(now, { lateMs: 2 * hours })),
  UploadStalled: ofVolume((now) => ({ upload: { fraction: 0.2, lastProgressAt: now - hours } })),
  SnapshotOld: ofVolume((now) => ({ lastSnapshotAt: now - 30 * hours })),
  SnapshotFailed: ofVolume(() => ({ failedSnapshots: 2 })),
};

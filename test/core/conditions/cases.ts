import type { ObserveInput } from '../../../core/conditions/evaluate.ts';
import {
  bufferLevel,
  filesystemLevel,
  spacingMinutes,
  type CounterName,
  type StatusHistory,
} from '../../../core/conditions/history.ts';
import type { CheckedPart, DiskStatus, FilesystemStatus, VolumeStatus } from '../../../core/status.ts';
import type { heartbeat } from '../../support/fleet.ts';
import { gatewayItem, hours, minutes, statusItem, t0, volume } from '../../support/fleet.ts';

const days = 24 * hours;

/** What a gateway reports, and what is known of it, where all else is well. */
export type Given = Partial<ObserveInput>;
export interface Cases {
  component: string;
  raises: Record<string, Given>;
  clears: Record<string, Given>;
  holds?: Record<string, Given>;
}
export const beat = (over: Parameters<typeof heartbeat>[0]): Given => ({ status: statusItem({}, over) });
export const oneVolume = (over: Parameters<typeof volume>[0]): Given => beat({ volumes: [volume(over)] });
const memory = (used: number): Given => beat({ metrics: { 'system.memory.utilization': used } });
const rootFs = (freeBytes: number): Given =>
  beat({ filesystems: [{ mount: '/', sizeBytes: 1000, freeBytes }] });
const hellos = (...minutesAgo: number[]): Given => ({
  gateway: gatewayItem({ recentHellos: minutesAgo.map((m) => t0 - m * minutes) }),
});
export const silentFor = (ms: number, intervalMs?: number): Given => ({
  status: statusItem({ receivedAt: t0 - ms }, { intervalMs }),
});
const restoring = (stillMs: number): Given =>
  oneVolume({
    state: 'restoring',
    restore: { snapshotId: 's1', fraction: 0.3, lastProgressAt: t0 - stillMs, bytesPerSec: 0 },
  });

const metrics = (given: Record<string, number>): Given => beat({ metrics: given });
function ofMetric(name: string, at: Record<'raises' | 'clears' | 'holds', number>): Cases {
  const of = (value: number) => ({ [`${name} is ${value}`]: metrics({ [name]: value }) });
  return { component: '', raises: of(at.raises), clears: of(at.clears), holds: of(at.holds) };
}
const withHistory = (given: Given, history: StatusHistory): Given => ({
  ...given,
  status: { ...given.status!, history },
});
/** It rose a moment ago, and as long ago as it matters. */
function ofCounter(name: CounterName, given: Given, windowMinutes: number): Cases {
  const rose = (minutesAgo: number) =>
    withHistory(given, { rises: { [name]: [t0 / minutes - minutesAgo, 2] } });
  return {
    component: '',
    raises: { 'it rose': rose(1), 'it rose within the time': rose(windowMinutes - 1) },
    clears: { 'it never rose': given, 'it rose before': rose(windowMinutes) },
  };
}
/** Levels at even intervals that end with this one now. */
const levels = (level: number, step: number, spacing: number): number[] =>
  [6, 5, 4, 3, 2, 1].flatMap((ago) => [t0 / minutes - ago * spacing, level - ago * step]);
const buffer = (level: number, step: number): Given =>
  withHistory(metrics({ 'gateway.upload_buffer.utilization': level }), {
    levels: { [bufferLevel]: levels(level, step, spacingMinutes.buffer) },
  });
const filling = (level: number, step: number): Given =>
  withHistory(rootFs(1000 * (1 - level)), {
    levels: { [filesystemLevel('/')]: levels(level, step, spacingMinutes.filesystem) },
  });
const disk = (over: Partial<DiskStatus>): Given => beat({ disks: [{ name: 'sda', state: 'ok', ...over }] });
const smart = (counts: DiskStatus['smart']): Given => disk({ smart: counts });
const unnamed = (conditionId: string, part: CheckedPart): Given => ({
  ...beat({ checked: [part], disks: [{ name: 'sdb', state: 'failed' }] }),
  open: [{ conditionId, component: 'sda' }],
});
const fs = (over: Partial<FilesystemStatus>): Given =>
  beat({ filesystems: [{ mount: '/', sizeBytes: 1000, freeBytes: 500, ...over }] });
const restoringLate = (over: Partial<NonNullable<VolumeStatus['restore']>>): Given =>
  oneVolume({
    state: 'restoring',
    restore: { snapshotId: 's1', fraction: 0.3, lastProgressAt: t0, bytesPerSec: 1, ...over },
  });

export const cases: Record<string, Cases> = {
  Offline: {
    component: '',
    raises: {
      'its route was lost': { gateway: gatewayItem({ route: undefined, routeLostAt: t0 - 1 }) },
      'it is connected but silent for 2.5 beats': silentFor(12.5 * minutes),
      'it reports more often and is silent for 2.5 of the fleet’s beats': silentFor(12.5 * minutes, minutes),
      'it reports more rarely and is silent for 2.5 of its own beats': silentFor(22.5 * minutes, 9 * minutes),
      'it never reported since its activation': {
        status: undefined,
        gateway: gatewayItem({ route: undefined, recentHellos: [], createdAt: t0 - 13 * minutes }),
      },
    },
    clears: {
      'it is connected and heard of': {},
      'it is silent for less than 2.5 beats': silentFor(12.4 * minutes),
      'it reports more often and is silent for less than the fleet’s beats': silentFor(
        12.4 * minutes,
        minutes,
      ),
      'it reports more rarely and is silent for less than its own': silentFor(22.4 * minutes, 9 * minutes),
      'it has just connected and not reported yet': {
        status: statusItem({ receivedAt: t0 - 3 * hours }),
        gateway: gatewayItem({ recentHellos: [t0 - 1000] }),
      },
      'it was activated a moment ago': {
        status: undefined,
        gateway: gatewayItem({ route: undefined, recentHellos: [], createdAt: t0 - minutes }),
      },
    },
  },
  ConnectionFlapping: {
    component: '',
    raises: { 'six reconnections in an hour': hellos(70, 50, 40, 30, 20, 10, 1) },
    clears: {
      'planned rollovers only': hellos(300, 200, 105, 10),
      'old reconnections': hellos(130, 120, 110, 100, 90, 80, 70),
    },
    holds: { 'four reconnections': hellos(70, 50, 40, 30, 20) },
  },
  GatewayCloned: {
    component: '',
    raises: {
      'a replaced agent came back': { gateway: gatewayItem({ cloneSeenAt: t0 - minutes }) },
      'it did, and the gateway is silent since': {
        ...silentFor(2 * hours),
        gateway: gatewayItem({ cloneSeenAt: t0 - 2 * hours }),
      },
    },
    clears: {
      'no agent came back': {},
      'the last sign is three hours old': { gateway: gatewayItem({ cloneSeenAt: t0 - 3 * hours }) },
    },
  },
  VolumeIrrecoverable: {
    component: 'vol-1',
    raises: {
      'the volume failed': oneVolume({ state: 'failed', failure: 'truncated' }),
      'its restore was given up': oneVolume({ state: 'canceled' }),
    },
    clears: { 'the volume is healthy': oneVolume({}) },
    holds: {
      'it is being restored': oneVolume({ state: 'restoring' }),
      'its restore is paused': oneVolume({ state: 'paused' }),
      'another process has it': oneVolume({ state: 'failed', failure: 'in-use' }),
    },
  },
  RestoreStalled: {
    component: 'vol-1',
    raises: { 'no progress for 15 minutes': restoring(15 * minutes) },
    clears: {
      progress: restoring(2000),
      'the restore is over': oneVolume({}),
      'the restore is paused on purpose': oneVolume({
        state: 'paused',
        restore: { snapshotId: 's1', fraction: 0.3, lastProgressAt: t0 - 9 * hours, bytesPerSec: 0 },
      }),
    },
    holds: { 'no progress for 10 minutes': restoring(10 * minutes) },
  },
  UploadStalled: {
    component: 'vol-1',
    raises: {
      'no progress for 15 minutes': oneVolume({
        upload: { fraction: 0.1, lastProgressAt: t0 - 15 * minutes },
      }),
    },
    clears: {
      progress: oneVolume({ upload: { fraction: 0.1, lastProgressAt: t0 } }),
      'no upload': oneVolume({}),
    },
  },
  SnapshotOld: {
    component: 'vol-1',
    raises: {
      'the snapshot is 26 hours old': oneVolume({ lastSnapshotAt: t0 - 26 * hours }),
      'there was never one': {
        ...oneVolume({ lastSnapshotAt: undefined }),
        gateway: gatewayItem({ createdAt: t0 - 30 * hours }),
      },
    },
    clears: {
      'the snapshot is new': oneVolume({}),
      'there was never one on a new gateway': oneVolume({ lastSnapshotAt: undefined }),
    },
    holds: { 'it is 25 hours old': oneVolume({ lastSnapshotAt: t0 - 25 * hours }) },
  },
  FsFull: {
    component: '/',
    raises: { '95 % used': rootFs(50) },
    clears: { 'half used': rootFs(500), '90 % used': rootFs(100) },
    holds: { '93 % used': rootFs(70) },
  },
  MemoryHigh: {
    component: '',
    raises: { '95 % used': memory(0.95) },
    clears: { '85 % used': memory(0.85) },
    holds: { '90 % used': memory(0.9) },
  },
  ClockSkew: {
    component: '',
    raises: {
      'a minute ahead': { status: statusItem({ clockSkewMs: minutes }) },
      'a minute behind': { status: statusItem({ clockSkewMs: -minutes }) },
    },
    clears: { 'half a minute': { status: statusItem({ clockSkewMs: -30_000 }) } },
  },
  AgentOutdated: {
    component: '',
    raises: {
      'an older version': beat({ agentVersion: '1.1.9' }),
      'a pre-release of the newest': beat({ agentVersion: '1.2.0-rc.1' }),
      'a version that cannot be read': beat({ agentVersion: 'banana' }),
    },
    clears: { 'the newest version': {}, 'a newer version': beat({ agentVersion: '1.10.0' }) },
  },
  SuspectOffline: {
    component: '',
    raises: {
      'its route was lost': { gateway: gatewayItem({ route: undefined, routeLostAt: t0 - 1 }) },
      'a beat did not come': silentFor(7.5 * minutes),
    },
    clears: { 'it is connected and heard of': {}, 'the next beat is late': silentFor(7.4 * minutes) },
  },
  PacketLoss: ofMetric('gateway.connection.loss', { raises: 0.05, clears: 0.01, holds: 0.03 }),
  LinkLatency: ofMetric('gateway.connection.rtt', { raises: 500, clears: 300, holds: 400 }),
  IoWaitHigh: ofMetric('gateway.cpu.iowait', { raises: 0.4, clears: 0.2, holds: 0.3 }),
  NicErrors: ofMetric('gateway.network.error_rate', { raises: 1, clears: 0.1, holds: 0.5 }),
  UploadBufferHigh: ofMetric('gateway.upload_buffer.utilization', { raises: 0.9, clears: 0.8, holds: 0.85 }),
  CacheDirtyHigh: ofMetric('gateway.cache.dirty.utilization', { raises: 0.8, clears: 0.6, holds: 0.7 }),
  CacheHitLow: ofMetric('gateway.cache.hit_ratio', { raises: 0.5, clears: 0.6, holds: 0.55 }),
  CertificateExpiring: {
    component: '',
    raises: {
      'it ends in two weeks': beat({ expiries: { certificateAt: t0 + 14 * days } }),
      'it has ended': beat({ expiries: { certificateAt: t0 - days } }),
    },
    clears: {
      'it ends in three weeks': beat({ expiries: { certificateAt: t0 + 21 * days } }),
      'every certificate was looked at, and none is named': beat({ checked: ['expiries'] }),
    },
    holds: { 'it ends in 17 days': beat({ expiries: { certificateAt: t0 + 17 * days } }) },
  },
  CredentialExpiring: {
    component: '',
    raises: { 'they end in five minutes': beat({ expiries: { credentialsAt: t0 + 5 * minutes } }) },
    clears: {
      'they were renewed': beat({ checked: ['expiries'] }),
      'there is time for another try': beat({ expiries: { credentialsAt: t0 + 7 * minutes } }),
    },
  },
  RestartLoop: {
    component: '',
    raises: { 'four starts in an hour': beat({ starts: { agent: 4 } }) },
    clears: {
      'one start': beat({ starts: { agent: 1 } }),
      'no start, and they were counted': beat({ checked: ['starts'] }),
    },
    holds: { 'two starts': beat({ starts: { agent: 2 } }) },
  },
  HardReboot: {
    component: '',
    raises: { 'an unclean boot': beat({ starts: { uncleanBootAt: t0 - minutes } }) },
    clears: {
      'an hour later': beat({ starts: { uncleanBootAt: t0 - hours } }),
      'there was none': beat({ checked: ['starts'] }),
    },
  },
  StatusSpoolDropping: ofCounter('droppedHeartbeats', beat({ droppedHeartbeats: 5 }), 60),
  OomKill: ofCounter('oomKills', metrics({ 'gateway.host.oom_kills': 5 }), 60),
  EccUncorrectable: ofCounter('memoryErrors', metrics({ 'hw.memory.errors.uncorrected': 5 }), 24 * 60),
  UploadBufferFillsSoon: {
    component: '',
    raises: { 'it fills by 8 % in ten minutes': buffer(0.5, 0.08) },
    clears: {
      'it does not fill': buffer(0.5, 0),
      'it empties': buffer(0.5, -0.02),
      'it is nearly empty': metrics({ 'gateway.upload_buffer.utilization': 0.1 }),
    },
    holds: { 'it is full in three hours': buffer(0.4, 0.6 / 18) },
  },
  DiskFailed: {
    component: 'sda',
    raises: { 'it failed': disk({ state: 'failed' }), 'it is missing': disk({ state: 'missing' }) },
    clears: {
      'it is well and has something else to tell': disk({ temperatureC: 60 }),
      'all disks were looked at, and it is not named': unnamed('DiskFailed', 'disks'),
    },
  },
  SmartPrefail: {
    component: 'sda',
    raises: {
      'ten reallocated sectors (5)': smart({ reallocatedSectors: 10 }),
      'an uncorrectable error (187)': smart({ uncorrectableErrors: 1 }),
      'a hundred time-outs (188)': smart({ commandTimeouts: 100 }),
      'a pending sector (197)': smart({ pendingSectors: 1 }),
      'an uncorrectable sector (198)': smart({ offlineUncorrectable: 1 }),
      'the disk says it itself': smart({ isFailing: true }),
    },
    clears: {
      'a single reallocated sector': smart({ reallocatedSectors: 1, pendingSectors: 0, isFailing: false }),
      'every disk’s counts were looked at, and it is not named': unnamed('SmartPrefail', 'smart'),
    },
    holds: { 'eight reallocated sectors': smart({ reallocatedSectors: 8 }) },
  },
  NvmeWear: {
    component: 'sda',
    raises: { '90 % used': disk({ wear: 0.9 }), 'more than all of it': disk({ wear: 1.2 }) },
    clears: { '85 % used': disk({ wear: 0.85 }), 'it is not named': unnamed('NvmeWear', 'smart') },
    holds: { '88 % used': disk({ wear: 0.88 }) },
  },
  DiskHot: {
    component: 'sda',
    raises: {
      '65 °C, and it says no limit': disk({ temperatureC: 65 }),
      '55 °C of 60': disk({ temperatureC: 55, temperatureLimitC: 60 }),
      'it is a turning disk that would bear 85 °C': disk({ temperatureC: 65, temperatureLimitC: 85 }),
      'it is above its limit': disk({ temperatureC: 99, temperatureLimitC: 60 }),
    },
    clears: {
      '58 °C': disk({ temperatureC: 58 }),
      '48 °C of 60': disk({ temperatureC: 48, temperatureLimitC: 60 }),
      'it is not named': unnamed('DiskHot', 'heat'),
    },
    holds: {
      '60 °C': disk({ temperatureC: 60 }),
      '50 °C of 60': disk({ temperatureC: 50, temperatureLimitC: 60 }),
    },
  },
  DiskSaturated: {
    component: 'sda',
    raises: { 'busy 95 % of the time': disk({ utilization: 0.95 }) },
    clears: { '80 %': disk({ utilization: 0.8 }), 'it is not named': unnamed('DiskSaturated', 'disks') },
    holds: { '90 %': disk({ utilization: 0.9 }) },
  },
  BlockLatency: {
    component: 'sda',
    raises: { '100 ms': disk({ latencyMs: 100 }) },
    clears: { '50 ms': disk({ latencyMs: 50 }), 'it is not named': unnamed('BlockLatency', 'disks') },
    holds: { '70 ms': disk({ latencyMs: 70 }) },
  },
  RaidDegraded: {
    component: 'md0',
    raises: {
      'a member is missing': beat({ arrays: [{ name: 'md0', state: 'degraded', missing: 1 }] }),
      'it does not work any more': beat({ arrays: [{ name: 'md0', state: 'failed' }] }),
    },
    clears: {
      'it is whole': beat({ arrays: [{ name: 'md0', state: 'ok' }] }),
      'all arrays were looked at, and it is not named': {
        ...beat({ checked: ['arrays'] }),
        open: [{ conditionId: 'RaidDegraded', component: 'md0' }],
      },
    },
    holds: { 'it is being rebuilt': beat({ arrays: [{ name: 'md0', state: 'rebuilding' }] }) },
  },
  FsFilling: {
    component: '/',
    raises: { 'it fills by 1 % in half an hour': filling(0.9, 0.01) },
    clears: {
      'it does not fill': filling(0.9, 0),
      'it is half empty': rootFs(500),
      'it is full in three days': filling(0.9, 0.1 / 144),
    },
    holds: { 'it is full in a day and a half': filling(0.9, 0.1 / 72) },
  },
  FsDeviceError: {
    component: '/',
    raises: {
      'the kernel counts an error': fs({ deviceErrors: 1 }),
      'it became read-only': fs({ readOnly: true }),
    },
    clears: {
      'no errors': fs({ deviceErrors: 0 }),
      'errors were looked for, and none is named': beat({ checked: ['errors'] }),
    },
  },
  RestoreSlow: {
    component: 'vol-1',
    raises: {
      'it is an hour behind its promise': restoringLate({ lateMs: hours }),
      'nothing was promised, and it takes a day and an hour more': restoringLate({ remainingMs: 25 * hours }),
    },
    clears: {
      'it keeps its promise': restoringLate({ lateMs: 0, remainingMs: 90 * hours }),
      'it is done within a day': restoringLate({ remainingMs: 20 * hours }),
      'the restore is over': oneVolume({}),
    },
    holds: { 'it is half an hour behind': restoringLate({ lateMs: 30 * minutes }) },
  },
  SnapshotFailed: {
    component: 'vol-1',
    raises: { 'the last attempt failed': oneVolume({ failedSnapshots: 1 }) },
    clears: { 'the last attempt succeeded': oneVolume({}) },
  },
};

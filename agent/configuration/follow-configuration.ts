import { isMaintenance } from '../../core/configuration/windows.ts';
import type { ConfigurationReport, HeldConfiguration } from '../../core/configuration/configuration-rules.ts';
import type { Log, LogLevel } from '../../core/log.ts';
import type { StatusUplink } from '../connection/status-uplink.ts';
import type { VolumeService } from '../ports.ts';
import { ConfigurationKeeper } from './configuration-keeper.ts';
import { RestoreSchedule } from './restore-schedule.ts';

export interface FollowDeps {
  path: string;
  gatewayId: string;
  volumes: Pick<VolumeService, 'scheduleRestores'>;
  uplink: Pick<StatusUplink, 'configure' | 'intervalMs'>;
  /** Undefined: as the command line says. */
  setLogLevel: ((level: LogLevel | undefined) => void) | undefined;
  report: (report: ConfigurationReport) => void;
  /** Unix ms. */
  serverTime: () => number;
  setTimer: (run: () => void, delayMs: number) => () => void;
  log: Log;
}

/** What `holdfast-agent status` shows of it. */
export type ConfigurationState = HeldConfiguration & {
  heartbeatIntervalMs: number;
  /** What the schedule leaves restores now; absent: it sets no limit. */
  restoreBytesPerSec?: number;
  isMaintenance: boolean;
};

export interface FollowedConfiguration {
  /** In force; undefined: none was ever set. */
  readonly version: number | undefined;
  readonly state: ConfigurationState;
  desired: ConfigurationKeeper['desired'];
  stop(): void;
}

/** Sets this agent as its configuration has it: as it was left, and whenever the control plane desires another. */
export async function followConfiguration(deps: FollowDeps): Promise<FollowedConfiguration> {
  const { volumes, uplink, serverTime } = deps;
  const schedule = new RestoreSchedule({
    ...deps,
    limit: (bytesPerSec) => void volumes.scheduleRestores(bytesPerSec),
  });
  const keeper = await ConfigurationKeeper.open({
    ...deps,
    apply: ({ configuration }) => {
      deps.setLogLevel?.(configuration.logLevel);
      uplink.configure(configuration.heartbeatIntervalMs);
      schedule.follow(configuration);
    },
  });
  return {
    get version() {
      return keeper.held.version || undefined;
    },
    get state() {
      const restoreBytesPerSec = schedule.bytesPerSec;
      return {
        ...keeper.held,
        heartbeatIntervalMs: uplink.intervalMs,
        ...(restoreBytesPerSec === undefined ? {} : { restoreBytesPerSec }),
        isMaintenance: isMaintenance(keeper.held.configuration, serverTime()),
      };
    },
    desired: (desired) => keeper.desired(desired),
    stop: () => schedule.stop(),
  };
}

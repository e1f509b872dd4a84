import type { ConfigurationItem, Principal } from '../model.ts';
import type { Configuration } from './configuration.ts';
import { standingOf, type ConfigurationStanding, type Reported } from './configuration-rules.ts';
import { isMaintenance } from './windows.ts';

/** What people see of a gateway's configuration; `getConfiguration` and `putConfiguration` answer `{configuration}`. */
export interface ConfigurationView {
  gatewayId: string;
  state: ConfigurationStanding;
  /** Version 0 has no settings: nothing was ever set. */
  desired: { version: number; configuration: Configuration; changedAt?: number; changedBy?: Principal };
  /** What the gateway said last; absent: nothing yet. */
  reported?: Omit<Reported, 'epoch'>;
  /** Who set which version, newest last. */
  changes: ConfigurationItem['changes'];
  /** Whether work on the gateway is expected now. */
  isMaintenance: boolean;
}

export function configurationView(
  gatewayId: string,
  item: ConfigurationItem | undefined,
  now: number,
): ConfigurationView {
  const { version = 0, configuration = {}, changes = [] } = item ?? {};
  const change = changes.at(-1);
  const { epoch: _epoch, ...reported } = item?.reported ?? {};
  return {
    gatewayId,
    state: standingOf(item),
    desired: { version, configuration, changedAt: change?.at, changedBy: change?.by },
    ...('version' in reported ? { reported: reported as Omit<Reported, 'epoch'> } : {}),
    changes,
    isMaintenance: isMaintenance(configuration, now),
  };
}

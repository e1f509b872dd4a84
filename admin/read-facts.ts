import type { AlertView } from '../core/api.ts';
import { asHoldfastError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { isDefinite, type AdminApi } from './admin-api.ts';
import { asksForName, playFor } from './playbook.ts';
import type { Play, Playbook } from './playbook-schema.ts';
import type { Facts } from './preconditions.ts';

interface ReadDeps {
  api: AdminApi;
  playbook: Playbook;
  /** Resolves after `ms`, rejects when the process stops. */
  sleep: (ms: number) => Promise<void>;
  log: Log;
  pollMs: { retry: number };
  /** True: an outage is for the next process. */
  once?: boolean;
}

/** The alert as the API has it: what a message says is only a reason to look. Undefined: there is none. */
export async function readAlert(deps: ReadDeps, alertKey: string): Promise<AlertView | undefined> {
  const isMissing = (thrown: unknown) => isDefinite(thrown) && thrown.code === 'NOT_FOUND';
  try {
    return await persistently(deps, alertKey, () => deps.api.getAlert(alertKey), isMissing);
  } catch (thrown) {
    if (isMissing(thrown)) return undefined;
    throw thrown;
  }
}

/** The play for the alert; the gateway is read only where a play asks for its name. */
export async function readPlay(deps: ReadDeps, alert: AlertView): Promise<Play | undefined> {
  if (!asksForName(deps.playbook, alert)) return playFor(deps.playbook, alert);
  const gateway = await persistently(deps, alert.alertKey, () => deps.api.getGateway(alert.gatewayId));
  return playFor(deps.playbook, alert, gateway.name);
}

/** What the API says of the alert's gateway now. Throws what asking again cannot change. */
export async function readFacts(
  deps: ReadDeps,
  { alertKey, gatewayId }: Pick<AlertView, 'alertKey' | 'gatewayId'>,
): Promise<Facts> {
  return persistently(deps, alertKey, () => factsOf(deps.api, gatewayId));
}

export async function factsOf(api: AdminApi, gatewayId: string): Promise<Facts> {
  const [gateway, { isMaintenance }] = await Promise.all([
    api.getGateway(gatewayId),
    api.getConfiguration(gatewayId),
  ]);
  return { gateway, isMaintenance };
}

/** Asks until there is an answer, or a failure that `isAnswer`. */
export async function persistently<T>(
  deps: ReadDeps,
  alertKey: string,
  ask: () => Promise<T>,
  isAnswer: (thrown: unknown) => boolean = isDefinite,
): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (thrown) {
      if (isAnswer(thrown) || deps.once) throw thrown;
      const { code, message } = asHoldfastError(thrown);
      deps.log('warn', 'admin.api_failed', { alertKey, code, message });
      await deps.sleep(deps.pollMs.retry);
    }
  }
}

import type { z } from 'zod';
import type { Answers, requests } from '../../core/api.ts';
import { decideDesired, remindOf, standingOf } from '../../core/configuration/configuration-rules.ts';
import { configurationView } from '../../core/configuration/configuration-view.ts';
import { HoldfastError } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { watchLimits } from '../../core/messages.ts';
import type { ConfigurationItem, GatewayItem, Principal } from '../../core/model.ts';
import type { DeliverOutcome, Draft } from '../../core/routes/frames.ts';
import { loseRoute } from '../../core/routes/route-rules.ts';
import { typed } from '../../core/typed.ts';
import { noSuchGateway } from '../api/show-gateways.ts';
import type { Clock, ConfigurationStore, GatewayStore } from '../commands/ports.ts';
import type { Location, Reach } from '../commands/reach.ts';
import { desiredDraft } from './offer-configuration.ts';

export interface ConfigurationDeps {
  gateways: GatewayStore;
  configurations: ConfigurationStore;
  reach: Reach;
  clock: Clock;
  log: Log;
}
/** Who asks, and for which tenant: both from the authorizer. */
export interface Asked {
  principal: Principal;
  tenantId: string;
  gatewayId: string;
}

const triesMax = 8;

export async function getConfiguration(
  deps: ConfigurationDeps,
  asked: Asked,
): Promise<Answers['getConfiguration']> {
  await requireGateway(deps, asked);
  return shown(deps, asked, await deps.configurations.get(asked.gatewayId));
}

/**
 * The configuration first, then the reminder in the gateway's item, then the message: a crash in between is healed by
 * the next hello, or by asking for the same again. Throws NOT_FOUND, GONE (revoked), CONFLICT (`ifVersion`), BUSY.
 */
export async function putConfiguration(
  deps: ConfigurationDeps,
  asked: Asked,
  body: z.infer<typeof requests.putConfiguration>,
): Promise<Answers['putConfiguration']> {
  const { gatewayId, tenantId } = asked;
  const gateway = await requireGateway(deps, asked);
  if (gateway.status !== 'active') throw gone(gatewayId);
  const item = await write(deps, asked, body);
  if (item && standingOf(item) === 'waiting') {
    await deps.gateways.update(gatewayId, remindOf(item.version, tenantId));
    const outcome = await tell(deps, gatewayId, desiredDraft(item));
    deps.log('info', 'configuration.told', { gatewayId, version: item.version, outcome });
  }
  return shown(deps, asked, item);
}

/** Writes over what was read: where somebody was faster it decides again, which `ifVersion` then refuses. */
async function write(
  deps: ConfigurationDeps,
  { gatewayId, tenantId, principal }: Asked,
  { configuration, ifVersion }: z.infer<typeof requests.putConfiguration>,
): Promise<ConfigurationItem | undefined> {
  for (let tries = 0; tries < triesMax; tries++) {
    const item = await deps.configurations.get(gatewayId);
    const at = deps.clock.now();
    const decision = decideDesired(item, { tenantId, configuration, ifVersion, by: principal, at });
    if (decision.do === 'refuse') throw changedSince(gatewayId, decision.version);
    if (decision.do === 'nothing') return item;
    const written = await deps.configurations.update(gatewayId, decision.update);
    if (!written) continue;
    deps.log('info', 'configuration.set', { gatewayId, version: decision.version, by: principal.id });
    return written;
  }
  throw new HoldfastError('BUSY', `the configuration of ${gatewayId} changes too fast`, {
    hint: 'try again',
  });
}

/** Nothing is written for those who watch: they say so again, and the gateway forgets them by itself. */
export async function watchGateway(deps: ConfigurationDeps, asked: Asked): Promise<Answers['watchGateway']> {
  await requireGateway(deps, asked);
  const outcome = await tell(deps, asked.gatewayId, { t: 'watch', body: watching });
  return { isReached: outcome === 'delivered', ...watching };
}

const watching = { everyMs: 2_000, forMs: Math.min(60_000, watchLimits.forMaxMs) };

/** Best effort, to the newest connection there is. */
async function tell(
  { reach, gateways, clock }: ConfigurationDeps,
  gatewayId: string,
  draft: Draft,
): Promise<DeliverOutcome | 'offline'> {
  let failed: Location | undefined;
  for (let tries = 0; tries < 2; tries++) {
    const location = await reach.locate(gatewayId, failed);
    if (!location || (failed && failed.epoch >= location.epoch)) return 'offline';
    const outcome = await reach.send(gatewayId, location, [draft]);
    if (outcome === 'delivered' || outcome === 'unknown') return outcome;
    if (outcome === 'gone') await gateways.update(gatewayId, loseRoute(location, clock.now()));
    failed = location;
  }
  return 'offline';
}

const shown = ({ clock }: ConfigurationDeps, { gatewayId }: Asked, item: ConfigurationItem | undefined) => ({
  configuration: configurationView(gatewayId, item, clock.now()),
});

/** Another tenant's gateway does not exist. */
async function requireGateway(
  { gateways }: ConfigurationDeps,
  { gatewayId, tenantId }: Asked,
): Promise<GatewayItem> {
  const gateway = gatewayId ? await gateways.get(gatewayId) : undefined;
  if (gateway?.tenantId !== tenantId) throw noSuchGateway(gatewayId);
  return gateway;
}

const gone = (gatewayId: string) =>
  new HoldfastError('GONE', `gateway ${gatewayId} was revoked`, { hint: 'set another one' });
const changedSince = (gatewayId: string, version: number) =>
  new HoldfastError('CONFLICT', `the configuration of ${gatewayId} has version ${version} by now`, {
    hint: `look at it with \`${typed(`holdfast gateways configuration ${gatewayId}`)}\`, and set it over that version`,
  });

import {
  forgetReminder,
  noteReport,
  standingOf,
  type ConfigurationReport,
} from '../../core/configuration/configuration-rules.ts';
import type { ConfigurationItem, GatewayItem } from '../../core/model.ts';
import type { Draft } from '../../core/routes/frames.ts';
import type { ConfigurationStore, GatewayStore } from '../commands/ports.ts';
import { postDrafts } from '../commands/reach.ts';
import type { FrameDeps, Socket } from '../connections/socket.ts';

export interface OfferDeps extends FrameDeps {
  gateways: GatewayStore;
  configurations: ConfigurationStore;
}

export const desiredDraft = ({ version, configuration }: ConfigurationItem): Draft => ({
  t: 'state.desired',
  body: { version, configuration },
});

/** After a hello, which says what is in force: that is noted like a report, and anything else is answered. */
export async function offerAtHello(
  deps: OfferDeps,
  socket: Socket,
  configVersion: number | undefined,
): Promise<void> {
  const item = await deps.configurations.get(socket.gatewayId);
  if (!item) return;
  if (configVersion !== item.version) return post(deps, socket, item);
  if (standingOf(item) !== 'in-sync')
    await takeReported(deps, socket, { version: item.version, outcome: 'applied' });
}

/**
 * With each status of a gateway that owes an answer: what was lost on the way, either way, is told again. The
 * reminder may be older than the answer; then it goes.
 */
export async function offerPending(
  deps: OfferDeps,
  socket: Socket,
  { configPending }: GatewayItem,
): Promise<void> {
  if (configPending === undefined) return;
  const item = await deps.configurations.get(socket.gatewayId);
  if (item && standingOf(item) === 'waiting') return post(deps, socket, item);
  await deps.gateways.update(socket.gatewayId, forgetReminder(configPending));
}

/** The answer first and then the reminder's end: a crash in between is asked once more. */
export async function takeReported(
  { configurations, gateways, clock, log }: OfferDeps,
  { gatewayId, epoch }: Socket,
  report: ConfigurationReport,
): Promise<void> {
  const { version, outcome, problems } = report;
  const reported = { version, outcome, at: clock.now(), epoch, ...(problems ? { problems } : {}) };
  const noted = await configurations.update(gatewayId, noteReport(reported));
  log(outcome === 'applied' ? 'info' : 'warn', 'configuration.reported', {
    gatewayId,
    version,
    outcome,
    isNews: noted !== undefined,
  });
  await gateways.update(gatewayId, forgetReminder(version));
}

async function post(deps: OfferDeps, socket: Socket, item: ConfigurationItem): Promise<void> {
  const outcome = await postDrafts(deps, socket, [desiredDraft(item)]);
  deps.log('info', 'configuration.offered', { gatewayId: socket.gatewayId, version: item.version, outcome });
}

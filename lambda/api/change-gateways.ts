import { gatewayView, type GatewayView } from '../../core/identity/gateway-view.ts';
import { HoldfastError } from '../../core/errors.ts';
import { confirmGateway as confirmation } from '../../core/routes/route-rules.ts';
import { updateWords } from '../commands/dynamo-update.ts';
import type { DeliverRequest } from '../../core/routes/frames.ts';
import type { CellDirectory } from '../aws/cell-directory.ts';
import type { ApiRequest } from '../aws/http-handler.ts';
import { errorFields } from '../aws/invocation.ts';
import type { invokeFunction } from '../aws/invoke.ts';
import { endCommands, type EndDeps } from '../commands/end-commands.ts';
import { noSuchGateway, viewedAt, type ShowDeps } from './show-gateways.ts';

export interface GatewaysDeps extends ShowDeps {
  readonly cells: CellDirectory;
  readonly commands: EndDeps['commands'];
  readonly audit: EndDeps['audit'];
  readonly invoke: typeof invokeFunction;
}

export async function renameGateway(
  deps: GatewaysDeps,
  { tenantId, params, body }: ApiRequest<'renameGateway'>,
): Promise<{ gateway: GatewayView }> {
  const gatewayId = params['gatewayId'] ?? '';
  const written = await deps.gateways.update({ gatewayId }, 'SET #name = :name', {
    condition: '#tenantId = :tenantId',
    values: { ':name': body.name, ':tenantId': tenantId },
  });
  if (!written.ok) throw noSuchGateway(gatewayId);
  return { gateway: gatewayView(written.item, await deps.status.get({ gatewayId }), viewedAt(deps)) };
}

/** Replaces all labels. */
export async function labelGateway(
  deps: GatewaysDeps,
  { tenantId, params, body }: ApiRequest<'labelGateway'>,
): Promise<{ gateway: GatewayView }> {
  const gatewayId = params['gatewayId'] ?? '';
  const written = await deps.gateways.update({ gatewayId }, 'SET #labels = :labels, #newsAt = :now', {
    condition: '#tenantId = :tenantId',
    values: { ':labels': body, ':tenantId': tenantId, ':now': deps.now() },
  });
  if (!written.ok) throw noSuchGateway(gatewayId);
  return { gateway: gatewayView(written.item, await deps.status.get({ gatewayId }), viewedAt(deps)) };
}

/** Lets a pending gateway take commands. One that is active already, whoever made it so, stays as it is. Throws GONE. */
export async function confirmGateway(
  deps: GatewaysDeps,
  { tenantId, params, principal, log }: ApiRequest<'confirmGateway'>,
): Promise<{ gateway: GatewayView }> {
  const gatewayId = params['gatewayId'] ?? '';
  const { change, condition, names, values } = updateWords(confirmation(tenantId, principal.id, deps.now()));
  const written = await deps.gateways.update({ gatewayId }, change, { condition, names, values });
  const gateway = written.ok ? written.item : written.current;
  if (gateway?.tenantId !== tenantId) throw noSuchGateway(gatewayId);
  if (gateway.status === 'revoked')
    throw new HoldfastError('GONE', `gateway ${gatewayId} was revoked`, {
      hint: 'activate it anew with a new code',
    });
  if (written.ok) log('info', 'gateway.confirmed', { gatewayId, tenantId, by: principal.id });
  return { gateway: gatewayView(gateway, await deps.status.get({ gatewayId }), viewedAt(deps)) };
}

/**
 * Ends a gateway's identity for good: status, route and start grants go in one write, so that no frame, dial or
 * credential passes after it and nothing more is started. Closing the connection and ending the commands follow and
 * may be repeated.
 */
export async function revokeGateway(
  deps: GatewaysDeps,
  request: ApiRequest<'revokeGateway'>,
): Promise<{ gateway: GatewayView }> {
  const { tenantId, params, principal, log } = request;
  const gatewayId = params['gatewayId'] ?? '';
  const written = await deps.gateways.update(
    { gatewayId },
    'SET #status = :revoked, #grants = :none, #routeLostAt = if_not_exists(#routeLostAt, :now), #newsAt = :now REMOVE #route',
    {
      condition: '#tenantId = :tenantId',
      values: { ':revoked': 'revoked', ':none': {}, ':tenantId': tenantId, ':now': deps.now() },
    },
  );
  if (!written.ok) throw noSuchGateway(gatewayId);
  log('info', 'gateway.revoked', { gatewayId, tenantId, by: principal.id });
  await Promise.all([closeEverywhere(deps, request, gatewayId), endOpen(deps, request, gatewayId)]);
  return { gateway: gatewayView(written.item, await deps.status.get({ gatewayId }), viewedAt(deps)) };
}

/** The gateway is revoked although this fails; the sweeper comes by and ends what is left. */
const endOpen = (
  { commands, audit, now }: GatewaysDeps,
  { log }: ApiRequest<'revokeGateway'>,
  gatewayId: string,
): Promise<void> =>
  endCommands({ commands, audit, clock: { now }, log }, gatewayId).catch((thrown: unknown) =>
    log('warn', 'gateway.commands_left', { gatewayId, ...errorFields(thrown) }),
  );

/**
 * Asks every cell, not only the one that the route named: a revocation is rare, and a stale route or a crash between
 * the two steps must not leave a connection open. A cell that does not answer refuses the gateway's frames anyway.
 */
async function closeEverywhere(
  { cells, invoke }: GatewaysDeps,
  { log }: ApiRequest<'revokeGateway'>,
  gatewayId: string,
): Promise<void> {
  const close: DeliverRequest = { gatewayId, frames: [], then: 'close' };
  await Promise.all(
    (await cells.list()).map(({ cellId, deliverFunctionName }) =>
      invoke(deliverFunctionName, close).catch((thrown: unknown) =>
        log('warn', 'gateway.close_failed', { gatewayId, cellId, ...errorFields(thrown) }),
      ),
    ),
  );
}

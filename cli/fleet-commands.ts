import type { Command } from 'commander';
import { operatorRoutes, type AlertView, type GatewayView } from '../core/api.ts';
import { HoldfastError } from '../core/errors.ts';
import { alertTable } from './alert-commands.ts';
import { gatewayTable } from './gateway-commands.ts';
import { apiCommand, commandGroup, type CliDeps, type Session } from './program.ts';

const below = (path: string): string => path.replace('/operator/v1', '');

/** Every tenant's gateways and alerts, for the provider's operator. */
export function addFleetCommands(program: Command, deps: CliDeps): void {
  const group = commandGroup(program, 'fleet', 'all tenants at once, for the provider’s operators', [
    'fleet gateways',
    'fleet alerts --json',
  ]);
  apiCommand(
    group,
    'gateways',
    'list the gateways of every tenant',
    deps,
    ['fleet gateways --json'],
    false,
  ).run(async (session) => {
    const gateways = await pages<GatewayView>(session, below(operatorRoutes.fleetGateways.path), 'gateways');
    session.show({ gateways }, () =>
      gatewayTable(gateways, { now: session.deps.now(), toType: session.toType, withTenant: true }),
    );
  });
  apiCommand(group, 'alerts', 'list the open alerts of every tenant', deps, ['fleet alerts'], false).run(
    async (session) => {
      const alerts = await pages<AlertView>(session, below(operatorRoutes.fleetAlerts.path), 'alerts');
      session.show({ alerts }, () => alertTable(alerts, session.deps.now(), true));
    },
  );
}

async function pages<T>({ api, context }: Session, path: string, list: string): Promise<T[]> {
  if (context.identity.kind === 'tenant')
    throw new HoldfastError('FORBIDDEN', 'the fleet is for operators', {
      hint: 'leave --token-file and HOLDFAST_TOKEN_FILE away',
    });
  const all: T[] = [];
  let next: string | undefined;
  do {
    const page: Record<string, unknown> = await api.operator(path, { next });
    all.push(...(page[list] as T[]));
    next = page['next'] as string | undefined;
  } while (next);
  return all;
}

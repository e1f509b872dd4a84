import type { AlertView, CommandView } from '../core/api.ts';
import type { BulkView } from '../core/bulk/api.ts';
import type { GatewayView } from '../core/identity/gateway-view.ts';
import type { ApiClient } from './api-client.ts';

/** Every page of a list, the first one first. */
async function allPages<T>(
  ask: (next: string | undefined) => Promise<[T[], string | undefined]>,
): Promise<T[]> {
  const all: T[] = [];
  let next: string | undefined;
  do {
    const [page, after] = await ask(next);
    all.push(...page);
    next = after;
  } while (next);
  return all;
}

export const allAlerts = (api: ApiClient, state: 'open' | 'all'): Promise<AlertView[]> =>
  allPages(async (next) => {
    const page = await api.call('listAlerts', { query: { state, next } });
    return [page.alerts, page.next];
  });

export const allGateways = (api: ApiClient, status: 'current' | 'all'): Promise<GatewayView[]> =>
  allPages(async (next) => {
    const page = await api.call('listGateways', { query: { status, next } });
    return [page.gateways, page.next];
  });

export const allCommands = (api: ApiClient, gatewayId: string): Promise<CommandView[]> =>
  allPages(async (next) => {
    const page = await api.call('listCommands', { params: { gatewayId }, query: { next } });
    return [page.commands, page.next];
  });

export const allBulks = (api: ApiClient): Promise<BulkView[]> =>
  allPages(async (next) => {
    const page = await api.call('listBulkSends', { query: { next } });
    return [page.bulks, page.next];
  });

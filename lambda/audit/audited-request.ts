import { apiRoutes, operatorRoutes } from '../../core/api-routes.ts';
import {
  askedFacts,
  auditedFleetRoutes,
  auditedRoutes,
  fleetScope,
  ownEntries,
  unrecorded,
  type AuditedFacts,
} from '../../core/audit/actions.ts';
import { HoldfastError } from '../../core/errors.ts';
import type { Principal } from '../../core/model.ts';
import type { RequestSource } from '../../core/audit/audit-item.ts';
import { recorded, recordRefusal, type AuditAsk, type RecordingDeps } from './recorded.ts';

/** A request whose caller is verified. */
export interface AuditedRequest {
  readonly name: string;
  readonly principal: Principal | undefined;
  readonly tenantId: string | undefined;
  readonly params: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly from: RequestSource;
}

/**
 * Serves a request; one that changes something is put on record. A route that nobody declared is recorded under its own
 * name, and a function that has no trail serves no change: forgetting either cannot lose an entry.
 */
export async function servedOnRecord(
  deps: Partial<RecordingDeps>,
  request: AuditedRequest,
  serve: () => Promise<object>,
): Promise<object> {
  const { name } = request;
  if (!isChange(name) || (ownEntries as readonly string[]).includes(name)) return serve();
  if (!hasTrail(deps))
    throw new HoldfastError('CONFIG', `${name} changes something, and its function has no audit trail`, {
      hint: 'give httpHandler an `audit`',
    });
  const ask = askOf(request);
  if (!ask) return serve();
  const answer = routeOf(name).answer as ((answer: object) => AuditedFacts) | undefined;
  return recorded(deps, ask, serve, answer);
}

/** A verified caller was refused a change for want of a role. Reads that are refused stand in the log. */
export async function refusedOnRecord(
  deps: Partial<RecordingDeps>,
  request: AuditedRequest,
  thrown: unknown,
): Promise<void> {
  const ask = isChange(request.name) ? askOf(request) : undefined;
  if (ask && hasTrail(deps)) await recordRefusal(deps, ask, thrown);
}

function askOf({ name, principal, tenantId, params, body, from }: AuditedRequest): AuditAsk | undefined {
  if (!principal) return undefined;
  const route = routeOf(name);
  return {
    tenantId: tenantId ?? fleetScope,
    action: route.action,
    actor: principal,
    from,
    ...askedFacts(route, params, body),
  };
}

type AnyRoute = (typeof auditedRoutes)[keyof typeof auditedRoutes];
const declared: Readonly<Record<string, AnyRoute>> = { ...auditedRoutes, ...auditedFleetRoutes };
const methods: Readonly<Record<string, { method: string }>> = { ...apiRoutes, ...operatorRoutes };

const routeOf = (name: string): NonNullable<AnyRoute> =>
  declared[name] ?? { action: name === 'submitCommand' ? 'command.submit' : name };
const isChange = (name: string): boolean =>
  methods[name] !== undefined &&
  methods[name].method !== 'GET' &&
  !(unrecorded as readonly string[]).includes(name);
const hasTrail = (deps: Partial<RecordingDeps>): deps is RecordingDeps => deps.trail !== undefined;

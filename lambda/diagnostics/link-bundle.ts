import type { Answers } from '../../core/api.ts';
import { bundleKey, diagnosticsLimits, requireBundle } from '../../core/diagnostics.ts';
import { getCommand, type Caller, type CommandServiceDeps } from '../commands/command-service.ts';

export interface LinkDeps extends Pick<CommandServiceDeps, 'gateways' | 'commands' | 'clock' | 'log'> {
  /** A URL by which anybody may GET the object of the snapshot bucket until it expires. */
  sign(key: string, holds: { at: Date; expiresInSec: number }): Promise<URL>;
}

/**
 * A link to the bundle of one command. Throws NOT_FOUND (gateway or command, also another tenant's), INVALID_INPUT,
 * CONFLICT, GONE.
 */
export async function linkBundle(
  deps: LinkDeps,
  caller: Caller,
  gatewayId: string,
  commandId: string,
): Promise<Answers['linkBundle']> {
  const { command } = await getCommand(deps, caller, gatewayId, commandId);
  const now = deps.clock.now();
  requireBundle(command, now);
  const expiresInSec = diagnosticsLimits.linkTtlSec;
  const url = await deps.sign(bundleKey(command), { at: new Date(now), expiresInSec });
  deps.log('info', 'bundle.linked', { gatewayId, commandId, by: caller.principal.id, expiresInSec });
  return { url: url.href, expiresAt: now + expiresInSec * 1_000 };
}

import type { Agent } from 'node:http';
import { z } from 'zod';
import { activationProofText, requests } from '../../core/api.ts';
import { apiRoutes, tenantBase } from '../../core/api-routes.ts';
import { keyFingerprint } from '../../core/identity/public-key.ts';
import { errorCodes, HoldfastError, type ErrorCode } from '../../core/errors.ts';
import type { StateDirectory } from '../state/state-directory.ts';
import { keyFileName, loadOrCreateGatewayKey, signText } from './gateway-key.ts';
import {
  activateResponseSchema,
  cellsInOrder,
  identityFileName,
  loadIdentity,
  requireSafeUrl,
  saveIdentity,
  type GatewayIdentity,
} from './gateway-identity.ts';
import { postJson, type JsonAnswer } from './http-client.ts';
import { shellWord, typed } from '../../core/typed.ts';

export interface ActivationRequest {
  serverUrl: string;
  code: string;
  preferredCellId?: string;
  agentVersion: string;
  hostname?: string;
}

export type Activated = GatewayIdentity & { keyFingerprint: string };

/**
 * Trades an activation code for an identity. The key is durable before the request leaves, so the same request can
 * be repeated after a crash and yields the same identity.
 * Throws CONFLICT (already activated), CONFIG (URL), INVALID_INPUT (code), what the server says, UNAVAILABLE.
 */
export async function activate(
  state: StateDirectory,
  request: ActivationRequest,
  deps: { now: () => number; agent?: Agent; timeoutMs?: number; signal?: AbortSignal },
): Promise<Activated> {
  const identityPath = state.file(identityFileName);
  const existing = await loadIdentity(identityPath);
  if (existing)
    throw new HoldfastError('CONFLICT', `${state.path} already belongs to gateway ${existing.gatewayId}`, {
      hint: `start it with \`${typed(`holdfast-agent run --state-dir ${shellWord(state.path)}`)}\`, or activate another gateway with its own --state-dir`,
    });
  const server = requireSafeUrl(request.serverUrl, ['https:', 'http:'], '--server');
  const key = await loadOrCreateGatewayKey(state.file(keyFileName), deps.now());
  const body = requests.activate.safeParse({
    code: request.code,
    publicKey: key.publicKey,
    proof: signText(key, activationProofText(request.code, key.publicKey)),
    agentVersion: request.agentVersion,
    hostname: request.hostname?.slice(0, 255),
  });
  if (!body.success)
    throw new HoldfastError('INVALID_INPUT', 'that is no activation code', {
      hint: 'paste the code as it was given, 16 to 64 characters',
    });
  const url = new URL(`${server.href.replace(/\/+$/, '')}${tenantBase}${apiRoutes.activate.path}`);
  const { agent, signal, timeoutMs = 30_000 } = deps;
  const answer = await postJson(url, body.data, { agent, timeoutMs, signal });
  const granted = parseAnswer(url, answer);
  cellsInOrder(granted.cells, request.preferredCellId);
  const identity: GatewayIdentity = {
    ...granted,
    pending: undefined, // until when, only the server knows
    serverUrl: server.href,
    preferredCellId: request.preferredCellId,
    activatedAt: deps.now(),
  };
  await saveIdentity(identityPath, identity);
  return { ...identity, pending: granted.pending, keyFingerprint: keyFingerprint(key.publicKey) };
}

const errorBodySchema = z.object({
  error: z.object({ code: z.string(), message: z.string(), hint: z.string().optional() }),
});

function parseAnswer(url: URL, { status, json }: JsonAnswer): z.infer<typeof activateResponseSchema> {
  if (status >= 200 && status < 300) {
    const granted = activateResponseSchema.safeParse(json);
    if (granted.success) return granted.data;
    throw new HoldfastError('PROTOCOL', `${url.origin} answered with an identity that is not valid`, {
      cause: granted.error,
    });
  }
  const refused = errorBodySchema.safeParse(json);
  if (!refused.success)
    throw new HoldfastError(
      status >= 500 ? 'UNAVAILABLE' : status === 429 ? 'THROTTLED' : 'PROTOCOL',
      `${url.origin} refused the activation with status ${status}`,
      status >= 500 || status === 429
        ? { hint: 'try again in a minute; the code stays good' }
        : {
            hint: `is that the control plane’s own URL, the first that \`${typed('holdfast up')}\` prints? A cell’s is another`,
          },
    );
  const { code, message, hint } = refused.data.error;
  throw new HoldfastError(isErrorCode(code) ? code : 'PROTOCOL', message.slice(0, 500), {
    hint: hint?.slice(0, 500),
  });
}

const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(errorCodes, code);

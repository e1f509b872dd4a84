import type { Answers } from '../../core/api.ts';
import { HoldfastError } from '../../core/errors.ts';
import {
  activationCodeItem,
  claimCode,
  newGateway,
  refusedCode,
  requireProof,
} from '../../core/identity/activation.ts';
import { keyFingerprint } from '../../core/identity/public-key.ts';
import { newActivationCode, secretHash, type RandomBytes } from '../../core/identity/secrets.ts';
import { codeIdOf } from '../../core/audit/actions.ts';
import { recorded } from '../audit/recorded.ts';
import type { AuditTrail } from '../audit/trail.ts';
import type { GatewayItem } from '../../core/model.ts';
import type { Written } from '../aws/table.ts';
import type { CellDirectory } from '../aws/cell-directory.ts';
import type { ApiRequest } from '../aws/http-handler.ts';
import type { activationCodesTable, gatewaysTable } from '../aws/tables.ts';

export interface ActivationDeps {
  readonly codes: ReturnType<typeof activationCodesTable>;
  readonly gateways: ReturnType<typeof gatewaysTable>;
  readonly audit: AuditTrail;
  readonly cells: CellDirectory;
  readonly random: RandomBytes;
  readonly now: () => number;
}

/** Linux's own bound; the gateway's item is to stay small. */
const hostnameLengthMax = 64;

/** A new code, shown this once. */
export async function createActivationCode(
  { codes, random, now }: ActivationDeps,
  { tenantId, principal, body }: ApiRequest<'createActivationCode'>,
): Promise<Answers['createActivationCode']> {
  const code = newActivationCode(random);
  const item = activationCodeItem(code, { tenantId, createdBy: principal.id, ...body }, now());
  await codes.putIfAbsent(item);
  return { code, tenantId, expiresAt: item.expiresAt };
}

/** Trades a code for an identity. The same request is answered with the same identity, however often it comes. */
export async function activate(
  deps: ActivationDeps,
  request: ApiRequest<'activate'>,
): Promise<Answers['activate']> {
  const { codes, cells, now } = deps;
  const { body, log } = request;
  const { code, publicKey, proof } = body;
  requireProof(code, publicKey, proof);
  const directory = await cells.list();
  const claim = claimCode(keyFingerprint(publicKey), now());
  const claimed = await codes.update({ codeHash: secretHash(code) }, claim.change, claim);
  if (!claimed.ok) throw refusedCode(claimed.current);
  const reported = { hostname: body.hostname?.slice(0, hostnameLengthMax), address: request.from.sourceIp };
  const written = await bringIntoBeing(deps, request, newGateway(claimed.item, publicKey, now(), reported));
  const gateway = written.ok ? written.item : written.current;
  if (!gateway || gateway.status === 'revoked')
    throw new HoldfastError('FORBIDDEN', 'the gateway that this code made was revoked', {
      hint: 'ask for a new code',
    });
  const { gatewayId, tenantId, name } = gateway;
  log('info', 'gateway.activated', {
    gatewayId,
    tenantId,
    agentVersion: body.agentVersion,
    repeated: !written.ok,
  });
  const reachable = directory.map(({ cellId, webSocketUrl }) => ({ cellId, webSocketUrl }));
  const isPending = gateway.status === 'pending';
  return { gatewayId, tenantId, name, ...(isPending ? { pending: true } : {}), cells: reachable };
}

/** On record before it is there; a repeated request finds it and leaves no second entry. */
async function bringIntoBeing(
  { gateways, audit, now }: ActivationDeps,
  { body, from, log }: ApiRequest<'activate'>,
  gateway: GatewayItem,
): Promise<Written<GatewayItem>> {
  const { gatewayId, tenantId } = gateway;
  const current = await gateways.get({ gatewayId });
  if (current) return { ok: false, current };
  const ask = {
    tenantId,
    gatewayId,
    action: 'gateway.activate',
    actor: { kind: 'gateway', id: keyFingerprint(body.publicKey) },
    from,
    subject: { codeId: codeIdOf(body.code) },
    details: { hostname: body.hostname, agentVersion: body.agentVersion },
  } as const;
  return recorded({ trail: audit, now, log }, ask, () => gateways.putIfAbsent(gateway));
}

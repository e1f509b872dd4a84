import type { Answers } from '../../core/api.ts';
import { HoldfastError } from '../../core/errors.ts';
import {
  activationCodeItem,
  claimCode,
  keyFingerprint,
  newGateway,
  refusedCode,
  requireProof,
} from '../../core/identity/activation.ts';
import { newActivationCode, secretHash, type RandomBytes } from '../../core/identity/secrets.ts';
import type { CellDirectory } from '../aws/cell-directory.ts';
import type { ApiRequest } from '../aws/http-handler.ts';
import type { activationCodesTable, gatewaysTable } from '../aws/tables.ts';

export interface ActivationDeps {
  readonly codes: ReturnType<typeof activationCodesTable>;
  readonly gateways: ReturnType<typeof gatewaysTable>;
  readonly cells: CellDirectory;
  readonly random: RandomBytes;
  readonly now: () => number;
}

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
  { codes, gateways, cells, now }: ActivationDeps,
  { body, log }: ApiRequest<'activate'>,
): Promise<Answers['activate']> {
  const { code, publicKey, proof } = body;
  requireProof(code, publicKey, proof);
  const directory = await cells.list();
  const claim = claimCode(keyFingerprint(publicKey), now());
  const claimed = await codes.update({ codeHash: secretHash(code) }, claim.change, claim);
  if (!claimed.ok) throw refusedCode(claimed.current);
  const written = await gateways.putIfAbsent(newGateway(claimed.item, publicKey, now()));
  const gateway = written.ok ? written.item : written.current;
  if (gateway?.status !== 'active')
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
  return { gatewayId, tenantId, name, cells: reachable };
}

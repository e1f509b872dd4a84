import { randomBytes } from 'node:crypto';
import type { ActivateResponse } from '../../core/api.ts';
import { HoldfastError } from '../../core/errors.ts';
import {
  activationCodeItem,
  claimCode,
  keyFingerprint,
  newGateway,
  refusedCode,
  requireProof,
} from '../../core/identity/activation.ts';
import { newActivationCode, secretHash } from '../../core/identity/secrets.ts';
import { ssmCellDirectory, type CellDirectory } from '../aws/cell-directory.ts';
import { httpHandler, type ApiRequest } from '../aws/http-handler.ts';
import { activationCodesTable, gatewaysTable } from '../aws/tables.ts';

export const env = ['ACTIVATION_CODES_TABLE', 'GATEWAYS_TABLE', 'CELL_DIRECTORY_PATH'] as const;

interface Deps {
  readonly codes: ReturnType<typeof activationCodesTable>;
  readonly gateways: ReturnType<typeof gatewaysTable>;
  readonly cells: CellDirectory;
  readonly now: () => number;
}

export const handler = httpHandler({
  env,
  deps: (names): Deps => ({
    codes: activationCodesTable(names.ACTIVATION_CODES_TABLE),
    gateways: gatewaysTable(names.GATEWAYS_TABLE),
    cells: ssmCellDirectory(names.CELL_DIRECTORY_PATH),
    now: Date.now,
  }),
  routes: { activate, createActivationCode },
});

async function createActivationCode(
  { codes, now }: Deps,
  { tenantId, principal, body }: ApiRequest<'createActivationCode'>,
): Promise<{ code: string; tenantId: string; expiresAt: number }> {
  const code = newActivationCode(randomBytes);
  const item = activationCodeItem(code, { tenantId, createdBy: principal.id, ...body }, now());
  await codes.putIfAbsent(item);
  return { code, tenantId, expiresAt: item.expiresAt };
}

/** Trades a code for an identity. The same request is answered with the same identity, however often it comes. */
async function activate(
  { codes, gateways, cells, now }: Deps,
  { body, log }: ApiRequest<'activate'>,
): Promise<ActivateResponse> {
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
  log('info', 'gateway.activated', { gatewayId, tenantId, repeated: !written.ok });
  const reachable = directory.map(({ cellId, webSocketUrl }) => ({ cellId, webSocketUrl }));
  return { gatewayId, tenantId, name, cells: reachable };
}

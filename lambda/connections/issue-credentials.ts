import { HoldfastError, asHoldfastError, errorCodes } from '../../core/errors.ts';
import type { CredentialPurpose, Upstream } from '../../core/messages.ts';
import type { Draft } from '../../core/routes/frames.ts';
import { diagnosticsFolder } from '../../core/diagnostics.ts';
import { folders, keys } from '../../core/snapshot/names.ts';
import type { GatewayStore } from '../commands/ports.ts';
import { postDrafts } from '../commands/reach.ts';
import { requireLive, type FrameDeps, type Socket } from './socket.ts';

export interface SessionCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
  expiresAt: number;
}

export interface CredentialsDeps extends FrameDeps {
  gateways: GatewayStore;
  bucket: string;
  region: string;
  /** Where agents find S3 if not at the region's own endpoint. */
  endpoint: string | undefined;
  /** Cuts a session from the agents' storage role. `policy` is IAM JSON. */
  assumeRole(session: { name: string; policy: string; durationSec: number }): Promise<SessionCredentials>;
}

export const credentialsTtlSec = 15 * 60;

/** Answers `creds.get` with a session for one prefix and one purpose, or with an error the agent can show. */
export async function issueCredentials(
  deps: CredentialsDeps,
  socket: Socket,
  message: Extract<Upstream, { t: 'creds.get' }>,
): Promise<void> {
  const gateway = await requireLive(deps, socket, message.id);
  if (!gateway) return;
  const { requestId, purpose } = message.body;
  const answer = gateway.status === 'active' ? await session(deps, socket, purpose) : { error: unconfirmed };
  const body = { requestId, ...answer };
  await postDrafts(deps, socket, [{ t: 'creds', body }]);
}

const unconfirmed = { code: 'FORBIDDEN', message: 'the gateway waits for its confirmation by the customer' };

type CredsBody = Omit<Extract<Draft, { t: 'creds' }>['body'], 'requestId'>;

async function session(
  deps: CredentialsDeps,
  socket: Socket,
  purpose: CredentialPurpose,
): Promise<CredsBody> {
  const { gatewayId } = socket;
  try {
    const prefix = purposePrefix(socket, purpose);
    const credentials = await deps.assumeRole({
      name: gatewayId.replace(/[^\w+=,.@-]/g, '-').slice(0, 64),
      policy: JSON.stringify(sessionPolicy(deps.bucket, prefix, purpose)),
      durationSec: credentialsTtlSec,
    });
    const volumeId = 'volumeId' in purpose ? purpose.volumeId : undefined;
    deps.log('info', 'credentials.issued', { gatewayId, purpose: purpose.kind, volumeId });
    const { bucket, region, endpoint } = deps;
    return { credentials: { ...credentials, bucket, region, prefix, ...(endpoint ? { endpoint } : {}) } };
  } catch (cause) {
    const { code, message } = asHoldfastError(cause);
    // What a gateway asks for in vain is its own fault, and must not sound our alarms.
    const level = errorCodes[code].http < 500 ? 'warn' : 'error';
    deps.log(level, 'credentials.failed', { gatewayId, purpose: purpose.kind, code, error: message });
    const isOurs = cause instanceof HoldfastError;
    return {
      error: isOurs ? { code, message } : { code: 'UNAVAILABLE', message: 'no credentials at the moment' },
    };
  }
}

/** The repository of a volume, or the gateway's folder for bundles. Throws INVALID_INPUT for a name that is not literal. */
function purposePrefix({ tenantId, gatewayId }: Socket, purpose: CredentialPurpose): string {
  const path =
    purpose.kind === 'diagnostics'
      ? [diagnosticsFolder, tenantId, gatewayId]
      : [tenantId, gatewayId, purpose.volumeId];
  return path.map(literal).join('/');
}

interface PolicyStatement {
  Effect: 'Allow';
  Action: string[];
  Resource: string[];
  Condition?: { StringLike: { 's3:prefix': string[] } };
}

/**
 * What a session may do: it can only narrow what the role allows. Writing a snapshot takes back its own intents and
 * the pin on its parent; a restore holds its snapshot by a pin; everything else is deleted by the delete purpose alone.
 * Bundles are written and never looked at again: a gateway that is taken over learns nothing from those before.
 */
export function sessionPolicy(
  bucket: string,
  prefix: string,
  purpose: CredentialPurpose,
): { Version: '2012-10-17'; Statement: PolicyStatement[] } {
  const may = (action: string, ...below: string[]): PolicyStatement => ({
    Effect: 'Allow',
    Action: [`s3:${action}`],
    Resource: below.map((path) => `arn:aws:s3:::${bucket}/${prefix}/${path}*`),
  });
  const Statement =
    purpose.kind === 'diagnostics'
      ? [may('PutObject', '')]
      : [listing(bucket, prefix), may('GetObject', ''), ...changes(purpose, may)];
  return { Version: '2012-10-17', Statement };
}

function changes(
  purpose: Exclude<CredentialPurpose, { kind: 'diagnostics' }>,
  may: (action: string, ...below: string[]) => PolicyStatement,
): PolicyStatement[] {
  switch (purpose.kind) {
    case 'snapshot':
      return [may('PutObject', ''), may('DeleteObject', folders.intents, folders.pins)];
    case 'restore': {
      const pins = keys.pins(literal(purpose.snapshotId));
      return [may('PutObject', pins), may('DeleteObject', pins)];
    }
    case 'delete':
      return [
        may('PutObject', folders.tombstones, folders.intents, folders.snapshots),
        may('DeleteObject', ''),
      ];
  }
}

const listing = (bucket: string, prefix: string): PolicyStatement => ({
  Effect: 'Allow',
  Action: ['s3:ListBucket'],
  Resource: [`arn:aws:s3:::${bucket}`],
  Condition: { StringLike: { 's3:prefix': [`${prefix}/*`] } },
});

/** Names that S3 and IAM read literally: no wildcard, no policy variable, no way out of the prefix. */
function literal(name: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(name)) return name;
  throw new HoldfastError('INVALID_INPUT', `"${name.slice(0, 64)}" cannot be part of a prefix`, {
    hint: 'letters, digits, - and _',
  });
}

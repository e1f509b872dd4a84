import { HoldfastError, asHoldfastError } from '../../core/errors.ts';
import type { CredentialPurpose, Upstream } from '../../core/messages.ts';
import type { Draft } from '../../core/routes/frames.ts';
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

/** Answers `creds.get` with a session for one volume and one purpose, or with an error the agent can show. */
export async function issueCredentials(
  deps: CredentialsDeps,
  socket: Socket,
  message: Extract<Upstream, { t: 'creds.get' }>,
): Promise<void> {
  if (!(await requireLive(deps, socket, message.id))) return;
  const { requestId, purpose } = message.body;
  const body = { requestId, ...(await session(deps, socket, purpose)) };
  await postDrafts(deps, socket, [{ t: 'creds', body }]);
}

type CredsBody = Omit<Extract<Draft, { t: 'creds' }>['body'], 'requestId'>;

async function session(
  deps: CredentialsDeps,
  socket: Socket,
  purpose: CredentialPurpose,
): Promise<CredsBody> {
  const { gatewayId } = socket;
  try {
    const prefix = volumePrefix(socket, purpose.volumeId);
    const credentials = await deps.assumeRole({
      name: gatewayId.replace(/[^\w+=,.@-]/g, '-').slice(0, 64),
      policy: JSON.stringify(sessionPolicy(deps.bucket, prefix, purpose.kind)),
      durationSec: credentialsTtlSec,
    });
    deps.log('info', 'credentials.issued', { gatewayId, purpose: purpose.kind, volumeId: purpose.volumeId });
    const { bucket, region, endpoint } = deps;
    return { credentials: { ...credentials, bucket, region, prefix, ...(endpoint ? { endpoint } : {}) } };
  } catch (cause) {
    const { code, message } = asHoldfastError(cause);
    deps.log('error', 'credentials.failed', { gatewayId, purpose: purpose.kind, code, error: message });
    const isOurs = cause instanceof HoldfastError;
    return {
      error: isOurs ? { code, message } : { code: 'UNAVAILABLE', message: 'no credentials at the moment' },
    };
  }
}

/** Names that S3 and IAM read literally: no wildcard, no policy variable, no way out of the prefix. */
const literalName = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

/** Throws INVALID_INPUT for a name that is not literal. */
export function volumePrefix({ tenantId, gatewayId }: Socket, volumeId: string): string {
  for (const name of [tenantId, gatewayId, volumeId])
    if (!literalName.test(name))
      throw new HoldfastError('INVALID_INPUT', `"${name.slice(0, 64)}" cannot be part of a prefix`, {
        hint: 'letters, digits, - and _',
      });
  return `${tenantId}/${gatewayId}/${volumeId}`;
}

interface PolicyStatement {
  Effect: 'Allow';
  Action: string[];
  Resource: string;
  Condition?: { StringLike: { 's3:prefix': string[] } };
}

const objectActions: Record<CredentialPurpose['kind'], string[]> = {
  snapshot: ['s3:GetObject', 's3:PutObject', 's3:AbortMultipartUpload'],
  restore: ['s3:GetObject'],
  delete: ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'],
};

/**
 * Small objects beside the data by which uploads, restores and collectors see each other (docs/snapshot-format.md,
 * “Permissions”): an upload withdraws its intent and its pin, a restore pins its snapshot and releases it.
 */
const marks: Record<CredentialPurpose['kind'], { actions: string[]; folders: string[] } | undefined> = {
  snapshot: { actions: ['s3:DeleteObject'], folders: ['intents', 'pins'] },
  restore: { actions: ['s3:PutObject', 's3:DeleteObject'], folders: ['pins'] },
  delete: undefined,
};

/** What a session may do: it can only narrow what the role allows. */
export function sessionPolicy(
  bucket: string,
  prefix: string,
  kind: CredentialPurpose['kind'],
): { Version: '2012-10-17'; Statement: PolicyStatement[] } {
  const objects = {
    Effect: 'Allow',
    Action: objectActions[kind],
    Resource: `arn:aws:s3:::${bucket}/${prefix}/*`,
  };
  const list = {
    Effect: 'Allow',
    Action: ['s3:ListBucket'],
    Resource: `arn:aws:s3:::${bucket}`,
    Condition: { StringLike: { 's3:prefix': [`${prefix}/*`] } },
  };
  const withMarks = (marks[kind]?.folders ?? []).map((folder) => ({
    Effect: 'Allow',
    Action: marks[kind]!.actions,
    Resource: `arn:aws:s3:::${bucket}/${prefix}/${folder}/*`,
  }));
  return { Version: '2012-10-17', Statement: [objects, list, ...withMarks] as PolicyStatement[] };
}

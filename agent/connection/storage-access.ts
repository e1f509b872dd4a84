import type { Agent } from 'node:http';
import { S3Client } from '@aws-sdk/client-s3';
import { withBoundedAnswers } from '../s3/bounded-answers.ts';
import { HoldfastError } from '../../core/errors.ts';
import type { BucketAccess, BucketFor, BucketPurpose } from '../ports.ts';
import type { CredentialBroker, StorageCredentials } from './credential-broker.ts';
import { typed } from '../../core/typed.ts';

export interface StorageAccessDeps {
  broker: CredentialBroker;
  /** Carries the proxy. */
  agent: Agent | undefined;
  /** Server's clock minus ours, in ms: signatures of a clock that is off would be refused. */
  clockOffsetMs: () => number;
  /** A snapshot or a deletion does not wait longer for credentials; a restore does. @default 2 min */
  waitMs?: number;
}

const clientsMax = 32;

/** S3 clients by purpose; their credentials renew themselves over the connection. */
export function storageAccess(deps: StorageAccessDeps): { bucketFor: BucketFor; close: () => void } {
  const clients = new Map<string, { place: string; client: S3Client }>();
  const bucketFor: BucketFor = async (purpose) => {
    const credentials = await inTime(deps.broker.get(purpose), purpose, deps.waitMs ?? 120_000);
    const { bucket, prefix } = credentials;
    return { client: clientFor(purpose, credentials), bucket, prefix: prefix && `${prefix}/` };
  };
  function clientFor(purpose: BucketPurpose, credentials: StorageCredentials): BucketAccess['client'] {
    const key = JSON.stringify(purpose);
    const place = `${credentials.endpoint} ${credentials.region}`;
    const existing = clients.get(key);
    if (existing?.place === place) return existing.client;
    const client = newClient(deps, purpose, credentials);
    clients.delete(key);
    clients.set(key, { place, client });
    // The oldest is let go, not destroyed: somebody may still read through it.
    if (clients.size > clientsMax) clients.delete(clients.keys().next().value!);
    return client;
  }
  return {
    bucketFor,
    close: () => {
      for (const { client } of clients.values()) client.destroy();
    },
  };
}

function newClient(
  { broker, agent, clockOffsetMs }: StorageAccessDeps,
  purpose: BucketPurpose,
  { region, endpoint }: StorageCredentials,
): S3Client {
  const client = new S3Client({
    region,
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    // The bucket repeats by itself; chunks and pages are verified by their own SHA-256.
    maxAttempts: 1,
    responseChecksumValidation: 'WHEN_REQUIRED',
    systemClockOffset: clockOffsetMs(),
    ...(agent ? { requestHandler: { httpAgent: agent, httpsAgent: agent } } : {}),
    credentials: async () => {
      const { accessKeyId, secretAccessKey, sessionToken, expiresAt } = await broker.get(purpose);
      return {
        accessKeyId,
        secretAccessKey,
        sessionToken,
        expiration: new Date(expiresAt - clockOffsetMs()),
      };
    },
  });
  return withBoundedAnswers(client);
}

/** A restore has all the time in the world; whoever asks for a snapshot wants to know that there is no way now. */
async function inTime<T>(waiting: Promise<T>, { kind }: BucketPurpose, waitMs: number): Promise<T> {
  if (kind === 'restore') return waiting;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () =>
        reject(
          new HoldfastError('UNAVAILABLE', `no credentials for S3 after ${waitMs / 1_000} s`, {
            hint: `they come over the connection: see \`${typed('holdfast-agent status')}\``,
          }),
        ),
      waitMs,
    );
  });
  try {
    return await Promise.race([waiting, late]);
  } finally {
    clearTimeout(timer);
  }
}

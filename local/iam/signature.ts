import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { SignatureV4 } from '@smithy/signature-v4';
import type { Credentials } from './keys.ts';
import { NodeSha256 } from './node-sha256.ts';
import { requestTarget } from '../request-target.ts';

/** What a signed request claims, before it is verified. */
export interface Claim {
  readonly accessKeyId: string;
  readonly sessionToken?: string;
  readonly region: string;
  readonly service: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  readonly signedAt: Date;
  /** Presigned URL: how long it holds. */
  readonly expiresInSeconds?: number;
}

export interface SignedRequest {
  readonly method: string;
  /** Path and query exactly as sent. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export type SignatureProblem = 'expired' | 'mismatch';

const payloadHashHeader = 'x-amz-content-sha256';
const clockSkewMs = 15 * 60_000;

/** Reads the claim from the Authorization header or a presigned query; undefined when the request is not signed. */
export function readClaim(request: Pick<SignedRequest, 'url' | 'headers'>): Claim | undefined {
  const { authorization } = request.headers;
  const query = requestTarget(request.url).searchParams;
  if (authorization?.startsWith('AWS4-HMAC-SHA256 ')) {
    const field = (name: string) => new RegExp(`${name}=([^,\\s]+)`).exec(authorization)?.[1];
    return claimOf({
      credential: field('Credential'),
      signedHeaders: field('SignedHeaders'),
      signature: field('Signature'),
      date: single(request.headers['x-amz-date']),
      sessionToken: single(request.headers['x-amz-security-token']),
    });
  }
  if (query.get('X-Amz-Algorithm') !== 'AWS4-HMAC-SHA256') return undefined;
  return claimOf({
    credential: query.get('X-Amz-Credential') ?? undefined,
    signedHeaders: query.get('X-Amz-SignedHeaders') ?? undefined,
    signature: query.get('X-Amz-Signature') ?? undefined,
    date: query.get('X-Amz-Date') ?? undefined,
    sessionToken: query.get('X-Amz-Security-Token') ?? undefined,
    expiresInSeconds: Number(query.get('X-Amz-Expires') ?? Number.NaN),
  });
}

interface ClaimFields {
  credential?: string;
  signedHeaders?: string;
  signature?: string;
  date?: string;
  sessionToken?: string;
  expiresInSeconds?: number;
}

function claimOf(fields: ClaimFields): Claim | undefined {
  const [accessKeyId, , region, service, terminator] = fields.credential?.split('/') ?? [];
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(fields.date ?? '') ?? [];
  if (!accessKeyId || !region || !service || terminator !== 'aws4_request' || !year) return undefined;
  if (!fields.signature || !fields.signedHeaders) return undefined;
  return {
    accessKeyId,
    sessionToken: fields.sessionToken,
    region,
    service,
    signedHeaders: fields.signedHeaders.split(';'),
    signature: fields.signature,
    signedAt: new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`),
    expiresInSeconds: fields.expiresInSeconds,
  };
}

/** Computes the signature anew over what was received and compares. Resolves to what is wrong, if anything. */
export async function verifySignature(
  request: SignedRequest,
  claim: Claim,
  credentials: Credentials,
  now: Date,
): Promise<SignatureProblem | undefined> {
  const ageMs = now.getTime() - claim.signedAt.getTime();
  const presigned = claim.expiresInSeconds !== undefined;
  if (presigned && !(ageMs <= (claim.expiresInSeconds ?? 0) * 1000)) return 'expired';
  if (ageMs < -clockSkewMs || (!presigned && ageMs > clockSkewMs)) return 'expired';
  const expected = presigned
    ? await presignedSignature(request, claim, credentials)
    : await headerSignature(request, claim, credentials);
  return same(expected, claim.signature) && bodyMatches(request, presigned) ? undefined : 'mismatch';
}

async function headerSignature(
  request: SignedRequest,
  claim: Claim,
  credentials: Credentials,
): Promise<string> {
  const signed = await signer(claim, credentials).sign(unsigned(request, claim), {
    signingDate: claim.signedAt,
    signableHeaders: new Set(claim.signedHeaders),
    unsignableHeaders: unsignable(claim),
  });
  return /Signature=(\w+)/.exec(signed.headers.authorization ?? '')?.[1] ?? '';
}

async function presignedSignature(
  request: SignedRequest,
  claim: Claim,
  credentials: Credentials,
): Promise<string> {
  const bare = unsigned(request, claim);
  delete bare.query['X-Amz-Signature'];
  const signed = await signer(claim, credentials).presign(bare, {
    signingDate: claim.signedAt,
    expiresIn: claim.expiresInSeconds,
    signableHeaders: new Set(claim.signedHeaders),
    unhoistableHeaders: new Set([...claim.signedHeaders, payloadHashHeader]),
    unsignableHeaders: unsignable(claim),
  });
  return String(signed.query?.['X-Amz-Signature'] ?? '');
}

/** The payload's hash is always part of what is signed; the header that carries it need not be. */
function unsignable(claim: Claim): Set<string> {
  return new Set(claim.signedHeaders.includes(payloadHashHeader) ? [] : [payloadHashHeader]);
}

/** The request with nothing but the headers that the client signed. */
function unsigned(request: SignedRequest, claim: Claim) {
  const url = requestTarget(request.url);
  const query: Record<string, string | string[]> = {};
  for (const name of new Set(url.searchParams.keys())) {
    const values = url.searchParams.getAll(name);
    query[name] = values.length === 1 ? (values[0] ?? '') : values;
  }
  const headers: Record<string, string> = {};
  for (const name of claim.signedHeaders) {
    const value = request.headers[name];
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(',') : value;
  }
  const declaredHash = single(request.headers[payloadHashHeader]);
  if (declaredHash) headers[payloadHashHeader] = declaredHash;
  else if (claim.service === 's3' && claim.expiresInSeconds !== undefined)
    headers[payloadHashHeader] = 'UNSIGNED-PAYLOAD';
  // The path as sent, not as URL would normalize it: S3 keys may hold `..` and `//`.
  const path = request.url.split('?')[0] ?? '/';
  return {
    method: request.method,
    protocol: 'http:',
    hostname: '',
    path,
    query,
    headers,
    body: request.body,
  };
}

function signer(claim: Claim, credentials: Credentials): SignatureV4 {
  return new SignatureV4({
    service: claim.service,
    region: claim.region,
    credentials,
    sha256: NodeSha256,
    uriEscapePath: claim.service !== 's3',
    applyChecksum: false,
  });
}

/** A declared hash must be the body's; the two UNSIGNED forms and signed chunks vouch for the headers alone. */
function bodyMatches({ headers, body }: SignedRequest, presigned: boolean): boolean {
  const declared = single(headers[payloadHashHeader]);
  if (declared === undefined) return true;
  if (declared === 'UNSIGNED-PAYLOAD' || declared.startsWith('STREAMING-')) return true;
  return presigned || same(createHash('sha256').update(body).digest('hex'), declared);
}

function same(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

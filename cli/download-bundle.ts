import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { bundleSchema, diagnosticsLimits, type Bundle, type BundleOutput } from '../core/diagnostics.ts';
import { HoldfastError } from '../core/errors.ts';
import { requireHttpUrl } from '../core/http-url.ts';
import { parseJson } from './context.ts';

const downloadTimeoutMs = 120_000;

/**
 * Fetches exactly the bytes that the command's outcome tells of. The URL is a secret while it holds: no message names
 * it. Throws FORBIDDEN (expired, or not there), UNAVAILABLE, TOO_LARGE, CORRUPT.
 */
export async function downloadBundle(
  url: string,
  { sizeBytes, sha256 }: Pick<BundleOutput, 'sizeBytes' | 'sha256'>,
  fetchImpl: typeof fetch = fetch,
): Promise<Uint8Array> {
  if (sizeBytes > diagnosticsLimits.packedBytes)
    throw new HoldfastError('TOO_LARGE', `the bundle has ${sizeBytes} bytes, more than a bundle may have`);
  const { origin } = requireHttpUrl(url, 'the link', 'https://bucket.s3.eu-central-1.amazonaws.com/…');
  const bytes = await fetched(url, origin, sizeBytes, fetchImpl);
  const isWhole = bytes.length === sizeBytes && createHash('sha256').update(bytes).digest('hex') === sha256;
  if (isWhole) return bytes;
  throw new HoldfastError('CORRUPT', `what ${origin} has is not what the gateway uploaded`, {
    hint: 'collect a new bundle; if it comes again, something between here and S3 changes it',
  });
}

/** At most one byte more than there may be. */
async function fetched(
  url: string,
  origin: string,
  sizeBytes: number,
  fetchImpl: typeof fetch,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let received = 0;
  try {
    const response = await fetchImpl(url, {
      redirect: 'error',
      signal: AbortSignal.timeout(downloadTimeoutMs),
    });
    if (!response.ok) throw refusal(origin, response.status);
    for await (const part of response.body ?? []) {
      parts.push(part as Uint8Array);
      received += (part as Uint8Array).length;
      if (received > sizeBytes) break;
    }
  } catch (cause) {
    if (cause instanceof HoldfastError) throw cause;
    throw new HoldfastError('UNAVAILABLE', `the bundle could not be fetched from ${origin}`, {
      hint: 'check the way from here to S3, then name the command with --command',
      cause,
    });
  }
  return Buffer.concat(parts);
}

function refusal(origin: string, status: number): HoldfastError {
  if (status >= 500)
    return new HoldfastError('UNAVAILABLE', `${origin} answered ${status}`, { hint: 'try again' });
  return new HoldfastError('FORBIDDEN', `${origin} refused the link, HTTP ${status}`, {
    hint: 'a link holds for 5 minutes, a bundle for 30 days; collect a new one',
  });
}

/** Undefined for a bundle that this version cannot read; its file is whole all the same. */
export function unpackBundle(bytes: Uint8Array): Bundle | undefined {
  try {
    const text = gunzipSync(bytes, { maxOutputLength: diagnosticsLimits.unpackedBytes }).toString('utf8');
    return bundleSchema.safeParse(parseJson(text)).data;
  } catch {
    return undefined;
  }
}

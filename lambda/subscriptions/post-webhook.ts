import { lookup } from 'node:dns/promises';
import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { HoldfastError } from '../../core/errors.ts';
import { parseWebhookUrl, type LocalTargets } from '../../core/subscriptions/targets.ts';
import { isPublicAddress } from './public-address.ts';

export interface WebhookDeps {
  readonly local: LocalTargets;
  /** Every address of a name. @default - the system's resolver */
  readonly resolve?: (hostname: string) => Promise<string[]>;
  /** Which addresses a webhook may have. @default - those that are public */
  readonly allows?: (address: string) => boolean;
  /** Certificates that are trusted in place of the usual authorities', PEM. */
  readonly ca?: string;
  /** @default 5 s */
  readonly timeoutMs?: number;
}

/** For all of it: name, connection, TLS and the answer's head. */
const timeoutMsDefault = 5_000;
const headBytesMax = 16 * 1024;

/**
 * Posts a message to a webhook and returns once it answered 2xx. The name is resolved here, all its addresses are
 * checked, and the connection is made to the first of those very addresses that answers: what the name says a moment later
 * matters to nobody. No redirect is followed, no connection is kept, no proxy is asked, and of the answer only the head is read.
 * Throws UNAVAILABLE that says what the receiver did, without the URL's path.
 */
export async function postWebhook(
  deps: WebhookDeps,
  url: string,
  { headers, body }: { headers: Record<string, string>; body: string },
): Promise<void> {
  const target = parseWebhookUrl(url, deps.local);
  const signal = AbortSignal.timeout(deps.timeoutMs ?? timeoutMsDefault);
  const host = target.hostname.replace(/^\[|\]$/g, '');
  try {
    const addresses = await within(signal, addressesOf(deps, host));
    const answer = await post({ target, host, addresses, headers, body, signal, ca: deps.ca });
    const { statusCode = 0 } = answer;
    if (statusCode >= 200 && statusCode < 300) return;
    const isRedirect = statusCode >= 300 && statusCode < 400;
    throw refusal(host, `answered ${statusCode}${isRedirect ? ', and redirects are not followed' : ''}`);
  } catch (thrown) {
    if (thrown instanceof HoldfastError) throw thrown;
    throw refusal(host, signal.aborted ? 'did not answer in time' : `was not reached: ${nameOf(thrown)}`);
  }
}

const refusal = (host: string, what: string): HoldfastError =>
  new HoldfastError('UNAVAILABLE', `the webhook at ${host} ${what}`, {
    hint: 'it must answer 2xx within 5 s, over https with a certificate that is valid, at a public address',
  });

/** An errno or OpenSSL's code where there is one: messages of others are not for our logs. */
function nameOf(thrown: unknown): string {
  const code = (thrown as { code?: unknown } | undefined)?.code;
  if (typeof code === 'string' && /^[A-Z0-9_]{3,60}$/.test(code)) return code;
  return thrown instanceof Error ? thrown.name : 'unknown error';
}

/** One that is not allowed refuses the name: a public address beside a private one is how rebinding begins. */
async function addressesOf(deps: WebhookDeps, host: string): Promise<string[]> {
  const { resolve = resolveAll, allows = isPublicAddress, local } = deps;
  // An address is never looked up, so that it must be checked here like what a name leads to.
  const found = isIP(host) ? [host] : await resolve(host);
  const isAllowed = (address: string) =>
    allows(address) || (local.servicesOrigin !== undefined && local.allowsLoopback && isThisMachine(address));
  if (found.length === 0) throw refusal(host, 'has no address');
  if (!found.every(isAllowed)) throw refusal(host, 'is at an address that is not public');
  return found;
}

const isThisMachine = (address: string): boolean => address === '::1' || address.startsWith('127.');

const resolveAll = async (hostname: string): Promise<string[]> =>
  (await lookup(hostname, { all: true })).map(({ address }) => address);

interface Post {
  target: URL;
  host: string;
  /** Checked, one at least. */
  addresses: string[];
  headers: Record<string, string>;
  body: string;
  signal: AbortSignal;
  ca: string | undefined;
}

function post({ target, host, addresses, headers, body, signal, ca }: Post): Promise<IncomingMessage> {
  const isTls = target.protocol === 'https:';
  const options: RequestOptions = {
    host,
    // Nothing is looked up again. Most functions have no way out over IPv6: an address that is not reached is passed over.
    lookup: answering(addresses),
    port: target.port === '' ? (isTls ? 443 : 80) : Number(target.port),
    path: `${target.pathname}${target.search}`,
    method: 'POST',
    headers: { ...headers, host: target.host, 'content-length': Buffer.byteLength(body) },
    // Of its own, and not kept: no environment's proxy, and no socket whose address was checked for another name.
    agent: false,
    maxHeaderSize: headBytesMax,
    signal,
    // The certificate must be the name's, not the address's.
    ...(isTls ? { servername: isIP(host) ? '' : host, ca } : {}),
  };
  return new Promise((resolve, reject) => {
    const sent: ClientRequest = isTls ? httpsRequest(options) : httpRequest(options);
    sent.once('response', (answer) => {
      resolve(answer);
      // What it says beside its status is nothing to us, however long it is.
      answer.once('error', () => undefined);
      sent.destroy();
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

const answering =
  (addresses: readonly string[]): LookupFunction =>
  (_host, _options, answer) =>
    answer(
      null,
      addresses.map((address) => ({ address, family: isIP(address) })),
    );

function within<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(signal.reason as Error);
    signal.addEventListener('abort', late, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', late));
  });
}

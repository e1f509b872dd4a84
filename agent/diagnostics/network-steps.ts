import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { request, type IncomingMessage } from 'node:http';
import { connect, isIP, type Socket } from 'node:net';
import { connect as tlsConnect, type TLSSocket } from 'node:tls';
import type { NetworkCheck } from '../../core/diagnostics.ts';

/** The steps of a check. Each ends after `timeoutMs`, and what it opened is closed where it fails. */
const addressesMax = 8;

/** Throws what the resolver says. */
export async function lookUp(host: string, timeoutMs: number): Promise<LookupAddress[]> {
  if (isIP(host)) return [{ address: host, family: isIP(host) }];
  return (await inTime(lookup(host, { all: true }), timeoutMs)).slice(0, addressesMax);
}

/** Tries one address after the other, as every connection of the agent does. */
export function openTcp(addresses: LookupAddress[], port: number, timeoutMs: number): Promise<Socket> {
  const socket = connect({
    host: addresses.length === 1 ? addresses[0]!.address : 'found',
    port,
    lookup: (_host, _options, found) => found(null, addresses),
  });
  return opened(socket, 'connect', timeoutMs);
}

/** Whoever answers, trusted or not: a proxy that looks into TLS is known by its certificate. */
export function startTls(socket: Socket, host: string, timeoutMs: number): Promise<TLSSocket> {
  const servername = isIP(host) ? undefined : host;
  const tls = tlsConnect({ socket, host, rejectUnauthorized: false, ...(servername && { servername }) });
  return opened(tls, 'secureConnect', timeoutMs);
}

function opened<S extends Socket>(
  socket: S,
  event: 'connect' | 'secureConnect',
  timeoutMs: number,
): Promise<S> {
  const ready = new Promise<S>((resolve, reject) => {
    socket.once(event, () => resolve(socket));
    // Stays, so that a later end of the connection ends nothing else.
    socket.on('error', reject);
    socket.once('close', () => reject(new Error('the other side closed the connection')));
  });
  return inTime(ready, timeoutMs).catch((thrown: unknown) => {
    socket.destroy();
    throw thrown;
  });
}

export function certificateOf(tls: TLSSocket, now: number): Pick<NetworkCheck, 'certificate'> {
  const { subject, issuer, valid_from: validFrom, valid_to: validTo } = tls.getPeerCertificate();
  if (!issuer) return {};
  const expiresInDays = Math.floor((Date.parse(validTo) - now) / 86_400_000);
  return {
    certificate: { subject: nameOf(subject), issuer: nameOf(issuer), validFrom, validTo, expiresInDays },
  };
}

type Name = Partial<Record<'O' | 'CN', string | string[]>>;
const nameOf = ({ O, CN }: Name): string =>
  [O, CN].flat().filter(Boolean).join(' / ').slice(0, 200) || 'unnamed';

export interface Answer {
  status: number;
  /** The `Date` header, Unix ms. */
  dateMs: number | undefined;
}

/** HEAD: the answer has no body that would have to be read. */
export async function httpAnswer(socket: Socket, url: URL, timeoutMs: number): Promise<Answer> {
  const asking = request({
    method: 'HEAD',
    createConnection: () => socket,
    path: url.pathname,
    headers: { host: url.host, connection: 'close' },
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    asking.once('response', resolve);
    asking.on('error', reject);
  });
  asking.end();
  try {
    const { statusCode = 0, headers } = await inTime(answered, timeoutMs);
    const dateMs = Date.parse(headers.date ?? '');
    return { status: statusCode, dateMs: Number.isNaN(dateMs) ? undefined : dateMs };
  } finally {
    asking.destroy();
  }
}

async function inTime<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing within ${timeoutMs / 1_000} s`)), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

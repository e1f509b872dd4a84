import {
  createServer,
  IncomingMessage,
  request as httpRequest,
  type Server,
  type ServerResponse,
} from 'node:http';
import { decide } from '../iam/policy.ts';
import { readClaim } from '../iam/signature.ts';
import type { Region } from '../region.ts';
import { sendServiceError } from './errors.ts';
import type { Identities } from './identities.ts';
import { ServiceError, type Service, type ServiceRequest } from './service.ts';

/** Largest request body that any service takes here; parts of a multipart upload must stay below it. */
const bodyBytesMax = 64 * 1024 * 1024;

export interface FrontDeps {
  readonly stackName: string;
  readonly region: Region;
  readonly identities: Identities;
  readonly services: readonly Service[];
  readonly now: () => Date;
  /** An error of ours, never of the client's. */
  readonly onFault: (service: string, error: unknown) => void;
}

/**
 * One port for all AWS services of a stack. The signature's scope says which service is meant; the request goes on,
 * untouched, to the stack that owns the resource, and is verified, authorized by the signer's policies and answered there.
 */
export function createFront(deps: FrontDeps): Server {
  const services = new Map(deps.services.map((service) => [service.signingName, service]));
  const server = createServer((raw, response) => {
    handle(raw, response, services, deps).catch((error: unknown) => {
      deps.onFault('front', error);
      response.destroy();
    });
  });
  // Long polls and uploads take their time; a client that is gone ends its request by itself.
  server.requestTimeout = 0;
  server.keepAliveTimeout = 30_000;
  return server;
}

async function handle(
  raw: IncomingMessage,
  response: ServerResponse,
  services: ReadonlyMap<string, Service>,
  deps: FrontDeps,
): Promise<void> {
  const request = await readRequest(raw, response);
  if (!request) return;
  const service = services.get(readClaim(request)?.service ?? '');
  if (!service) {
    const reason = 'the request is unsigned, or signed for a service that the local mode does not have';
    sendServiceError(
      response,
      'rest-json',
      new ServiceError('MissingAuthenticationTokenException', reason, 403),
    );
    return;
  }
  try {
    const parsed = attempt(() => service.parse(request));
    if (parsed.ok && parsed.value.owner && parsed.value.owner !== deps.stackName) {
      // Verified and authorized there, and only there: each costs as much as what is asked for.
      forward(request, response, deps.region.settings.servicesUrls[parsed.value.owner] ?? '', deps);
      return;
    }
    const { principal } = await deps.identities.authenticate(request, deps.now());
    // Whoever is not known learns that first, whatever else is wrong.
    if (!parsed.ok) throw parsed.error;
    const call = parsed.value;
    for (const question of call.questions) {
      const decision = decide(principal, question);
      if (!decision.allowed) throw accessDenied(service, decision.message);
    }
    await call.serve(response, principal);
  } catch (error) {
    if (!(error instanceof ServiceError)) deps.onFault(service.signingName, error);
    const answer =
      error instanceof ServiceError
        ? error
        : new ServiceError('InternalFailure', 'internal error of the local mode', 500);
    sendServiceError(response, service.protocol, answer, service.errorPrefix);
  }
}

function attempt<T>(work: () => T): { ok: true; value: T } | { ok: false; error: unknown } {
  try {
    return { ok: true, value: work() };
  } catch (error) {
    return { ok: false, error };
  }
}

function accessDenied(service: Service, message: string): ServiceError {
  if (service.signingName === 's3') return new ServiceError('AccessDenied', message, 403);
  if (service.signingName === 'sns') return new ServiceError('AuthorizationError', message, 403);
  if (service.protocol === 'query') return new ServiceError('AccessDenied', message, 403);
  return new ServiceError('AccessDeniedException', message, service.protocol === 'json' ? 400 : 403);
}

async function readRequest(
  raw: IncomingMessage,
  response: ServerResponse,
): Promise<ServiceRequest | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of raw as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > bodyBytesMax) {
        response.writeHead(413, { connection: 'close' }).end();
        return undefined;
      }
      chunks.push(chunk);
    }
  } catch {
    return undefined; // The client went away while sending.
  }
  return {
    method: raw.method ?? 'GET',
    url: raw.url ?? '/',
    headers: raw.headers,
    body: chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks),
    raw,
  };
}

/** Sends the request on as it is, Host included, so that its signature still fits. */
function forward(
  request: ServiceRequest,
  response: ServerResponse,
  servicesUrl: string,
  deps: FrontDeps,
): void {
  const target = new URL(servicesUrl);
  const headers = { ...request.headers };
  delete headers['transfer-encoding'];
  headers['content-length'] = String(request.body.length);
  const onward = httpRequest(
    { host: target.hostname, port: target.port, method: request.method, path: request.url, headers },
    (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(response);
      answer.on('error', () => response.destroy());
    },
  );
  onward.on('error', (error) => {
    if (response.closed) return; // Whoever asked is gone, and so is what was asked for them.
    deps.onFault('front', error);
    if (response.headersSent) response.destroy();
    else response.writeHead(503).end();
  });
  response.on('close', () => onward.destroy());
  onward.end(request.body);
}

/** Hands a request whose body was already read to a server that runs inside this process and has no port of its own. */
export function replay(
  request: ServiceRequest,
  response: ServerResponse,
  server: Pick<Server, 'emit'>,
): void {
  const copy = new IncomingMessage(request.raw.socket);
  copy.method = request.method;
  copy.url = request.url;
  copy.headers = { ...request.headers, 'content-length': String(request.body.length) };
  delete copy.headers['transfer-encoding'];
  copy.httpVersion = '1.1';
  copy.complete = true; // Otherwise its end would count as an abort and take the client's socket down.
  copy.push(request.body);
  copy.push(null);
  server.emit('request', copy, response);
}

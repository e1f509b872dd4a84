import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Principal, Question } from '../iam/policy.ts';

/** A request as it came, its body read. */
export interface ServiceRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly raw: IncomingMessage;
}

/** One operation: what it needs to be allowed, whose it is, and how it is answered. */
export interface Call {
  /** Stack that holds the resource; undefined is this one. */
  readonly owner?: string;
  readonly questions: readonly Question[];
  serve(response: ServerResponse, principal: Principal): void | Promise<void>;
}

/** How an AWS service writes its answers and errors. */
export type Protocol = 'json' | 'rest-json' | 'query' | 's3';

export interface Service {
  /** As it stands in a signature's scope. */
  readonly signingName: string;
  readonly protocol: Protocol;
  /** Prefix of `__type`, where the service has one. */
  readonly errorPrefix?: string;
  /** Throws ServiceError for what the service itself would refuse before it looks at permissions. */
  parse(request: ServiceRequest): Call;
}

/** An error in the words of the AWS service that answers it. */
export class ServiceError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** A JSON body as an object; what is not one is the client's fault. */
export function jsonBody(request: ServiceRequest): Record<string, unknown> {
  let body: unknown;
  try {
    body = JSON.parse(request.body.toString('utf8') || '{}');
  } catch {
    throw new ServiceError('SerializationException', 'the body is not JSON');
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new ServiceError('SerializationException', 'the body is not a JSON object');
  return body as Record<string, unknown>;
}

/** Operation of the JSON protocols: `X-Amz-Target: Prefix.Operation`. */
export function targetOperation(request: ServiceRequest): string {
  return (
    String(request.headers['x-amz-target'] ?? '')
      .split('.')
      .at(-1) ?? ''
  );
}

export function sendJson(
  response: ServerResponse,
  body: unknown,
  contentType = 'application/x-amz-json-1.1',
): void {
  response.writeHead(200, { 'content-type': contentType }).end(JSON.stringify(body));
}

/** A member of a request as text; empty when it is something else or not there. */
export function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

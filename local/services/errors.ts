import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { Protocol, ServiceError } from './service.ts';

/** Writes an error as the service's SDK client expects to read it. */
export function sendServiceError(
  response: ServerResponse,
  protocol: Protocol,
  error: ServiceError,
  errorPrefix = '',
): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const requestId = randomUUID();
  response.setHeader('x-amzn-requestid', requestId);
  writers[protocol](response, error, errorPrefix, requestId);
}

type Writer = (response: ServerResponse, error: ServiceError, prefix: string, requestId: string) => void;

const writers: Record<Protocol, Writer> = {
  json: (response, { code, message, status }, prefix) => {
    response.writeHead(status, {
      'content-type': 'application/x-amz-json-1.0',
      'x-amzn-query-error': `${code};${status < 500 ? 'Sender' : 'Receiver'}`,
    });
    response.end(JSON.stringify({ __type: `${prefix}${code}`, message }));
  },
  'rest-json': (response, { code, message, status }) => {
    response.writeHead(status, { 'content-type': 'application/json', 'x-amzn-errortype': code });
    response.end(JSON.stringify({ Message: message, message }));
  },
  query: (response, { code, message, status }, _prefix, requestId) => {
    response.writeHead(status, { 'content-type': 'text/xml' });
    response.end(
      `<ErrorResponse><Error><Type>${status < 500 ? 'Sender' : 'Receiver'}</Type><Code>${code}</Code>` +
        `<Message>${escapeXml(message)}</Message></Error><RequestId>${requestId}</RequestId></ErrorResponse>`,
    );
  },
  s3: (response, { code, message, status }, _prefix, requestId) => {
    response.writeHead(status, { 'content-type': 'application/xml', 'x-amz-request-id': requestId });
    response.end(
      `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code>` +
        `<Message>${escapeXml(message)}</Message><RequestId>${requestId}</RequestId></Error>`,
    );
  },
};

export function escapeXml(value: string): string {
  return value.replace(/[<>&"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

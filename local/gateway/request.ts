import type { IncomingMessage, ServerResponse } from 'node:http';
import { randomBytes } from 'node:crypto';

/** Reads a body of at most `bytesMax`. Undefined: it was longer; 'aborted': the client went away. */
export async function readBody(
  request: IncomingMessage,
  bytesMax: number,
): Promise<Buffer | 'too-large' | 'aborted'> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > bytesMax) return 'too-large';
      chunks.push(chunk);
    }
  } catch {
    return 'aborted';
  }
  return Buffer.concat(chunks);
}

export function sendMessage(
  response: ServerResponse,
  status: number,
  message: string,
  headers: Record<string, string> = {},
): void {
  if (response.headersSent || response.destroyed) return;
  response
    .writeHead(status, { 'content-type': 'application/json', ...headers })
    .end(JSON.stringify({ message }));
}

/** An id as API Gateway makes them: 15 characters and `=`. */
export function gatewayId(): string {
  return `${randomBytes(12).toString('base64url').slice(0, 15)}=`;
}

/** `22/Nov/2026:10:05:07 +0000` */
export function commonLogTime(date: Date): string {
  const [, day, month, year] = /, (\d+) (\w+) (\d+)/.exec(date.toUTCString()) ?? [];
  return `${day}/${month}/${year}:${date.toISOString().slice(11, 19)} +0000`;
}

/** Header names as the client wrote them, once with the last value and once with all. */
export function headerMaps(rawHeaders: readonly string[]): {
  headers: Record<string, string>;
  multiValueHeaders: Record<string, string[]>;
} {
  // Without a prototype: a header may be named `constructor`.
  const multiValueHeaders = Object.create(null) as Record<string, string[]>;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const [name = '', value = ''] = rawHeaders.slice(index, index + 2);
    (multiValueHeaders[name] ??= []).push(value);
  }
  const headers = Object.fromEntries(
    Object.entries(multiValueHeaders).map(([name, values]) => [name, values.at(-1) ?? '']),
  );
  return { headers, multiValueHeaders };
}

/** Query parameters once with the last value and once with all. */
export function queryMaps(query: URLSearchParams): {
  queryStringParameters?: Record<string, string>;
  multiValueQueryStringParameters?: Record<string, string[]>;
} {
  const names = [...new Set(query.keys())];
  if (names.length === 0) return {};
  return {
    queryStringParameters: Object.fromEntries(names.map((name) => [name, query.getAll(name).at(-1) ?? ''])),
    multiValueQueryStringParameters: Object.fromEntries(names.map((name) => [name, query.getAll(name)])),
  };
}

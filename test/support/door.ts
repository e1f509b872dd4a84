import { request } from 'node:http';
import { signerFor, type AwsKeys } from '../../core/sigv4.ts';

export interface Knock {
  method: string;
  /** As it goes over the wire; nothing is normalized. */
  path: string;
  query?: Record<string, string>;
  body?: unknown;
  headers?: Record<string, string>;
}
export interface Heard {
  status: number;
  text: string;
}

/** One HTTP request as it is written, which `fetch` would tidy up first. */
export function knock(
  baseUrl: string,
  { method, path, query = {}, body, headers = {} }: Knock,
): Promise<Heard> {
  const search = new URLSearchParams(query).toString();
  const { hostname, port } = new URL(baseUrl);
  return new Promise((resolve, reject) => {
    const sent = request(
      { hostname, port, method, path: search ? `${path}?${search}` : path, headers },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (part: string) => (text += part));
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
      },
    );
    sent.once('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** The same request, signed as IAM callers sign. */
export async function signedHeaders(
  baseUrl: string,
  { method, path, query = {}, body }: Knock,
  keys: AwsKeys,
  region: string,
): Promise<Record<string, string>> {
  const { protocol, hostname, port, host } = new URL(baseUrl);
  const { headers } = await signerFor(keys, region, 'execute-api').sign({
    method,
    protocol,
    hostname,
    port: Number(port),
    path,
    query,
    headers: { host },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return headers;
}

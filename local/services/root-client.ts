import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { SignatureV4 } from '@smithy/signature-v4';
import type { Credentials } from '../iam/keys.ts';
import { NodeSha256 } from '../iam/node-sha256.ts';

export interface SignedCall {
  readonly url: string;
  readonly service: string;
  readonly region: string;
  readonly credentials: Credentials;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

/** One signed request to a service of this machine. Throws an Error named like the service's error code. */
export async function signedCall(call: SignedCall): Promise<Record<string, unknown>> {
  const url = new URL(call.url);
  const signer = new SignatureV4({
    service: call.service,
    region: call.region,
    credentials: call.credentials,
    sha256: NodeSha256,
  });
  const method = call.method ?? 'POST';
  const signed = await signer.sign({
    method,
    protocol: url.protocol,
    hostname: url.hostname,
    path: url.pathname,
    query: {},
    headers: { ...call.headers, host: url.host },
    body: call.body,
  });
  const { status, headers, text } = await send(url, method, signed.headers, call.body);
  const answer = text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {};
  if (status < 300) return answer;
  const error = new Error(String(answer.message ?? answer.Message ?? `HTTP ${status}`));
  error.name =
    String(answer.__type ?? headers['x-amzn-errortype'] ?? 'Error')
      .split('#')
      .at(-1) ?? 'Error';
  throw error;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

function send(url: URL, method: string, headers: Record<string, string>, body: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(url, { method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(chunks).toString('utf8'),
        }),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

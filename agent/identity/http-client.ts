import { request as httpRequest, type Agent, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { HoldfastError } from '../../core/errors.ts';

export interface JsonAnswer {
  status: number;
  json: unknown;
}

const answerBytesMax = 256 * 1024;

/**
 * POSTs JSON and reads a JSON answer of bounded size. `agent` carries the proxy.
 * Throws UNAVAILABLE (no connection), TIMEOUT, PROTOCOL (not JSON, too large), the signal's reason.
 */
export async function postJson(
  url: URL,
  body: unknown,
  { agent, timeoutMs, signal }: { agent?: Agent; timeoutMs: number; signal?: AbortSignal },
): Promise<JsonAnswer> {
  const bytes = Buffer.from(JSON.stringify(body));
  const late = AbortSignal.timeout(timeoutMs);
  const ended = signal ? AbortSignal.any([signal, late]) : late;
  const options: RequestOptions = {
    method: 'POST',
    agent,
    signal: ended,
    headers: {
      'content-type': 'application/json',
      'content-length': bytes.length,
      accept: 'application/json',
    },
  };
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const { status, text } = await new Promise<{ status: number; text: string }>((resolve, reject) => {
    // A request says nothing of its end before it has a connection.
    ended.addEventListener('abort', () => reject(ended.reason as Error), { once: true });
    const request = send(url, options, (response) => {
      const parts: Buffer[] = [];
      let received = 0;
      response.on('data', (part: Buffer) => {
        received += part.length;
        if (received > answerBytesMax) request.destroy(tooLarge(url));
        else parts.push(part);
      });
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString('utf8') }),
      );
    });
    request.on('error', reject);
    request.end(bytes);
  }).catch((cause: unknown) => {
    throw signal?.aborted ? signal.reason : requestError(url, timeoutMs, cause);
  });
  try {
    return { status, json: JSON.parse(text) };
  } catch (cause) {
    throw new HoldfastError('PROTOCOL', `${url.origin} answered ${status} without JSON`, {
      hint: 'is this the URL of a Holdfast control plane, and nothing between that answers for it?',
      cause,
    });
  }
}

const tooLarge = (url: URL) =>
  new HoldfastError('PROTOCOL', `${url.origin} answered with more than ${answerBytesMax} bytes`);

function requestError(url: URL, timeoutMs: number, cause: unknown): HoldfastError {
  if (cause instanceof HoldfastError) return cause;
  if (cause instanceof Error && (cause.name === 'TimeoutError' || cause.name === 'AbortError'))
    return new HoldfastError('TIMEOUT', `${url.origin} did not answer within ${timeoutMs / 1000} s`, {
      cause,
    });
  const { code = '', message, name } = cause as NodeJS.ErrnoException;
  // What OpenSSL says is for nobody.
  const reason = /^(ERR_SSL_|EPROTO$)/.test(code) ? `what answers is not TLS (${code})` : message || name;
  return new HoldfastError('UNAVAILABLE', `cannot reach ${url.origin}: ${reason}`, {
    hint: 'check the URL, the network, and HTTPS_PROXY or NODE_EXTRA_CA_CERTS where one is needed',
    cause,
  });
}

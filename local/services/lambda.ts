import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { AsyncInvocations } from '../functions/async-invocations.ts';
import { functionNameOf, type Functions } from '../functions/functions.ts';
import type { Region } from '../region.ts';
import { safeDecode } from '../request-target.ts';
import { ServiceError, type Service } from './service.ts';

const syncPayloadBytesMax = 6 * 1024 * 1024;
const asyncPayloadBytesMax = 1024 * 1024;

/** Lambda's Invoke: at once (RequestResponse), for later (Event) or only whether it would be allowed (DryRun). */
export function lambdaService(region: Region, functions: Functions, later: AsyncInvocations): Service {
  return {
    signingName: 'lambda',
    protocol: 'rest-json',
    parse: (request) => {
      const path = /^\/2015-03-31\/functions\/([^/]+)\/invocations(?:\?Qualifier=(.*))?$/.exec(request.url);
      if (!path || request.method !== 'POST')
        throw new ServiceError(
          'UnknownOperationException',
          `the local mode has no lambda ${request.method} ${request.url}`,
          404,
        );
      const name = functionNameOf(safeDecode(path[1] ?? ''));
      if (path[2] && safeDecode(path[2]) !== '$LATEST')
        throw new ServiceError('ResourceNotFoundException', `${name} has no version ${path[2]}`, 404);
      const owner = region.ownerOf('AWS::Lambda::Function', name);
      const type = String(request.headers['x-amz-invocation-type'] ?? 'RequestResponse');
      return {
        owner,
        questions: [{ action: 'lambda:InvokeFunction', resource: region.arn('lambda', `function:${name}`) }],
        serve: async (response) => {
          if (!owner) throw new ServiceError('ResourceNotFoundException', `Function not found: ${name}`, 404);
          const event = eventText(request.body);
          if (type === 'Event') acceptEvent(response, later, name, event);
          else if (type === 'DryRun') response.writeHead(204).end();
          else await invoke(response, functions, name, event);
        },
      };
    },
  };
}

function eventText(body: Buffer): string {
  if (body.length > syncPayloadBytesMax)
    throw new ServiceError(
      'RequestTooLargeException',
      `Request must be smaller than ${syncPayloadBytesMax} bytes`,
      413,
    );
  const text = body.length === 0 ? '{}' : body.toString('utf8');
  try {
    JSON.parse(text);
  } catch {
    throw new ServiceError('InvalidRequestContentException', 'Could not parse request body into json');
  }
  return text;
}

function acceptEvent(response: ServerResponse, later: AsyncInvocations, name: string, event: string): void {
  if (Buffer.byteLength(event) > asyncPayloadBytesMax)
    throw new ServiceError(
      'RequestTooLargeException',
      `Request must be smaller than ${asyncPayloadBytesMax} bytes`,
      413,
    );
  const requestId = randomUUID();
  later.accept(name, event, requestId);
  response.writeHead(202, { 'x-amzn-requestid': requestId }).end();
}

async function invoke(
  response: ServerResponse,
  functions: Functions,
  name: string,
  event: string,
): Promise<void> {
  const requestId = randomUUID();
  const outcome = await functions.invoke(name, event, requestId);
  if (!outcome) throw new ServiceError('TooManyRequestsException', 'Rate Exceeded.', 429);
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'x-amzn-requestid': requestId,
    'x-amz-executed-version': '$LATEST',
  };
  if (!outcome.ok) headers['x-amz-function-error'] = 'Unhandled';
  response.writeHead(200, headers).end(outcome.ok ? outcome.payload : JSON.stringify(outcome.error));
}

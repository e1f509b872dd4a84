import type { IncomingMessage } from 'node:http';
import type { ServiceCaller } from '../functions/callers.ts';
import { decide } from '../iam/policy.ts';
import type { Region } from '../region.ts';
import type { Identities } from '../services/identities.ts';
import { ServiceError } from '../services/service.ts';
import { lambdaArn, type ApiModel, type Authorizer, type Route } from './api-model.ts';
import { identityValues, readPolicyAnswer } from './authorizers.ts';
import type { Refusal } from './websocket-api.ts';
import type { EventPlace } from './websocket-event.ts';
import { requestTarget } from '../request-target.ts';

const authorizerTimeoutMs = 29_000;

interface Deps {
  readonly api: ApiModel;
  readonly region: Region;
  readonly identities: Identities;
  readonly caller: Pick<ServiceCaller, 'call'>;
  readonly now: () => Date;
  readonly onFault: (error: unknown) => void;
}

/** Decides about `$connect`, the only moment at which a WebSocket API asks who it is. */
export async function authorizeConnect(
  request: IncomingMessage,
  route: Route | undefined,
  event: object,
  { stage }: EventPlace,
  deps: Deps,
): Promise<Refusal | { context?: Record<string, unknown> }> {
  if (!route || route.authorization === 'NONE') return {};
  const methodArn = deps.region.arn('execute-api', `${deps.api.id}/${stage}/$connect`);
  if (route.authorization === 'AWS_IAM') return authorizeByIam(request, methodArn, deps);
  const authorizer = route.authorizer as Authorizer;
  const query = requestTarget(request.url).searchParams;
  if (!identityValues(authorizer.IdentitySource, request.headers, query))
    return { status: 401, message: 'Unauthorized' };
  const sourceArn = deps.region.arn('execute-api', `${deps.api.id}/authorizers/${authorizer.id}`);
  const question = { type: 'REQUEST', methodArn, ...event };
  const functionArn = lambdaArn(authorizer.AuthorizerUri ?? '');
  const result = await deps.caller.call(
    'apigateway.amazonaws.com',
    functionArn,
    sourceArn,
    question,
    authorizerTimeoutMs,
  );
  if (result.kind !== 'ok') {
    // Lambda's way to refuse: an error with exactly this message.
    return { status: 500, message: 'Internal server error' };
  }
  const answer = readPolicyAnswer(result.payload, methodArn);
  if (answer.kind === 'deny') return { status: 403, message: 'Forbidden' };
  if (answer.kind === 'malformed') {
    deps.onFault(new Error(`authorizer ${authorizer.Name}: ${answer.reason}`));
    return { status: 500, message: 'Internal server error' };
  }
  // API Gateway hands every context value on as text.
  const context = Object.fromEntries(
    Object.entries(answer.context).map(([key, value]) => [key, String(value)]),
  );
  return { context: { ...context, principalId: answer.principalId } };
}

async function authorizeByIam(
  request: IncomingMessage,
  methodArn: string,
  deps: Deps,
): Promise<Refusal | { context?: Record<string, unknown> }> {
  try {
    const signed = {
      method: 'GET',
      url: request.url ?? '/',
      headers: request.headers,
      body: Buffer.alloc(0),
    };
    const { principal, claim } = await deps.identities.authenticate(signed, deps.now());
    const decision = decide(principal, { action: 'execute-api:Invoke', resource: methodArn });
    if (claim.service === 'execute-api' && decision.allowed) return {};
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
  }
  return { status: 403, message: 'Forbidden' };
}

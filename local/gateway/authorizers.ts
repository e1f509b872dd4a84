import type { IncomingHttpHeaders } from 'node:http';
import { createRemoteJWKSet, jwtVerify, type JWTPayload } from 'jose';
import { z } from 'zod';
import { decide } from '../iam/policy.ts';
import { policySchema } from '../template/policy-document.ts';
import type { Authorizer } from './api-model.ts';

/** What an authorizer adds to later events. */
export type AuthorizerContext = Readonly<Record<string, string | number | boolean | null>>;

const contextBytesMax = 8 * 1024;
const contextSchema = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]));

const policyAnswer = z.looseObject({
  principalId: z.union([z.string(), z.number()]).transform(String),
  policyDocument: policySchema,
  context: contextSchema.nullish(),
});

const simpleAnswer = z.looseObject({
  isAuthorized: z.boolean(),
  context: z.record(z.string(), z.unknown()).nullish(),
});

export type Authorization =
  | { readonly kind: 'allow'; readonly principalId?: string; readonly context: Record<string, unknown> }
  | { readonly kind: 'deny' }
  /** The authorizer answered something that API Gateway cannot use. */
  | { readonly kind: 'malformed'; readonly reason: string };

/** Reads an IAM-policy answer for one method. Context values are strings, numbers or booleans, 8 KB in all. */
export function readPolicyAnswer(answer: unknown, methodArn: string): Authorization {
  const parsed = policyAnswer.safeParse(answer);
  if (!parsed.success) return { kind: 'malformed', reason: describe(parsed.error) };
  const { principalId, policyDocument, context } = parsed.data;
  const size = Buffer.byteLength(JSON.stringify(answer));
  if (size > contextBytesMax)
    return { kind: 'malformed', reason: `the answer has ${size} bytes, 8192 are allowed` };
  const caller = {
    arn: principalId,
    identityArn: principalId,
    accountId: '',
    userId: principalId,
    policies: [policyDocument],
  };
  const decision = decide(caller, { action: 'execute-api:Invoke', resource: methodArn });
  return decision.allowed ? { kind: 'allow', principalId, context: context ?? {} } : { kind: 'deny' };
}

export function readSimpleAnswer(answer: unknown): Authorization {
  const parsed = simpleAnswer.safeParse(answer);
  if (!parsed.success) return { kind: 'malformed', reason: describe(parsed.error) };
  return parsed.data.isAuthorized ? { kind: 'allow', context: parsed.data.context ?? {} } : { kind: 'deny' };
}

function describe(error: z.ZodError): string {
  const [issue] = error.issues;
  return `${issue?.path.join('.') || 'answer'}: ${issue?.message}`;
}

/**
 * Values of the identity sources, in order; undefined when one is missing or empty, which refuses the request before
 * the authorizer is asked. WebSocket: `route.request.header.Name`; HTTP: `$request.header.Name`.
 */
export function identityValues(
  sources: readonly string[],
  headers: IncomingHttpHeaders,
  query: URLSearchParams,
): string[] | undefined {
  const values = sources.map((source) => {
    const [, place, name = ''] = /^\$?(?:route\.)?request\.(header|querystring)\.(.+)$/.exec(source) ?? [];
    if (place === 'header') return [headers[name.toLowerCase()]].flat().join(',');
    return place === 'querystring' ? (query.get(name) ?? '') : '';
  });
  return values.every((value) => value !== '') ? values : undefined;
}

/** Verifies bearer tokens against the issuer's published keys, as an HTTP API's JWT authorizer does. */
export class JwtVerifier {
  readonly #keySets = new Map<string, ReturnType<typeof createRemoteJWKSet>>();

  /** Claims of a valid token with one of the scopes; undefined otherwise. */
  async verify(
    authorizer: Authorizer,
    token: string,
    scopes: readonly string[],
    now: Date,
  ): Promise<JWTPayload | undefined> {
    const { Issuer, Audience } = authorizer.JwtConfiguration ?? { Issuer: '', Audience: [] };
    try {
      const keys = this.#keySets.get(Issuer) ?? (await this.#discover(Issuer));
      const { payload } = await jwtVerify(token, keys, { issuer: Issuer, currentDate: now });
      const audiences = [payload.aud ?? payload.client_id].flat();
      if (!audiences.some((audience) => typeof audience === 'string' && Audience.includes(audience)))
        return undefined;
      const granted = `${String(payload.scope ?? payload.scp ?? '')}`.split(/[ ,]/);
      return scopes.length === 0 || scopes.some((scope) => granted.includes(scope)) ? payload : undefined;
    } catch {
      return undefined;
    }
  }

  async #discover(issuer: string): Promise<ReturnType<typeof createRemoteJWKSet>> {
    const response = await fetch(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, {
      signal: AbortSignal.timeout(5000),
    });
    const { jwks_uri } = z.looseObject({ jwks_uri: z.url() }).parse(await response.json());
    const keys = createRemoteJWKSet(new URL(jwks_uri));
    this.#keySets.set(issuer, keys);
    return keys;
  }
}

import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { HoldfastError } from '../../core/errors.ts';
import { checkConditions } from '../iam/conditions.ts';
import type { KeyRing } from '../iam/keys.ts';
import { decide, type Principal } from '../iam/policy.ts';
import type { Region, Role } from '../region.ts';
import { policySchema, type PolicyDocument } from '../template/policy-document.ts';
import { escapeXml } from './errors.ts';
import { ServiceError, type Service } from './service.ts';

const sessionPolicyCharactersMax = 2048;
const defaultSessionSeconds = 3600;
/** A role that assumes a role gets an hour at most. */
const chainedSessionSecondsMax = 3600;

/** STS with what is used of it. Sessions are sealed into their token: nothing is stored, any process can verify them. */
export function stsService(region: Region, keys: KeyRing, now: () => Date): Service {
  return {
    signingName: 'sts',
    protocol: 'query',
    parse: (request) => {
      const form = new URLSearchParams(request.body.toString('utf8'));
      const operation = form.get('Action') ?? '';
      if (operation === 'GetCallerIdentity')
        return { questions: [], serve: (response, principal) => sendCallerIdentity(response, principal) };
      if (operation !== 'AssumeRole')
        throw new ServiceError('InvalidAction', `the local mode has no sts:${operation}`);
      const roleArn = form.get('RoleArn') ?? '';
      const role = region.roles.get(roleArn);
      // The trust policy decides together with the caller's own: a role of the same account may be trusted directly.
      return {
        questions: [],
        serve: (response, principal) => {
          authorize(principal, roleArn, role);
          sendAssumedRole(response, region, keys, now(), principal, role as Role, form);
        },
      };
    },
  };
}

/** The role's trust must name the caller; where it trusts the whole account, the caller's own policies must allow too. */
function authorize(principal: Principal, roleArn: string, role: Role | undefined): void {
  const action = 'sts:AssumeRole';
  const own = decide(principal, { action, resource: roleArn });
  const trusted =
    role &&
    decide(
      { ...principal, policies: [], sessionPolicy: undefined },
      { action, resource: roleArn, resourcePolicy: role.trust },
    );
  const direct = role?.trust.Statement.some(
    ({ Effect, Principal: who }) =>
      Effect === 'Allow' && who?.AWS?.some((arn) => [principal.arn, principal.identityArn].includes(arn)),
  );
  if (trusted?.allowed && (own.allowed || (direct && !own.message.includes('explicit deny')))) return;
  throw new ServiceError(
    'AccessDenied',
    `User: ${principal.arn} is not authorized to perform: ${action} on resource: ${roleArn}`,
    403,
  );
}

function sendAssumedRole(
  response: ServerResponse,
  region: Region,
  keys: KeyRing,
  now: Date,
  principal: Principal,
  role: Role,
  form: URLSearchParams,
): void {
  const sessionName = form.get('RoleSessionName') ?? '';
  if (!/^[\w+=,.@-]{2,64}$/.test(sessionName))
    throw new ServiceError('ValidationError', 'RoleSessionName must be 2 to 64 of [\\w+=,.@-]');
  const seconds = Number(form.get('DurationSeconds') ?? defaultSessionSeconds);
  const chained = principal.arn.startsWith('arn:aws:sts:');
  const secondsMax = chained
    ? Math.min(chainedSessionSecondsMax, role.maxSessionSeconds)
    : role.maxSessionSeconds;
  if (!(seconds >= 900 && seconds <= secondsMax))
    throw new ServiceError('ValidationError', `DurationSeconds must be from 900 to ${secondsMax}`);
  const policy = sessionPolicy(form.get('Policy'));
  const expiresAtMs = now.getTime() + seconds * 1000;
  const made = keys.openSession({
    roleArn: role.arn,
    sessionName,
    expiresAtMs,
    ...(policy ? { policy } : {}),
  });
  const arn = `arn:aws:sts::${region.settings.accountId}:assumed-role/${role.name}/${sessionName}`;
  sendXml(
    response,
    'AssumeRole',
    `<AssumedRoleUser><AssumedRoleId>AROA${role.name}:${sessionName}</AssumedRoleId><Arn>${arn}</Arn></AssumedRoleUser>` +
      `<Credentials><AccessKeyId>${made.accessKeyId}</AccessKeyId><SecretAccessKey>${escapeXml(made.secretAccessKey)}</SecretAccessKey>` +
      `<SessionToken>${made.sessionToken}</SessionToken><Expiration>${new Date(expiresAtMs).toISOString()}</Expiration></Credentials>`,
  );
}

function sessionPolicy(document: string | null): PolicyDocument | undefined {
  if (!document) return undefined;
  if (document.length > sessionPolicyCharactersMax)
    throw new ServiceError(
      'PackedPolicyTooLarge',
      `the session policy is longer than ${sessionPolicyCharactersMax} characters`,
    );
  try {
    const policy = policySchema.parse(JSON.parse(document));
    for (const statement of policy.Statement) checkConditions(statement, 'session policy');
    return policy;
  } catch (error) {
    if (error instanceof HoldfastError) throw new ServiceError('MalformedPolicyDocument', error.message);
    throw new ServiceError('MalformedPolicyDocument', 'the session policy is not a policy document');
  }
}

function sendCallerIdentity(response: ServerResponse, { arn, userId, accountId }: Principal): void {
  sendXml(
    response,
    'GetCallerIdentity',
    `<Arn>${arn}</Arn><UserId>${userId}</UserId><Account>${accountId}</Account>`,
  );
}

function sendXml(response: ServerResponse, operation: string, result: string): void {
  response.writeHead(200, { 'content-type': 'text/xml' });
  response.end(
    `<${operation}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${operation}Result>${result}</${operation}Result>` +
      `<ResponseMetadata><RequestId>${randomUUID()}</RequestId></ResponseMetadata></${operation}Response>`,
  );
}

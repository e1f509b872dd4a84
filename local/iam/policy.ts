import type { PolicyDocument, Statement } from '../template/policy-document.ts';
import { conditionsHold, transportContext, wildcard, type RequestContext } from './conditions.ts';

/** Who signed a request. */
export interface Principal {
  /** As error messages name it: a user's ARN or `arn:aws:sts::…:assumed-role/Role/session`. */
  readonly arn: string;
  /** What resource policies name: a user's or a role's ARN. */
  readonly identityArn: string;
  readonly accountId: string;
  readonly userId: string;
  readonly policies: readonly PolicyDocument[];
  /** Set when the session was made with a policy of its own: both must allow. */
  readonly sessionPolicy?: PolicyDocument;
}

export interface Question {
  /** `service:Action` */
  readonly action: string;
  readonly resource: string;
  readonly context?: RequestContext;
  /** The resource's own policy, where it has one. */
  readonly resourcePolicy?: PolicyDocument;
}

export type Decision = { readonly allowed: true } | { readonly allowed: false; readonly message: string };

/** One account's rules: no Deny anywhere, an Allow by identity or resource, and one by the session's policy if any. */
export function decide(principal: Principal, question: Question): Decision {
  const context: RequestContext = {
    ...transportContext,
    'aws:principalarn': [principal.identityArn],
    'aws:principalaccount': [principal.accountId],
    ...question.context,
  };
  const asked = { ...question, context };
  const identity = verdict(principal.policies, asked);
  const resource = verdict(question.resourcePolicy ? [question.resourcePolicy] : [], asked, [
    principal.identityArn,
    principal.arn,
    `arn:aws:iam::${principal.accountId}:root`,
    principal.accountId,
  ]);
  const session = principal.sessionPolicy ? verdict([principal.sessionPolicy], asked) : 'allow';
  const refuse = (reason: string): Decision => ({
    allowed: false,
    message: `User: ${principal.arn} is not authorized to perform: ${question.action} on resource: ${question.resource} ${reason}`,
  });
  if (identity === 'deny') return refuse('with an explicit deny in an identity-based policy');
  if (resource === 'deny') return refuse('with an explicit deny in a resource-based policy');
  if (session === 'deny') return refuse('with an explicit deny in a session policy');
  if (session !== 'allow') return refuse(`because no session policy allows the ${question.action} action`);
  if (identity !== 'allow' && resource !== 'allow')
    return refuse(`because no identity-based policy allows the ${question.action} action`);
  return { allowed: true };
}

/** Whether an AWS service (`events.amazonaws.com` …) may do this by the resource's own policy. */
export function serviceMay(service: string, policy: PolicyDocument | undefined, question: Question): boolean {
  const context = { ...transportContext, ...question.context };
  return verdict(policy ? [policy] : [], { ...question, context }, undefined, service) === 'allow';
}

type Verdict = 'allow' | 'deny' | 'silent';

function verdict(
  policies: readonly PolicyDocument[],
  question: Question,
  principals?: string[],
  service?: string,
): Verdict {
  let answer: Verdict = 'silent';
  for (const { Statement: statements } of policies)
    for (const statement of statements) {
      if ((principals || service) && !namesPrincipal(statement, principals ?? [], service)) continue;
      if (!covers(statement, question) || !conditionsHold(statement, question.context ?? {})) continue;
      if (statement.Effect === 'Deny') return 'deny';
      answer = 'allow';
    }
  return answer;
}

function namesPrincipal(statement: Statement, principals: string[], service?: string): boolean {
  const { AWS: people = [], Service: services = [] } = statement.Principal ?? {};
  if (people.includes('*')) return true;
  return service ? services.includes(service) : people.some((one) => principals.includes(one));
}

function covers(statement: Statement, { action, resource }: Question): boolean {
  const { Action, NotAction, Resource, NotResource } = statement;
  const actionMatches = (pattern: string) => wildcard(pattern.toLowerCase()).test(action.toLowerCase());
  const resourceMatches = (pattern: string) => wildcard(pattern).test(resource);
  if (Action ? !Action.some(actionMatches) : NotAction?.some(actionMatches)) return false;
  // A trust policy has no Resource: it speaks of the role that it stands on.
  if (!Resource && !NotResource) return true;
  return Resource ? Resource.some(resourceMatches) : !NotResource?.some(resourceMatches);
}

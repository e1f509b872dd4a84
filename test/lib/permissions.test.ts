import { beforeAll, expect, test } from '@jest/globals';
import { homeAndCell, ofType, type SynthesizedStack } from './synthesis.ts';

let stacks: SynthesizedStack[];
beforeAll(async () => {
  const { home, cell } = await homeAndCell();
  stacks = [home, cell];
});

interface Statement {
  Effect: string;
  Action: string | string[];
  Resource: unknown;
}
interface Grant {
  /** Construct that the role belongs to. */
  of: string;
  action: string;
  resource: string;
}

const list = <T>(value: T | T[]): T[] => (Array.isArray(value) ? value : [value]);

/** Every allowed pair of action and resource; references stand as `{LogicalId}`. */
function grants(): Grant[] {
  return stacks.flatMap((stack) =>
    Object.entries(ofType(stack, 'AWS::IAM::Policy')).flatMap(([logicalId, { Properties }]) => {
      const { Statement } = Properties['PolicyDocument'] as { Statement: Statement[] };
      const of = logicalId.replace(/RoleDefaultPolicy[0-9A-F]{8}$/, '');
      return Statement.flatMap(({ Action, Resource }) =>
        list(Action).flatMap((action) =>
          list(Resource).map((each) => ({ of, action, resource: text(each) })),
        ),
      );
    }),
  );
}

function text(value: unknown): string {
  if (typeof value === 'string') return value;
  const [[name, argument] = ['', '']] = Object.entries(value as object) as [string, unknown][];
  if (name === 'Fn::Join') return (argument as [string, unknown[]])[1].map(text).join('');
  return `{${String(Array.isArray(argument) ? argument[0] : argument).replace(/.*ExportsOutput/, '')}}`;
}

/** Who may name more than one resource at once, and what. Their reasons stand beside the grants in lib/. */
const allowedWildcards = [
  ['ApiLogging', /^logs:/, /^\*$/],
  ['Access', /^sqs:SendMessage$/, /^arn:aws:sqs:\*:\*:holdfast-alerts-\*$/],
  ['SubscriptionRouter', /^sqs:SendMessage$/, /^arn:aws:sqs:\*:\*:holdfast-alerts-\*$/],
  ['AgentStorage', /^s3:/, /^\{FnGetAttSnapshotsBucket\w+\}\/\*$/],
  [
    /^(Hello|CommandReports|Credentials|StatusIngest|Deliver|DefaultRoute)$/,
    /^execute-api:ManageConnections$/,
    /\/v1\/POST\/@connections\/\*$/,
  ],
  [/^(Hello|Deliver)$/, /^execute-api:ManageConnections$/, /\/v1\/DELETE\/@connections\/\*$/],
] as const;

test('a wildcard is granted to nobody who is not listed', () => {
  const wild = grants().filter(({ action, resource }) => action.includes('*') || resource.includes('*'));
  const unlisted = wild.filter(
    ({ of, action, resource }) =>
      !allowedWildcards.some(
        ([who, what, where]) =>
          (typeof who === 'string' ? who === of : who.test(of)) && what.test(action) && where.test(resource),
      ),
  );
  expect(unlisted).toEqual([]);
});

test('no role has a managed policy, and each function has a role of its own', () => {
  const roles = stacks.flatMap((stack) =>
    stack.functions.map(({ resource }) => `${stack.name} ${JSON.stringify(resource.Properties['Role'])}`),
  );
  expect(new Set(roles).size).toBe(roles.length);
  for (const stack of stacks)
    for (const [logicalId, { Properties }] of Object.entries(ofType(stack, 'AWS::IAM::Role')))
      expect({ logicalId, managed: Properties['ManagedPolicyArns'] }).toEqual({ logicalId });
});

test('only the function that issues credentials may assume the agents’ storage role', () => {
  const holders = grants().filter(({ action }) => action === 'sts:AssumeRole');
  expect(holders.map(({ of }) => of)).toEqual(['Credentials']);
});

test('only the authorizer and the access API touch tokens', () => {
  const touching = grants().filter(({ resource }) => resource.includes('TablesTokens'));
  expect(new Set(touching.map(({ of }) => of))).toEqual(new Set(['HttpAuthorizer', 'Access']));
});

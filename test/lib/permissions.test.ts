import { beforeAll, expect, test } from '@jest/globals';
import { grantsOf } from './grants.ts';
import { homeAndCell, ofType, type SynthesizedStack } from './synthesis.ts';

let stacks: SynthesizedStack[];
beforeAll(async () => {
  const { home, cell } = await homeAndCell();
  stacks = [home, cell];
});

const grants = () => grantsOf(stacks);

/** Who may name more than one resource at once, and what. Their reasons stand beside the grants in lib/. */
const allowedWildcards = [
  ['home/ApiLogging', /^logs:/, /^\*$/],
  ['home/AlertDelivery', /^sqs:SendMessage$/, /^arn:aws:sqs:\*:\*:holdfast-alerts-\*$/],
  ['home/AlertDelivery', /^sns:Publish$/, /^arn:aws:sns:\*:\*:holdfast-alerts-\*$/],
  ['home/AlertDelivery', /^events:PutEvents$/, /^arn:aws:events:\*:\*:event-bus\/holdfast-alerts-\*$/],
  ['home/BundleLinks', /^s3:GetObject$/, /^\{home\/SnapshotsBucket\.Arn\}\/diagnostics\/\*$/],
  ['cell-1/AgentStorage', /^s3:/, /^\{home\/SnapshotsBucket\.Arn\}\/\*$/],
  [
    /^cell-1\/(Hello|CommandReports|Credentials|KeyRotation|StatusIngest|Deliver|DefaultRoute)$/,
    /^execute-api:ManageConnections$/,
    /\/v1\/POST\/@connections\/\*$/,
  ],
  [
    /^cell-1\/(Hello|CommandReports|Credentials|KeyRotation|StatusIngest|Deliver)$/,
    /^execute-api:ManageConnections$/,
    /\/v1\/DELETE\/@connections\/\*$/,
  ],
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

test('no role has a managed or an inline policy, and each function has a role of its own', () => {
  const roles = stacks.flatMap((stack) =>
    stack.functions.map(({ resource }) => `${stack.name} ${JSON.stringify(resource.Properties['Role'])}`),
  );
  expect(new Set(roles).size).toBe(roles.length);
  for (const stack of stacks)
    for (const [logicalId, { Properties }] of Object.entries(ofType(stack, 'AWS::IAM::Role')))
      expect({
        logicalId,
        managed: Properties['ManagedPolicyArns'],
        inline: Properties['Policies'],
      }).toEqual({ logicalId });
});

test('only the function that issues credentials may assume the agents’ storage role', () => {
  const holders = grants().filter(({ action }) => action === 'sts:AssumeRole');
  expect(holders.map(({ of }) => of)).toEqual(['cell-1/Credentials']);
});

test('only the function that sends opens webhooks’ secrets, and only who makes them seals them', () => {
  const holders = grants().filter(({ action }) => action.startsWith('kms:'));
  expect(holders.map(({ of, action, resource }) => `${of} ${action} ${resource}`).toSorted()).toEqual([
    'home/AlertDelivery kms:Decrypt {home/WebhookKey.Arn}',
    'home/Subscriptions kms:Encrypt {home/WebhookKey.Arn}',
  ]);
});

test('only the authorizer and the access API touch tokens', () => {
  const touching = grants().filter(({ resource }) => resource.includes('TablesTokens'));
  expect(new Set(touching.map(({ of }) => of))).toEqual(
    new Set(['home/HttpAuthorizer', 'cell-1/HttpAuthorizer', 'home/Access']),
  );
});

test('nobody may change or remove what stands in the audit trail, and only its reader may read it', () => {
  const touching = grants().filter(({ resource }) => resource.includes('TablesAudit'));
  const readers = touching.filter(({ action }) => action !== 'dynamodb:PartiQLInsert');
  expect(new Set(readers.map(({ of, action }) => `${of} ${action}`))).toEqual(
    new Set(['home/Audit dynamodb:Query']),
  );
  expect(touching.filter(({ of }) => of === 'home/Audit')).toHaveLength(readers.length);
});

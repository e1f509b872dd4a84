import type { EditableTemplate } from '../../support/local-cloud.ts';
import { pairsOf, type PolicyProperties } from '../../lib/grants.ts';
import { withoutHash } from '../../lib/readable.ts';

/**
 * Understudies: for each grant of each role a copy of the role that has every other grant, and of its function, which
 * runs as that copy. The whole ones stay beside them, so that a story can be told up to the one call that lacks a grant,
 * and one boot is enough for all of them.
 */
export const understudyOf = (stack: string, of: string, index: number): string =>
  `${stack}-${of}-without-${index}`;

type Resources = EditableTemplate['Resources'];
type Resource = Resources[string];

/** Adds the understudies of every role of a template, and stops its clocks: only stories make things happen. */
export function addUnderstudies({ Resources: resources }: EditableTemplate, stackName: string): void {
  const stack = stackName.replace('holdfast-', '');
  for (const resource of Object.values(resources)) {
    if (resource.Type === 'AWS::Events::Rule' && resource.Properties['ScheduleExpression'])
      resource.Properties['State'] = 'DISABLED';
    if (resource.Type !== 'AWS::IAM::Policy') continue;
    const { PolicyDocument, Roles } = resource.Properties as unknown as PolicyProperties;
    for (const { Ref } of Roles) {
      const grants = PolicyDocument.Statement.flatMap(pairsOf);
      grants.forEach((_, index) => addUnderstudy(resources, stack, { roleId: Ref, grants, index }));
    }
  }
}

interface Lacking {
  roleId: string;
  grants: { action: string; resource: unknown }[];
  /** Of the grant that it lacks. */
  index: number;
}

function addUnderstudy(resources: Resources, stack: string, { roleId, grants, index }: Lacking): void {
  const of = constructOf(roleId);
  const name = understudyOf(stack, of, index);
  const [newRole, newFunction] = [`${of}Without${index}Role`, `${of}Without${index}Function`];
  resources[newRole] = copyOf(resources[roleId]!, { RoleName: name });
  // Whom a role's trust names needs no grant beside it; whose account it names does.
  if (of === 'AgentStorage') resources[newRole].Properties['AssumeRolePolicyDocument'] = trustsAccount;
  if (of === 'AgentStorage') resources[roleId]!.Properties['AssumeRolePolicyDocument'] = trustsAccount;
  resources[`${of}Without${index}Policy`] = {
    Type: 'AWS::IAM::Policy',
    Properties: {
      PolicyName: name,
      PolicyDocument: {
        Statement: grants
          .filter((grant) => grant !== grants[index])
          .map(({ action, resource }) => ({ Effect: 'Allow', Action: action, Resource: resource })),
      },
      Roles: [{ Ref: newRole }],
    },
  };
  for (const [id, resource] of Object.entries(resources)) {
    const { Type, Properties } = resource;
    if (Type === 'AWS::Lambda::Function' && refersTo(Properties['Role'], roleId)) {
      const Role = { 'Fn::GetAtt': [newRole, 'Arn'] };
      resources[newFunction] = copyOf(resource, { FunctionName: name, Role });
      // Only the event of a function that fails ends among the dead letters: this one cannot even be loaded.
      if (refersTo(grants[index]!.resource, 'DeadLetters'))
        resources[newFunction].Properties['Handler'] = 'index.nothing';
      for (const [, config] of Object.entries(resources))
        if (
          config.Type === 'AWS::Lambda::EventInvokeConfig' &&
          refersTo(config.Properties['FunctionName'], id)
        )
          resources[`${of}Without${index}Config`] = copyOf(config, { FunctionName: { Ref: newFunction } });
    }
  }
}

const copyOf = ({ Type, Properties }: Resource, changed: Record<string, unknown>): Resource => ({
  Type,
  Properties: { ...structuredClone(Properties), ...changed },
});
const refersTo = (value: unknown, logicalId: string): boolean =>
  JSON.stringify(value).includes(`"${logicalId}`);
const constructOf = (roleId: string): string => withoutHash(roleId).replace(/Role$/, '');

const account = { 'Fn::Join': ['', ['arn:aws:iam::', { Ref: 'AWS::AccountId' }, ':root']] };
const trustsAccount = {
  Statement: [{ Action: 'sts:AssumeRole', Effect: 'Allow', Principal: { AWS: account } }],
};

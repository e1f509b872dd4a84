import { readable } from './readable.ts';
import { ofType, type SynthesizedStack } from './synthesis.ts';

export interface Grant {
  /** Construct that the role belongs to: `home/Gateways`. */
  of: string;
  action: string;
  /** As `readable` writes it. */
  resource: string;
}

interface Statement {
  Effect: string;
  Action: string | string[];
  Resource: unknown;
}
/** Of an `AWS::IAM::Policy`. */
export interface PolicyProperties {
  PolicyDocument: { Statement: Statement[] };
  Roles: { Ref: string }[];
}

const list = <T>(value: T | T[]): T[] => (Array.isArray(value) ? value : [value]);

/** `{home/GatewaysRole}` and `{home/GatewaysRole.Arn}` are `home/Gateways`. */
export const roleName = (reference: string): string =>
  reference.replace(/^\{(.*)\}$/, '$1').replace(/Role(\.Arn)?$/, '');

/** Every pair of action and resource that a policy allows a role. */
export function grantsOf(stacks: SynthesizedStack[]): Grant[] {
  return stacks.flatMap((stack) =>
    Object.values(ofType(stack, 'AWS::IAM::Policy')).flatMap(({ Properties }) => {
      const { PolicyDocument, Roles } = Properties as unknown as PolicyProperties;
      const pairs = PolicyDocument.Statement.flatMap(pairsOf);
      return Roles.flatMap((role) =>
        pairs.map(({ action, resource }) => ({
          of: roleName(readable(stack, role, stacks)),
          action,
          resource: readable(stack, resource, stacks),
        })),
      );
    }),
  );
}

/** The pairs of one statement, in its order. */
export function pairsOf(statement: Statement): { action: string; resource: unknown }[] {
  const { Effect, Action, Resource, ...more } = statement;
  if (Effect !== 'Allow' || Object.keys(more).length > 0)
    throw new Error(`the tables of the tests do not show ${JSON.stringify(statement)}`);
  return list(Action).flatMap((action) => list(Resource).map((resource) => ({ action, resource })));
}

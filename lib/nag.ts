import { Stack, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import type { IConstruct } from 'constructs';

/** Checks the whole application against cdk-nag's AwsSolutions; a finding without a reason stops the synthesis. */
export function checkSolutions(app: IConstruct): void {
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
}

/** Accepts a finding of one rule at one construct and what is below it. The reason is for the auditor. */
export function acknowledge(construct: IConstruct, id: string, reason: string): void {
  Validations.of(construct).acknowledge({ id, reason });
}

/**
 * Accepts that a policy below `construct` names this one resource with a wildcard: any other wildcard is still a
 * finding.
 */
export function acknowledgeWildcard(construct: IConstruct, resourceArn: string, reason: string): void {
  const resource = flatten(Stack.of(construct).resolve(resourceArn));
  acknowledge(construct, `AwsSolutions-IAM5[Resource::${resource}]`, reason);
}

/** An ARN as cdk-nag writes it in the id of a finding: `<LogicalId>`, `<LogicalId.Attribute>`, export's name. */
function flatten(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const [[name, argument] = ['', undefined]] = Object.entries(value) as [string, unknown][];
  switch (name) {
    case 'Ref':
      return `<${String(argument)}>`;
    case 'Fn::GetAtt':
      return `<${(argument as string[]).join('.')}>`;
    case 'Fn::ImportValue':
      return String(argument);
    case 'Fn::Join':
      return (argument as [string, unknown[]])[1].map(flatten).join((argument as [string])[0]);
    default:
      throw new Error(`cdk-nag’s id of ${JSON.stringify(value)} is not known here`);
  }
}

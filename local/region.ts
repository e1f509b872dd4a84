import { checkConditions } from './iam/conditions.ts';
import type { PolicyDocument } from './template/policy-document.ts';
import { resourcesOf, type StackPlan } from './template/plan.ts';
import { arn } from './template/resource-type.ts';
import { notKnownHere, templateError } from './template/template-error.ts';
import type { TypeName } from './template/types.ts';

/** What identifies one installation; every process of it gets the same. */
export interface RegionSettings {
  readonly region: string;
  readonly accountId: string;
  readonly plans: readonly StackPlan[];
  /** Stack → where its services answer. */
  readonly servicesUrls: Readonly<Record<string, string>>;
  /** People and programs outside the template, by user name. */
  readonly users: Readonly<Record<string, PolicyDocument>>;
}

export interface Role {
  readonly arn: string;
  readonly name: string;
  readonly trust: PolicyDocument;
  readonly policies: readonly PolicyDocument[];
  readonly maxSessionSeconds: number;
}

/** AWS-managed policies that a template may name, with what they grant here. */
const managedPolicies: Record<string, PolicyDocument> = {
  // Writing logs needs no grant on one machine: output goes to the log stream.
  'arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole': { Statement: [] },
};

/** Who owns what in the one account that all stacks share. Pure look-ups over the resolved templates. */
export class Region {
  readonly settings: RegionSettings;
  readonly roles: ReadonlyMap<string, Role>;
  /** ARN → the policy that stands on that bucket, queue or topic. */
  readonly resourcePolicies: ReadonlyMap<string, PolicyDocument>;
  readonly #owners = new Map<string, string>();

  constructor(settings: RegionSettings) {
    this.settings = settings;
    for (const plan of settings.plans)
      for (const { type, name, logicalId } of plan.resources) {
        const key = `${type}/${name}`;
        const other = this.#owners.get(key);
        if (other && exclusiveNames.has(type))
          throw templateError(
            `${plan.name}: ${logicalId} is named ${name}, as is another ${type} of ${other}`,
          );
        this.#owners.set(key, plan.name);
      }
    this.roles = new Map(
      settings.plans.flatMap((plan) => rolesOf(plan, settings)).map((role) => [role.arn, role]),
    );
    this.resourcePolicies = new Map(settings.plans.flatMap((plan) => resourcePoliciesOf(plan, settings)));
    for (const [where, policies] of this.#allPolicies())
      for (const { Statement } of policies)
        for (const statement of Statement) checkConditions(statement, where);
  }

  /** Parameters and sessions belong to the region, not to a stack; the first stack keeps them. */
  get hostStack(): string {
    return this.settings.plans[0]?.name ?? '';
  }

  ownerOf(type: TypeName, name: string): string | undefined {
    return this.#owners.get(`${type}/${name}`);
  }

  /**
   * Where a function reaches DynamoDB: at the stack that has most of the tables that its variables name, at its own where
   * none has more. That stack passes on what is for another one's tables.
   */
  tablesUrl(stackName: string, variables: Readonly<Record<string, string>>): string {
    const counts = new Map<string, number>();
    let most = stackName;
    for (const value of Object.values(variables)) {
      const owner = this.ownerOf('AWS::DynamoDB::Table', value);
      if (owner !== undefined) counts.set(owner, (counts.get(owner) ?? 0) + 1);
    }
    for (const [owner, count] of counts) if (count > (counts.get(most) ?? 0)) most = owner;
    return this.settings.servicesUrls[most] ?? '';
  }

  arn(service: string, resource: string): string {
    return arn(this.settings, service, resource);
  }

  *#allPolicies(): Iterable<[string, readonly PolicyDocument[]]> {
    for (const role of this.roles.values()) yield [role.arn, [role.trust, ...role.policies]];
    for (const [resource, policy] of this.resourcePolicies) yield [resource, [policy]];
    for (const [name, policy] of Object.entries(this.settings.users)) yield [`user ${name}`, [policy]];
  }
}

/** Types whose names are addresses: two of one name would answer for each other. */
const exclusiveNames = new Set<TypeName>([
  'AWS::DynamoDB::Table',
  'AWS::Events::EventBus',
  'AWS::IAM::Role',
  'AWS::Lambda::Function',
  'AWS::S3::Bucket',
  'AWS::SNS::Topic',
  'AWS::SQS::Queue',
  'AWS::SSM::Parameter',
]);

function rolesOf(plan: StackPlan, { accountId }: RegionSettings): Role[] {
  const attached = new Map<string, PolicyDocument[]>();
  const attach = (roleName: string, document: PolicyDocument) =>
    attached.set(roleName, [...(attached.get(roleName) ?? []), document]);
  for (const { properties } of resourcesOf(plan, 'AWS::IAM::Policy'))
    for (const roleName of properties.Roles) attach(roleName, properties.PolicyDocument);
  const own = new Map<string, PolicyDocument>();
  for (const { name, properties } of resourcesOf(plan, 'AWS::IAM::ManagedPolicy')) {
    own.set(`arn:aws:iam::${accountId}:policy/${name}`, properties.PolicyDocument);
    for (const roleName of properties.Roles) attach(roleName, properties.PolicyDocument);
  }
  return resourcesOf(plan, 'AWS::IAM::Role').map(({ name, logicalId, properties }) => {
    const managed = properties.ManagedPolicyArns.map((policyArn) => {
      const document = managedPolicies[policyArn] ?? own.get(policyArn);
      if (!document)
        throw notKnownHere(
          `${plan.name}: role ${logicalId} has ${policyArn}, which the local mode does not know`,
          'local/region.ts',
        );
      return document;
    });
    return {
      arn: `arn:aws:iam::${accountId}:role/${name}`,
      name,
      trust: properties.AssumeRolePolicyDocument,
      policies: [
        ...managed,
        ...properties.Policies.map((inline) => inline.PolicyDocument),
        ...(attached.get(name) ?? []),
      ],
      maxSessionSeconds: properties.MaxSessionDuration,
    };
  });
}

function resourcePoliciesOf(plan: StackPlan, settings: RegionSettings): [string, PolicyDocument][] {
  const found: [string, PolicyDocument][] = [];
  for (const { properties } of resourcesOf(plan, 'AWS::S3::BucketPolicy'))
    found.push([`arn:aws:s3:::${properties.Bucket}`, properties.PolicyDocument]);
  for (const { properties } of resourcesOf(plan, 'AWS::SNS::TopicPolicy'))
    for (const topicArn of properties.Topics) found.push([topicArn, properties.PolicyDocument]);
  for (const { properties } of resourcesOf(plan, 'AWS::SQS::QueuePolicy'))
    for (const url of properties.Queues)
      found.push([arn(settings, 'sqs', url.split('/').at(-1) ?? ''), properties.PolicyDocument]);
  return found;
}

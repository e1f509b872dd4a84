import type { Stack, TemplateResource } from './assembly.ts';
import { noValue, resolve, resolveText, type Scope } from './intrinsics.ts';
import { generatedName, type Identity, type ResourceType } from './resource-type.ts';
import { notKnownHere, templateError } from './template-error.ts';
import { resourceTypes, type PropertiesOf, type TypeName } from './types.ts';

export interface Place {
  readonly region: string;
  readonly accountId: string;
  /** Where a stack's services answer. */
  servicesUrl(stackName: string): string;
  /** Port of an API. */
  apiPort(stackName: string, logicalId: string): number;
}

/** One resource, every function resolved and every property known. */
export interface PlannedResource<T extends TypeName = TypeName> {
  readonly type: T;
  readonly stackName: string;
  readonly logicalId: string;
  readonly name: string;
  readonly properties: PropertiesOf<T>;
}

export interface StackPlan {
  readonly name: string;
  readonly resources: readonly PlannedResource[];
  readonly outputs: Readonly<Record<string, string>>;
  /** Object key in the asset bucket → path on disk. */
  readonly assets: Readonly<Record<string, string>>;
}

/** The resources of one type, in the order of the template. */
export function resourcesOf<T extends TypeName>(
  plan: Pick<StackPlan, 'resources'>,
  type: T,
): PlannedResource<T>[] {
  return plan.resources.filter((resource) => resource.type === type) as unknown as PlannedResource<T>[];
}

/**
 * Resolves all stacks against each other. Throws CONFIG with stack, resource and property for anything that the
 * local mode does not know, so that nothing of the template is silently left out.
 */
export function planStacks(stacks: readonly Stack[], place: Place): StackPlan[] {
  const exports = new Map<string, () => string>();
  const scopes = new Map(stacks.map((stack) => [stack.name, scopeOf(stack, place, exports)]));
  for (const stack of stacks) collectExports(stack, scopes.get(stack.name) as Scope, exports);
  return stacks.map((stack) => planStack(stack, scopes.get(stack.name) as Scope));
}

function planStack(stack: Stack, scope: Scope): StackPlan {
  const kept = Object.entries(stack.template.Resources).filter(
    ([, { Condition: name }]) => !name || scope.condition(name),
  );
  const outputs = Object.entries(stack.template.Outputs).filter(
    ([, { Condition: name }]) => !name || scope.condition(name),
  );
  return {
    name: stack.name,
    resources: kept.map(([logicalId, resource]) => planResource(logicalId, resource, scope)),
    outputs: Object.fromEntries(
      outputs.map(([key, { Value }]) => [key, resolveText(Value, scope, `output ${key}`)]),
    ),
    assets: Object.fromEntries(stack.assets),
  };
}

function planResource(logicalId: string, resource: TemplateResource, scope: Scope): PlannedResource {
  const type = typeOf(scope.stackName, logicalId, resource);
  const properties = resolve(resource.Properties, scope);
  refuseHandBuiltDomains(properties, `${scope.stackName}: ${logicalId}`);
  const parsed = type.schema.safeParse(properties);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const path = issue?.path.join('.');
    throw templateError(
      `${scope.stackName}: ${resource.Type} ${logicalId}${path ? `, ${path}` : ''}: ${issue?.message}`,
      'docs/local.md lists the known properties: correct it in lib/, or add it to local/template/types-*.ts',
    );
  }
  return {
    type: resource.Type as TypeName,
    stackName: scope.stackName,
    logicalId,
    name: physicalName(type, logicalId, resource, scope),
    properties: parsed.data as PropertiesOf<TypeName>,
  };
}

function scopeOf(stack: Stack, place: Place, exports: Map<string, () => string>): Scope {
  const { template, name: stackName } = stack;
  const pseudo: Record<string, unknown> = {
    'AWS::Region': place.region,
    'AWS::AccountId': place.accountId,
    'AWS::Partition': 'aws',
    'AWS::URLSuffix': 'amazonaws.com',
    'AWS::StackName': stackName,
    'AWS::StackId': `arn:aws:cloudformation:${place.region}:${place.accountId}:stack/${stackName}/local`,
    'AWS::NoValue': noValue,
    'AWS::NotificationARNs': [],
  };
  const identify = (logicalId: string): [ResourceType, Identity] => {
    const resource = template.Resources[logicalId];
    if (!resource) throw templateError(`${stackName}: the template has no ${logicalId}`);
    const type = typeOf(stackName, logicalId, resource);
    const identity = {
      stackName,
      logicalId,
      name: physicalName(type, logicalId, resource, scope),
      region: place.region,
      accountId: place.accountId,
      servicesUrl: place.servicesUrl(stackName),
      port: resource.Type === 'AWS::ApiGatewayV2::Api' ? place.apiPort(stackName, logicalId) : 0,
      property: (property: string) => resolve(resource.Properties[property], scope),
    };
    return [type, identity];
  };
  const scope: Scope = {
    stackName,
    ref: (name) => {
      if (name in pseudo) return pseudo[name];
      const parameter = template.Parameters[name];
      if (!parameter) {
        const [type, identity] = identify(name);
        return type.ref(identity);
      }
      if (parameter.Default === undefined)
        throw templateError(
          `${stackName}: parameter ${name} has no default`,
          'give it one in lib/: nobody is asked on one machine',
        );
      return parameter.Default;
    },
    getAtt: (logicalId, attribute) => {
      const [type, identity] = identify(logicalId);
      const answer = type.attributes[attribute];
      if (!answer)
        throw notKnownHere(
          `${stackName}: the local mode does not know ${attribute} of ${logicalId}`,
          'local/template/types-*.ts',
        );
      return answer(identity);
    },
    importValue: (name) => {
      const value = exports.get(name);
      if (!value) throw templateError(`${stackName}: no stack exports ${name}`);
      return value();
    },
    condition: (name) => {
      const condition = template.Conditions[name];
      if (condition === undefined) throw templateError(`${stackName}: there is no condition ${name}`);
      return Boolean(resolve(condition, scope));
    },
    findInMap: (map, top, second) => {
      const found = template.Mappings[map]?.[top]?.[second];
      if (found === undefined) throw templateError(`${stackName}: no mapping ${map}.${top}.${second}`);
      return found;
    },
  };
  return scope;
}

function collectExports(stack: Stack, scope: Scope, exports: Map<string, () => string>): void {
  for (const [key, output] of Object.entries(stack.template.Outputs)) {
    if (!output.Export) continue;
    const name = resolveText(output.Export.Name, scope, `export name of ${key}`);
    if (exports.has(name)) throw templateError(`${stack.name}: ${name} is exported twice`);
    exports.set(name, () => resolveText(output.Value, scope, `export ${name}`));
  }
}

function typeOf(stackName: string, logicalId: string, resource: TemplateResource): ResourceType {
  const type = (resourceTypes as unknown as Record<string, ResourceType>)[resource.Type];
  if (!type)
    throw notKnownHere(
      `${stackName}: ${logicalId} is a ${resource.Type}, which the local mode does not know`,
      'local/template/types-*.ts; docs/local.md lists the types that boot on one machine',
    );
  return type;
}

function physicalName(
  type: ResourceType,
  logicalId: string,
  resource: TemplateResource,
  scope: Scope,
): string {
  const chosen = type.nameProperty ? resource.Properties[type.nameProperty] : undefined;
  const resolved = chosen === undefined ? noValue : resolve(chosen, scope);
  return typeof resolved === 'string' ? resolved : generatedName(type, scope.stackName, logicalId);
}

/** A URL put together from an API's id names a host that exists only in the cloud; ApiEndpoint is right in both. */
function refuseHandBuiltDomains(value: unknown, where: string): void {
  const found = /https?:\/\/[^"\\/]*\.execute-api\.|wss?:\/\/[^"\\/]*\.execute-api\./.exec(
    JSON.stringify(value),
  );
  if (found)
    throw templateError(
      `${where} builds ${found[0]}… by hand`,
      'take the ApiEndpoint attribute of the API, which is right in the cloud and on one machine',
    );
}

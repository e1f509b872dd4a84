import { resourcesOf, type PlannedResource, type StackPlan } from '../template/plan.ts';
import { templateError } from '../template/template-error.ts';
import type { PropertiesOf } from '../template/types.ts';

export type Authorizer = PropertiesOf<'AWS::ApiGatewayV2::Authorizer'> & { readonly id: string };

export interface Route {
  readonly routeKey: string;
  readonly functionArn: string;
  readonly timeoutMs: number;
  readonly payloadFormat: '1.0' | '2.0';
  readonly authorization: 'NONE' | 'AWS_IAM' | 'CUSTOM' | 'JWT';
  readonly authorizer?: Authorizer;
  readonly scopes: readonly string[];
}

/** One API with everything that hangs on it. */
export interface ApiModel {
  readonly id: string;
  readonly logicalId: string;
  readonly properties: PropertiesOf<'AWS::ApiGatewayV2::Api'>;
  readonly stages: readonly string[];
  readonly routes: readonly Route[];
}

/** API Gateway's longest wait for a function: 29 s on WebSocket APIs, 30 s on HTTP APIs. */
const timeoutMsMax = { WEBSOCKET: 29_000, HTTP: 30_000 } as const;

/** The APIs of a stack. Throws CONFIG for a route whose target, authorizer or function is not there. */
export function apisOf(plan: StackPlan): ApiModel[] {
  return resourcesOf(plan, 'AWS::ApiGatewayV2::Api').map((api) => {
    const ofApi = <T extends { properties: { ApiId: string } }>(all: T[]) =>
      all.filter(({ properties }) => properties.ApiId === api.name);
    const integrations = new Map(
      ofApi(resourcesOf(plan, 'AWS::ApiGatewayV2::Integration')).map((one) => [one.name, one]),
    );
    const authorizers = new Map(
      ofApi(resourcesOf(plan, 'AWS::ApiGatewayV2::Authorizer')).map((one) => [one.name, one]),
    );
    return {
      id: api.name,
      logicalId: api.logicalId,
      properties: api.properties,
      stages: ofApi(resourcesOf(plan, 'AWS::ApiGatewayV2::Stage')).map(
        ({ properties }) => properties.StageName,
      ),
      routes: ofApi(resourcesOf(plan, 'AWS::ApiGatewayV2::Route')).map((route) =>
        routeOf(plan, api, route, integrations, authorizers),
      ),
    };
  });
}

function routeOf(
  plan: StackPlan,
  api: PlannedResource<'AWS::ApiGatewayV2::Api'>,
  { logicalId, properties }: PlannedResource<'AWS::ApiGatewayV2::Route'>,
  integrations: ReadonlyMap<string, PlannedResource<'AWS::ApiGatewayV2::Integration'>>,
  authorizers: ReadonlyMap<string, PlannedResource<'AWS::ApiGatewayV2::Authorizer'>>,
): Route {
  const fail = (reason: string) => templateError(`${plan.name}: route ${logicalId} ${reason}`);
  const integration = integrations.get(properties.Target.replace(/^integrations\//, ''));
  if (!integration) throw fail(`has the target ${properties.Target}, which is no integration of its API`);
  const functionArn = lambdaArn(integration.properties.IntegrationUri);
  const functionName = functionArn.split(':').at(-1) ?? '';
  if (!resourcesOf(plan, 'AWS::Lambda::Function').some(({ name }) => name === functionName))
    throw fail(`goes to the function ${functionName}, which is not in the same stack`);
  const authorizer =
    properties.AuthorizerId === undefined ? undefined : authorizers.get(properties.AuthorizerId);
  const needsAuthorizer = properties.AuthorizationType === 'CUSTOM' || properties.AuthorizationType === 'JWT';
  if (needsAuthorizer && !authorizer)
    throw fail(`has the authorizer ${properties.AuthorizerId}, which its API does not have`);
  return {
    routeKey: properties.RouteKey,
    functionArn,
    timeoutMs: Math.min(
      integration.properties.TimeoutInMillis ?? Infinity,
      timeoutMsMax[api.properties.ProtocolType],
    ),
    payloadFormat: integration.properties.PayloadFormatVersion ?? '1.0',
    authorization: properties.AuthorizationType,
    authorizer: authorizer && { ...authorizer.properties, id: authorizer.name },
    scopes: properties.AuthorizationScopes,
  };
}

/** An integration names the function itself or the API Gateway path that invokes it. */
export function lambdaArn(uri: string): string {
  return /functions\/(arn:[^/]+)\/invocations$/.exec(uri)?.[1] ?? uri;
}

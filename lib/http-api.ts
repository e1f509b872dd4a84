import { Duration } from 'aws-cdk-lib';
import type { HttpMethod } from 'aws-cdk-lib/aws-apigatewayv2';
import {
  HttpApi,
  HttpNoneAuthorizer,
  HttpStage,
  type IHttpRouteAuthorizer,
} from 'aws-cdk-lib/aws-apigatewayv2';
import {
  HttpIamAuthorizer,
  HttpJwtAuthorizer,
  HttpLambdaAuthorizer,
  HttpLambdaResponseType,
} from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { Construct } from 'constructs';
import {
  apiRoutes,
  operatorBase,
  operatorRoutes,
  tenantBase,
  type ApiFunction,
  type ApiRoute,
} from '../core/api-routes.ts';
import { createAccessLog } from './access-log.ts';
import type { Config } from './config.ts';
import type { HoldfastFunction } from './function.ts';
import { acknowledge } from './nag.ts';

export interface HoldfastHttpApiProps {
  readonly config: Config;
  readonly description: string;
  /** Verifies tenants' tokens. */
  readonly authorizer: HoldfastFunction;
  /** The routes that exist are those of core/api.ts whose function is given here. */
  readonly functions: Partial<Record<ApiFunction, HoldfastFunction>>;
  /** True: only the routes that core/api.ts marks `alsoInCells`, and no operator routes over the whole fleet. */
  readonly cellOnly?: boolean;
}

/** The HTTP API of home or of a cell: every route of core/api.ts for tenants and again for operators. */
export class HoldfastHttpApi extends Construct {
  readonly api: HttpApi;
  readonly #integrations = new Map<ApiFunction, HttpLambdaIntegration>();
  readonly #props: HoldfastHttpApiProps;

  constructor(scope: Construct, id: string, props: HoldfastHttpApiProps) {
    super(scope, id);
    this.#props = props;
    this.api = new HttpApi(this, 'Api', { description: props.description, createDefaultStage: false });
    new HttpStage(this, 'Stage', {
      httpApi: this.api,
      stageName: '$default',
      autoDeploy: true,
      throttle: { rateLimit: 200, burstLimit: 400 },
      accessLogSettings: createAccessLog(this, 'HttpAccess', {
        retentionDays: props.config.logRetentionDays,
        fields: [
          'requestId',
          'requestTime',
          'routeKey',
          'status',
          'responseLatency',
          'integrationErrorMessage',
        ],
      }),
    });
    this.#addRoutes();
  }

  /** Without a trailing slash. */
  get url(): string {
    return this.api.apiEndpoint;
  }

  #addRoutes(): void {
    const authorizer = new HttpLambdaAuthorizer('TenantTokens', this.#props.authorizer.lambda, {
      identitySource: ['$request.header.Authorization'],
      responseTypes: [HttpLambdaResponseType.SIMPLE],
      // No cache: a token that was deleted is refused at once.
      resultsCacheTtl: Duration.seconds(0),
    });
    const tenants: Access = { authorizer };
    const operators = operatorAccess(this.#props.config);
    const routes: ApiRoute[] = Object.values(apiRoutes);
    for (const route of routes.filter((route) => route.alsoInCells || !this.#props.cellOnly)) {
      if (route.role === 'public') this.#addPublicRoute(route);
      else {
        this.#addRoute(`${tenantBase}${route.path}`, route, tenants);
        this.#addRoute(`${operatorBase}${route.path}`, route, operators);
      }
    }
    if (!this.#props.cellOnly)
      for (const route of Object.values(operatorRoutes)) this.#addRoute(route.path, route, operators);
  }

  #addPublicRoute(route: ApiRoute): void {
    this.#addRoute(`${tenantBase}${route.path}`, route, { authorizer: new HttpNoneAuthorizer() }, (added) =>
      acknowledge(
        added,
        'AwsSolutions-APIG4',
        'An agent has no identity before it activates: the single-use code in the request is the credential.',
      ),
    );
  }

  #addRoute(
    path: string,
    route: Pick<ApiRoute, 'method' | 'function'>,
    access: Access,
    each: (route: Construct) => void = () => undefined,
  ): void {
    const fn = this.#props.functions[route.function];
    if (!fn) return;
    const integration =
      this.#integrations.get(route.function) ??
      new HttpLambdaIntegration(`${fn.node.id}Integration`, fn.lambda, { scopePermissionToRoute: false });
    this.#integrations.set(route.function, integration);
    this.api.addRoutes({ path, methods: [route.method as HttpMethod], integration, ...access }).forEach(each);
  }
}

/** How a route lets its callers in. */
interface Access {
  readonly authorizer: IHttpRouteAuthorizer;
  /** Of which a JWT must carry one. */
  readonly authorizationScopes?: string[];
}

function operatorAccess({ operatorAuth }: Config): Access {
  if (operatorAuth === 'iam') return { authorizer: new HttpIamAuthorizer() };
  const { issuer, audience, scopes } = operatorAuth;
  const authorizer = new HttpJwtAuthorizer('OperatorTokens', issuer, { jwtAudience: audience });
  return { authorizer, authorizationScopes: scopes };
}

import { Arn, ArnFormat, Fn, Stack } from 'aws-cdk-lib';
import type { CfnApi } from 'aws-cdk-lib/aws-apigatewayv2';
import { WebSocketApi, WebSocketStage } from 'aws-cdk-lib/aws-apigatewayv2';
import { WebSocketLambdaAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { WebSocketLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { Construct } from 'constructs';
import { createAccessLog } from './access-log.ts';
import type { Config } from './config.ts';
import type { HoldfastFunction } from './function.ts';
import { acknowledge, acknowledgeWildcard } from './nag.ts';

export interface HoldfastWebSocketApiProps {
  readonly config: Config;
  readonly description: string;
  /** Verifies dial tokens at `$connect`. */
  readonly authorizer: HoldfastFunction;
  /** Route key (`$connect`, a message type, `$default`) → the function that serves it. */
  readonly routes: Readonly<Record<string, HoldfastFunction>>;
}

const stageName = 'v1';

/** The control server of a cell: holds the connections that its agents opened. */
export class HoldfastWebSocketApi extends Construct {
  readonly api: WebSocketApi;
  /** Where agents dial: `wss://…/v1`. */
  readonly url: string;
  /** Base of the @connections API: `https://…/v1`. */
  readonly callbackUrl: string;

  constructor(scope: Construct, id: string, props: HoldfastWebSocketApiProps) {
    super(scope, id);
    this.api = new WebSocketApi(this, 'Api', {
      description: props.description,
      routeSelectionExpression: '$request.body.t',
    });
    const authorizer = new WebSocketLambdaAuthorizer('DialTokens', props.authorizer.lambda, {
      identitySource: ['route.request.header.Authorization'],
    });
    const integrations = new Map<HoldfastFunction, WebSocketLambdaIntegration>();
    for (const [routeKey, fn] of Object.entries(props.routes)) {
      const integration =
        integrations.get(fn) ?? new WebSocketLambdaIntegration(`${fn.node.id}Integration`, fn.lambda);
      integrations.set(fn, integration);
      const route = this.api.addRoute(routeKey, {
        integration,
        authorizer: routeKey === '$connect' ? authorizer : undefined,
      });
      if (routeKey !== '$connect')
        acknowledge(
          route,
          'AwsSolutions-APIG4',
          'API Gateway authorizes a WebSocket at $connect alone; every later route runs on what it verified there.',
        );
    }
    new WebSocketStage(this, 'Stage', {
      webSocketApi: this.api,
      stageName,
      autoDeploy: true,
      throttle: { rateLimit: 2_000, burstLimit: 1_000 },
      accessLogSettings: createAccessLog(this, 'WebSocketAccess', {
        retentionDays: props.config.logRetentionDays,
        fields: [
          'requestId',
          'requestTime',
          'eventType',
          'routeKey',
          'status',
          'connectionId',
          'connectedAt',
        ],
      }),
    });
    const endpoint = (this.api.node.defaultChild as CfnApi).attrApiEndpoint;
    this.url = `${endpoint}/${stageName}`;
    this.callbackUrl = `${httpEndpoint(endpoint)}/${stageName}`;
  }

  /** Lets the function post to this API's connections (POST), or close them (DELETE). */
  allowPosting(fn: HoldfastFunction, ...methods: ('POST' | 'DELETE')[]): void {
    const connection = (method: string) =>
      Arn.format(
        {
          service: 'execute-api',
          resource: this.api.apiId,
          resourceName: `${stageName}/${method}/@connections/*`,
          arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
        },
        Stack.of(this),
      );
    fn.setEnv('CALLBACK_URL', this.callbackUrl);
    for (const arn of methods.map(connection)) {
      fn.allow(['execute-api:ManageConnections'], [arn]);
      acknowledgeWildcard(fn, arn, 'Connection ids exist only at run time; API, stage and method are named.');
    }
  }
}

/** wss://host → https://host and ws://host → http://host: what follows "ws" in the scheme follows "http" too. */
function httpEndpoint(webSocketEndpoint: string): string {
  const [scheme, host] = [0, 1].map((part) => Fn.select(part, Fn.split('://', webSocketEndpoint)));
  return `http${Fn.select(1, Fn.split('ws', scheme ?? ''))}://${host}`;
}

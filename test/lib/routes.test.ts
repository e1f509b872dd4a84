import { beforeAll, describe, expect, it, test } from '@jest/globals';
import { apiRoutes, operatorBase, operatorRoutes, tenantBase, type ApiRoute } from '../../core/api-routes.ts';
import { upstreamBodies } from '../../core/messages.ts';
import { homeAndCell, ofType, propertiesOf, type SynthesizedStack } from './synthesis.ts';

let home: SynthesizedStack;
let cell: SynthesizedStack;
beforeAll(async () => {
  ({ home, cell } = await homeAndCell());
});

const routes: ApiRoute[] = Object.values(apiRoutes);

/** Route key → how API Gateway lets callers in, and the function (construct's id) that answers. */
function declared(stack: SynthesizedStack, protocol: 'HTTP' | 'WEBSOCKET'): Record<string, string> {
  const entries = Object.values(ofType(stack, 'AWS::ApiGatewayV2::Route'))
    .map(({ Properties }) => Properties as unknown as RouteProperties)
    .filter(({ ApiId }) => stack.resources[ApiId.Ref]?.Properties['ProtocolType'] === protocol)
    .map((route) => [route.RouteKey, `${access(stack, route)} → ${functionOf(stack, route)}`]);
  return Object.fromEntries(entries) as Record<string, string>;
}

function access(stack: SynthesizedStack, { AuthorizationType, AuthorizerId }: RouteProperties): string {
  if (!AuthorizerId) return AuthorizationType;
  const uri = JSON.stringify(stack.resources[AuthorizerId.Ref]?.Properties['AuthorizerUri'] ?? 'jwt');
  const authorizer = stack.functions.find(({ logicalId }) => uri.includes(`"${logicalId}"`));
  return `${AuthorizationType} ${authorizer?.handler ?? ''}`.trim();
}

function functionOf(stack: SynthesizedStack, { Target }: RouteProperties): string {
  const integration = Target['Fn::Join'][1].find((part) => typeof part === 'object')!;
  const uri = JSON.stringify(stack.resources[integration.Ref]?.Properties['IntegrationUri']);
  return stack.functions.find(({ logicalId }) => uri.includes(`"${logicalId}"`))?.handler ?? 'nobody';
}

interface RouteProperties {
  RouteKey: string;
  ApiId: { Ref: string };
  AuthorizationType: string;
  AuthorizerId?: { Ref: string };
  Target: { 'Fn::Join': [string, (string | { Ref: string })[]] };
}

const functionNames: Record<ApiRoute['function'], string> = {
  activation: 'Activation',
  gateways: 'Gateways',
  configuration: 'Configuration',
  cells: 'Cells',
  commands: 'Commands',
  diagnostics: 'BundleLinks',
  bulk: 'BulkSends',
  alerts: 'Alerts',
  subscriptions: 'Subscriptions',
  access: 'Access',
  audit: 'Audit',
};

function expectedHttp(wanted: ApiRoute[]): Record<string, string> {
  return Object.fromEntries(
    wanted.flatMap(({ method, path, role, function: name }) =>
      role === 'public'
        ? [[`${method} ${tenantBase}${path}`, `NONE → ${functionNames[name]}`]]
        : [
            [`${method} ${tenantBase}${path}`, `CUSTOM HttpAuthorizer → ${functionNames[name]}`],
            [`${method} ${operatorBase}${path}`, `AWS_IAM → ${functionNames[name]}`],
          ],
    ),
  ) as Record<string, string>;
}

describe('the HTTP API', () => {
  it('of home has every route for tenants by token and for operators by IAM, and no other', () => {
    const overTheFleet = Object.values(operatorRoutes).map(({ method, path, function: name }) => [
      `${method} ${path}`,
      `AWS_IAM → ${functionNames[name]}`,
    ]);
    expect(declared(home, 'HTTP')).toEqual({
      ...expectedHttp(routes),
      ...(Object.fromEntries(overTheFleet) as Record<string, string>),
    });
  });

  it('of a cell has the routes that exist in cells too', () => {
    expect(declared(cell, 'HTTP')).toEqual(expectedHttp(routes.filter(({ alsoInCells }) => alsoInCells)));
  });

  it('does not remember a token that may have been deleted since', () => {
    const [authorizer] = Object.values(ofType(home, 'AWS::ApiGatewayV2::Authorizer'));
    expect(authorizer?.Properties).toMatchObject({
      AuthorizerResultTtlInSeconds: 0,
      EnableSimpleResponses: true,
      AuthorizerPayloadFormatVersion: '2.0',
    });
  });
});

describe('the WebSocket API', () => {
  it('verifies at $connect and sends each message to its function', () => {
    expect(declared(cell, 'WEBSOCKET')).toEqual({
      $connect: 'CUSTOM WsAuthorizer → Connect',
      $disconnect: 'NONE → Disconnect',
      hello: 'NONE → Hello',
      'cmd.ack': 'NONE → CommandReports',
      'cmd.progress': 'NONE → CommandReports',
      'cmd.result': 'NONE → CommandReports',
      'creds.get': 'NONE → Credentials',
      'key.rotate': 'NONE → KeyRotation',
      status: 'NONE → StatusIngest',
      'state.reported': 'NONE → StatusIngest',
      inventory: 'NONE → StatusIngest',
      $default: 'NONE → Default',
    });
  });

  it('has no route for a message that does not exist', () => {
    const types = Object.keys(declared(cell, 'WEBSOCKET')).filter((key) => !key.startsWith('$'));
    expect(types.filter((type) => !Object.hasOwn(upstreamBodies, type))).toEqual([]);
  });

  it('picks the route by the envelope’s type', () => {
    expect(propertiesOf(cell, 'AWS::ApiGatewayV2::Api')).toContainEqual(
      expect.objectContaining({
        ProtocolType: 'WEBSOCKET',
        RouteSelectionExpression: '$request.body.t',
      }),
    );
  });
});

test('every stage throttles and writes an access log', () => {
  for (const stack of [home, cell])
    for (const { Properties } of Object.values(ofType(stack, 'AWS::ApiGatewayV2::Stage'))) {
      expect(Properties['DefaultRouteSettings']).toMatchObject({
        ThrottlingRateLimit: expect.any(Number),
        ThrottlingBurstLimit: expect.any(Number),
      });
      const { Format } = Properties['AccessLogSettings'] as { Format: string };
      expect(Format).toContain('requestId');
      expect(Format).not.toMatch(/authorization|header|body/i);
    }
});

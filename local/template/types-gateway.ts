import { z } from 'zod';
import { flag, integer, resourceType, texts } from './resource-type.ts';

const cors = z.strictObject({
  AllowOrigins: z.array(z.string()).optional(),
  AllowMethods: z.array(z.string()).optional(),
  AllowHeaders: z.array(z.string()).optional(),
  ExposeHeaders: z.array(z.string()).optional(),
  AllowCredentials: flag.optional(),
  MaxAge: integer.optional(),
});

export const api = resourceType({
  idLength: 10,
  used: {
    Name: z.string(),
    ProtocolType: z.enum(['HTTP', 'WEBSOCKET']),
    RouteSelectionExpression: z.string().optional(),
    CorsConfiguration: cors.optional(),
    DisableExecuteApiEndpoint: z.literal(false).optional(),
  },
  withoutEffect: ['Description', 'ApiKeySelectionExpression', 'IpAddressType'],
  attributes: {
    ApiId: ({ name }) => name,
    // Where the cloud has wss://<id>.execute-api.<region>.amazonaws.com, one machine has a port for each API.
    ApiEndpoint: (id) =>
      `${id.property('ProtocolType') === 'WEBSOCKET' ? 'ws' : 'http'}://127.0.0.1:${id.port}`,
  },
});

export const stage = resourceType({
  used: { ApiId: z.string(), StageName: z.string(), AutoDeploy: flag.default(false) },
  nameProperty: 'StageName',
  withoutEffect: [
    'AccessLogSettings',
    'DefaultRouteSettings',
    'RouteSettings',
    'Description',
    'DeploymentId',
  ],
});

export const route = resourceType({
  idLength: 7,
  used: {
    ApiId: z.string(),
    RouteKey: z.string(),
    Target: z.string(),
    AuthorizationType: z.enum(['NONE', 'AWS_IAM', 'CUSTOM', 'JWT']).default('NONE'),
    AuthorizerId: z.string().optional(),
    AuthorizationScopes: z.array(z.string()).default([]),
    ApiKeyRequired: z.literal(false).optional(),
  },
  withoutEffect: ['OperationName'],
});

export const integration = resourceType({
  idLength: 7,
  used: {
    ApiId: z.string(),
    IntegrationType: z.literal('AWS_PROXY'),
    IntegrationUri: z.string(),
    IntegrationMethod: z.literal('POST').optional(),
    PayloadFormatVersion: z.enum(['1.0', '2.0']).optional(),
    TimeoutInMillis: integer.optional(),
  },
  withoutEffect: ['Description', 'ConnectionType'],
});

export const authorizer = resourceType({
  idLength: 6,
  used: {
    ApiId: z.string(),
    Name: z.string(),
    AuthorizerType: z.enum(['REQUEST', 'JWT']),
    AuthorizerUri: z.string().optional(),
    AuthorizerPayloadFormatVersion: z.literal('2.0').optional(),
    AuthorizerResultTtlInSeconds: integer.optional(),
    EnableSimpleResponses: flag.default(false),
    IdentitySource: texts.default([]),
    JwtConfiguration: z.strictObject({ Audience: z.array(z.string()), Issuer: z.string() }).optional(),
  },
  attributes: { AuthorizerId: ({ name }) => name },
});

/** Lets API Gateway write access logs, which one machine does not keep. */
export const account = resourceType({ used: {}, withoutEffect: ['CloudWatchRoleArn'] });

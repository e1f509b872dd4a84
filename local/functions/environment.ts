import { HoldfastError } from '../../core/errors.ts';
import type { KeyRing } from '../iam/keys.ts';
import type { PlannedResource } from '../template/plan.ts';

/** Services, beside DynamoDB, whose SDK clients are pointed at this machine. */
const endpointVariables = [
  'S3',
  'SQS',
  'SNS',
  'STS',
  'SSM',
  'LAMBDA',
  'EVENTBRIDGE',
  'KMS',
  'CLOUDWATCH',
  'SECRETS_MANAGER',
];

/** Lambda's limit for all variables of a function together, names included. */
const variablesBytesMax = 4096;

/** What a function finds in process.env: the template's variables and those of the runtime, nothing of this machine's. */
export function functionEnvironment(
  resource: PlannedResource<'AWS::Lambda::Function'>,
  place: { region: string; servicesUrl: string; tablesUrl: string; taskRoot: string },
  keys: KeyRing,
): Record<string, string> {
  const { name, properties, stackName, logicalId } = resource;
  const variables = properties.Environment?.Variables ?? {};
  const bytes = Object.entries(variables).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key + value),
    0,
  );
  if (bytes > variablesBytesMax)
    throw new HoldfastError(
      'CONFIG',
      `${stackName}: the environment of ${logicalId} has ${bytes} bytes; Lambda takes ${variablesBytesMax}`,
    );
  const session = keys.openSession({
    roleArn: properties.Role,
    sessionName: name,
    expiresAtMs: Number.MAX_SAFE_INTEGER,
  });
  return {
    ...variables,
    ...Object.fromEntries(
      endpointVariables.map((service) => [`AWS_ENDPOINT_URL_${service}`, place.servicesUrl]),
    ),
    AWS_ENDPOINT_URL_DYNAMODB: place.tablesUrl,
    AWS_REGION: place.region,
    AWS_DEFAULT_REGION: place.region,
    AWS_ACCESS_KEY_ID: session.accessKeyId,
    AWS_SECRET_ACCESS_KEY: session.secretAccessKey,
    AWS_SESSION_TOKEN: session.sessionToken,
    AWS_LAMBDA_FUNCTION_NAME: name,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(properties.MemorySize),
    AWS_LAMBDA_LOG_GROUP_NAME: logGroupOf(resource),
    AWS_LAMBDA_LOG_STREAM_NAME: 'local',
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    LAMBDA_TASK_ROOT: place.taskRoot,
    TZ: ':UTC',
    LANG: 'en_US.UTF-8',
  };
}

export function logGroupOf({ name, properties }: PlannedResource<'AWS::Lambda::Function'>): string {
  return properties.LoggingConfig?.LogGroup ?? `/aws/lambda/${name}`;
}

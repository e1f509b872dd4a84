import { outboundAgent } from '../connection/outbound-agent.ts';
import { withBoundedAnswers } from './bounded-answers.ts';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';

type Env = Record<string, string | undefined>;

/**
 * A client by the SDK's own settings: credentials from the environment, profiles, SSO, container or instance;
 * AWS_REGION; a proxy by HTTPS_PROXY; AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL for other stores, which are addressed by path. It does not
 * retry by itself: the bucket does.
 */
export function newS3Client(env: Env): S3Client {
  const endpoint = env['AWS_ENDPOINT_URL_S3'] || env['AWS_ENDPOINT_URL'] || undefined;
  const agent = outboundAgent(env);
  const region = env['AWS_REGION'] || env['AWS_DEFAULT_REGION'] || (endpoint && 'us-east-1');
  const client = new S3Client({
    maxAttempts: 1,
    // Chunks and pages are verified by their own SHA-256; a second checksum would only cost time.
    responseChecksumValidation: 'WHEN_REQUIRED',
    ...(endpoint && { endpoint, forcePathStyle: true }),
    ...(region && { region }),
    ...(agent && { requestHandler: { httpAgent: agent, httpsAgent: agent } }),
    ...(env['AWS_PROFILE'] && { profile: env['AWS_PROFILE'] }),
    ...staticCredentials(env),
  });
  return withBoundedAnswers(client);
}

function staticCredentials(env: Env): Pick<S3ClientConfig, 'credentials'> {
  const accessKeyId = env['AWS_ACCESS_KEY_ID'];
  const secretAccessKey = env['AWS_SECRET_ACCESS_KEY'];
  if (env['AWS_PROFILE'] || !accessKeyId || !secretAccessKey) return {};
  return { credentials: { accessKeyId, secretAccessKey, sessionToken: env['AWS_SESSION_TOKEN'] } };
}

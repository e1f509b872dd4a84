import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fromNodeProviderChain } from '@aws-sdk/credential-providers';
import { z } from 'zod';
import { HoldfastError } from '../core/errors.ts';
import { requireHttpUrl } from '../core/http-url.ts';
import { shellWord, typed } from '../core/typed.ts';
import type { AwsKeys } from '../core/sigv4.ts';
import { plainIssues } from '../core/plain-issues.ts';

/** Where the API is and who asks; resolved once per command from flags, environment and the local data directory. */
export interface CliContext {
  /** Base URL of the home's HTTP API, no trailing slash. */
  endpoint: string;
  /** cellId → base URL of that cell's own HTTP API. */
  cells: Record<string, string>;
  region: string;
  tenantId: string;
  identity:
    | { kind: 'tenant'; token: string }
    | { kind: 'operator'; keys: () => Promise<AwsKeys> }
    /** An operator's token from the OIDC issuer that the deployment trusts. */
    | { kind: 'oidc-operator'; token: string };
  /** Where SQS is in the local mode; undefined: the region's own. */
  sqsEndpoint?: string;
}

export interface ContextFlags {
  endpoint?: string;
  tenant?: string;
  tokenFile?: string;
  operatorTokenFile?: string;
  dataDir?: string;
}
type Environment = Record<string, string | undefined>;

/** What `holdfast up` leaves in its data directory (mode 0600) for the commands typed beside it. */
export const localClientFile = 'client.json';
export const defaultDataDir = '.data';
export const localClientSchema = z.object({
  endpoint: z.url(),
  cells: z.record(z.string(), z.url()),
  region: z.string(),
  tenantId: z.string(),
  sqsEndpoint: z.url().optional(),
  operator: z.object({ accessKeyId: z.string(), secretAccessKey: z.string() }),
});
export type LocalClient = z.infer<typeof localClientSchema>;

/** The flags win over the environment, the environment over a running `holdfast up`. Throws USAGE, CONFIG, NOT_FOUND. */
export function resolveContext(flags: ContextFlags, env: Environment): CliContext {
  const local = readLocalClient(flags.dataDir ?? env['HOLDFAST_DATA_DIR'] ?? defaultDataDir);
  const given = flags.endpoint ?? env['HOLDFAST_ENDPOINT'];
  if (given)
    requireHttpUrl(
      given,
      flags.endpoint === undefined ? 'HOLDFAST_ENDPOINT' : '--endpoint',
      'https://holdfast.example.com',
    );
  const endpoint = given ?? local?.endpoint;
  if (!endpoint && flags.dataDir !== undefined)
    throw new HoldfastError('NOT_FOUND', `--data-dir: no control plane has run in ${flags.dataDir}`, {
      hint: `\`${typed('holdfast up --data-dir')} ${shellWord(flags.dataDir)}\` starts one`,
    });
  if (!endpoint)
    throw new HoldfastError('CONFIG', 'no control plane is known here', {
      hint: 'start one with `npm start`, or name it with --endpoint or HOLDFAST_ENDPOINT, or its data directory with --data-dir',
    });
  if (flags.tenant === '')
    throw new HoldfastError('USAGE', '--tenant is empty', {
      hint: 'name the tenant, or leave the flag away',
    });
  const here = local?.endpoint === endpoint ? local : undefined;
  return {
    endpoint: endpoint.replace(/\/+$/, ''),
    cells: here?.cells ?? {},
    region: here?.region ?? env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'] ?? 'us-east-1',
    tenantId: flags.tenant ?? env['HOLDFAST_TENANT'] ?? here?.tenantId ?? 'default',
    identity: identityOf(flags, env, here),
    ...(here?.sqsEndpoint ? { sqsEndpoint: here.sqsEndpoint } : {}),
  };
}

function identityOf(
  flags: ContextFlags,
  env: Environment,
  here: LocalClient | undefined,
): CliContext['identity'] {
  if (flags.tokenFile && flags.operatorTokenFile)
    throw new HoldfastError('USAGE', '--token-file and --operator-token-file exclude each other', {
      hint: 'the first asks as a tenant, the second as an operator',
    });
  const tenantFile = flags.tokenFile ?? (flags.operatorTokenFile ? undefined : env['HOLDFAST_TOKEN_FILE']);
  if (tenantFile && flags.tenant !== undefined)
    throw new HoldfastError(
      'USAGE',
      '--tenant is for operators; a tenant’s token stands for its own tenant',
      {
        hint: `leave --tenant away, or ask as an operator without ${flags.tokenFile ? '--token-file' : 'HOLDFAST_TOKEN_FILE'}`,
      },
    );
  if (tenantFile) return { kind: 'tenant', token: readSecret(tenantFile) };
  const operatorFile = flags.operatorTokenFile ?? env['HOLDFAST_OPERATOR_TOKEN_FILE'];
  if (operatorFile)
    return { kind: 'oidc-operator', token: readSecret(operatorFile, '--operator-token-file', jwtCharsMax) };
  return { kind: 'operator', keys: here ? async () => here.operator : credentialsChain() };
}

function credentialsChain(): () => Promise<AwsKeys> {
  const provider = fromNodeProviderChain();
  return async () => {
    try {
      return await provider();
    } catch (cause) {
      throw new HoldfastError('UNAUTHENTICATED', 'no AWS credentials were found to sign as an operator', {
        hint: 'set AWS_PROFILE or AWS_ACCESS_KEY_ID, use a tenant’s token with --token-file, or name the --data-dir of a control plane on this machine',
        cause,
      });
    }
  };
}

/** What a local control plane left in its data directory; undefined where none did. Throws CONFIG. */
export function readLocalClient(dataDir: string): LocalClient | undefined {
  const file = join(dataDir, localClientFile);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new HoldfastError('CONFIG', `${file} cannot be read`, {
      hint: 'check the file’s owner, or name another directory with --data-dir',
      cause,
    });
  }
  const json = parseJson(text);
  const parsed = localClientSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new HoldfastError(
    'CONFIG',
    `${file} is damaged: ${json === undefined ? 'it is not JSON' : plainIssues(parsed.error, json)}`,
    {
      hint: '`npm start` writes it anew',
    },
  );
}

/** What API Gateway takes in a header. */
const jwtCharsMax = 8 * 1024;

/** A secret's file: one line, not readable by others. Throws CONFIG, NOT_FOUND, FORBIDDEN. */
export function readSecret(file: string, flag = '--token-file', charsMax = 512): string {
  let text: string;
  let mode: number;
  try {
    const found = statSync(file);
    mode = found.mode;
    // A device or a pipe may never end; a token's file is no longer than its token.
    text = found.isFile() && found.size <= charsMax + 2 ? readFileSync(file, 'utf8').trim() : '';
  } catch (cause) {
    throw new HoldfastError('NOT_FOUND', `${file} cannot be read`, { hint: `check ${flag}`, cause });
  }
  if ((mode & 0o077) !== 0)
    throw new HoldfastError('FORBIDDEN', `${file} can be read by other users`, { hint: `chmod 600 ${file}` });
  if (!text || /\s/.test(text) || text.length > charsMax)
    throw new HoldfastError('CONFIG', `${file} does not hold one token on one line`, {
      hint: `check ${flag}`,
    });
  return text;
}

/** The parsed text, or undefined where it is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

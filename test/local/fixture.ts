import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { bootLocal, type BootOptions, type LocalCloud } from '../../local/boot.ts';
import type { LogRecord } from '../../local/log.ts';
import { alphaTemplate, betaTemplate } from './fixtures/templates.ts';

const fixtures = fileURLToPath(new URL('./fixtures', import.meta.url));

/** Writes a cloud assembly as the CDK would: manifest, templates, asset manifests, unpacked assets. */
export function writeAssembly(
  directory: string,
  templates: Readonly<Record<string, object>> = { alpha: alphaTemplate, beta: betaTemplate },
): void {
  const names = Object.keys(templates);
  const artifacts: Record<string, object> = {};
  const files: Record<string, object> = {};
  for (const asset of ['probe', 'gateway']) {
    mkdirSync(join(directory, `asset.${asset}`), { recursive: true });
    copyFileSync(join(fixtures, `${asset}.mjs`), join(directory, `asset.${asset}`, 'index.mjs'));
    files[asset] = {
      source: { path: `asset.${asset}`, packaging: 'zip' },
      destinations: { current: { bucketName: 'assets', objectKey: `${asset}.zip` } },
    };
  }
  for (const [index, name] of names.entries()) {
    writeFileSync(join(directory, `${name}.template.json`), JSON.stringify(templates[name]));
    writeFileSync(join(directory, `${name}.assets.json`), JSON.stringify({ version: '1', files }));
    artifacts[`${name}.assets`] = { type: 'cdk:asset-manifest', properties: { file: `${name}.assets.json` } };
    artifacts[name] = {
      type: 'aws:cloudformation:stack',
      environment: 'aws://unknown-account/eu-west-1',
      properties: { templateFile: `${name}.template.json`, stackName: name },
      dependencies: [`${name}.assets`, ...names.slice(0, index)],
    };
  }
  writeFileSync(join(directory, 'manifest.json'), JSON.stringify({ version: '1', artifacts }));
}

export interface FixtureCloud extends LocalCloud {
  readonly logs: readonly LogRecord[];
  readonly directory: string;
  /** Resolves with the first record, past or future, that fits. */
  logged(fits: (record: LogRecord) => boolean): Promise<LogRecord>;
  invoke(functionName: string, event: object): Promise<{ payload: unknown; functionError?: string }>;
  /** What the function finds in process.env. */
  environmentOf(functionName: string): Promise<Record<string, string>>;
  /** SDK client settings that act as the function. */
  actAs(functionName: string): Promise<ClientSettings>;
  readonly asRoot: ClientSettings;
}

export interface ClientSettings {
  readonly region: string;
  readonly endpoint: string;
  readonly credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
  readonly maxAttempts: number;
}

/** A fresh directory for one test file; `remove` afterwards. */
export function temporaryDirectory(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'holdfast-fixture-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Boots the two hand-written stacks below `directory`. */
export async function bootFixture(
  directory: string,
  options: Partial<BootOptions> = {},
): Promise<FixtureCloud> {
  const cdkOutDir = join(directory, 'cdk.out');
  if (!options.cdkOutDir) writeAssembly(cdkOutDir);
  const logs: LogRecord[] = [];
  const waiting = new Set<(record: LogRecord) => void>();
  const cloud = await bootLocal({
    cdkOutDir,
    dataDir: join(directory, 'data'),
    log: (record) => {
      logs.push(record);
      if (process.env['HOLDFAST_TEST_LOG']) process.stderr.write(`${JSON.stringify(record)}\n`);
      for (const tell of waiting) tell(record);
    },
    ...options,
  });
  const endpoint = cloud.endpoints['alpha'] ?? '';
  const asRoot = { region: cloud.region, endpoint, credentials: cloud.rootCredentials, maxAttempts: 1 };
  const lambda = new LambdaClient(asRoot);
  const invoke = async (functionName: string, event: object) => {
    const answer = await lambda.send(
      new InvokeCommand({ FunctionName: functionName, Payload: JSON.stringify(event) }),
    );
    const payload: unknown = JSON.parse(answer.Payload?.transformToString() ?? 'null');
    return { payload, functionError: answer.FunctionError };
  };
  const environmentOf = async (functionName: string) =>
    (await invoke(functionName, { do: 'environment' })).payload as Record<string, string>;
  const logged = (fits: (record: LogRecord) => boolean) =>
    new Promise<LogRecord>((resolve) => {
      const tell = (record: LogRecord) => {
        if (!fits(record)) return;
        waiting.delete(tell);
        resolve(record);
      };
      waiting.add(tell);
      logs.forEach(tell);
    });
  const actAs = async (functionName: string): Promise<ClientSettings> => {
    const env = await environmentOf(functionName);
    return {
      region: env['AWS_REGION'] ?? '',
      endpoint: env['AWS_ENDPOINT_URL_S3'] ?? '',
      credentials: {
        accessKeyId: env['AWS_ACCESS_KEY_ID'] ?? '',
        secretAccessKey: env['AWS_SECRET_ACCESS_KEY'] ?? '',
        sessionToken: env['AWS_SESSION_TOKEN'],
      },
      maxAttempts: 1,
    };
  };
  const stop = async () => {
    lambda.destroy();
    await cloud.stop();
  };
  return { ...cloud, stop, logs, directory, logged, invoke, environmentOf, actAs, asRoot };
}

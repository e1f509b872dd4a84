import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { asHoldfastError, HoldfastError } from '../core/errors.ts';
import { defaultDataDir, localClientFile, type LocalClient } from './context.ts';
import { exampleText, type CliDeps } from './program.ts';

/** A control plane on this machine: what `local/` gives back, as far as this command uses it. */
export interface RunningCloud {
  /** Stack → its outputs. */
  readonly urls: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Stack → where its AWS services answer. */
  readonly endpoints: Readonly<Record<string, string>>;
  readonly region: string;
  readonly operatorCredentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly storageCredentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly stopped: Promise<void>;
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly dataDir: string;
  readonly context: Readonly<Record<string, unknown>>;
  readonly synth: boolean;
  readonly portBase?: number;
  readonly scheduleScale: number;
  readonly logFormat: 'json' | 'pretty';
  readonly verbose: boolean;
  readonly write: (line: string) => void;
}

export interface UpDeps extends CliDeps {
  start: (options: StartOptions) => Promise<RunningCloud>;
  /** What is printed once everything answers (an activation code, the next command to type). */
  onReady?: (client: LocalClient, dataDir: string) => Promise<void>;
  /** Resolves with the first SIGINT or SIGTERM. */
  interrupted: () => Promise<void>;
  isTerminal: boolean;
}

interface UpFlags {
  dataDir: string;
  cells: string;
  port: string;
  scheduleScale: string;
  synth: boolean;
  activationCode: boolean;
  log?: string;
  verbose?: boolean;
  loopbackWebhooks?: boolean;
}

const homeStack = 'holdfast-home';
const cellStackPrefix = 'holdfast-';
const defaultPort = 4700;

/** `holdfast up`: the whole control plane on this machine, until Ctrl-C. */
export function addUpCommand(program: Command, deps: UpDeps): void {
  program
    .command('up')
    .description('run the control plane on this machine, from the same template that is deployed')
    .option(
      '--data-dir <dir>',
      `everything that survives a restart (default: HOLDFAST_DATA_DIR, else ${defaultDataDir})`,
    )
    .option('--cells <count>', 'control servers, each its own process', '2')
    .option('--port <base>', 'first port; every stack has ten; 0: any free ones', String(defaultPort))
    .option(
      '--schedule-scale <factor>',
      'run schedules so many times as fast (only here, never in the template)',
      '1',
    )
    .option('--loopback-webhooks', 'let alerts go to webhooks on this machine, also over plain http')
    .option('--no-synth', 'boot what was synthesized last time')
    .option('--no-activation-code', 'do not make an activation code to begin with')
    .option('--log <format>', 'json or pretty (default: pretty on a terminal)')
    .option('--verbose', 'log every invocation of a function, not only what it says itself')
    .addHelpText('after', exampleText(['up', 'up --data-dir /var/lib/holdfast --cells 3 --port 5000']))
    .action((flags: Omit<UpFlags, 'dataDir'> & { dataDir?: string }) =>
      up({ ...flags, dataDir: flags.dataDir ?? deps.env['HOLDFAST_DATA_DIR'] ?? defaultDataDir }, deps),
    );
}

async function up(flags: UpFlags, deps: UpDeps): Promise<void> {
  const cells = wholeNumber('--cells', flags.cells, 1, 64);
  const scheduleScale = wholeNumber('--schedule-scale', flags.scheduleScale, 1, 1000);
  const port = flags.port === '0' ? undefined : wholeNumber('--port', flags.port, 1024, 65_000);
  const format = logFormat(flags.log, deps.isTerminal);
  const first = flags.synth ? 'synthesizing the template, then starting' : 'starting';
  // Until then nothing is printed at all.
  deps.stderr(
    `${first} ${cells + 1} stacks: some ten seconds, at the very first start up to a minute on a small machine`,
  );
  const cloud = await deps.start({
    dataDir: flags.dataDir,
    context: {
      cells: Array.from({ length: cells }, (_, index) => `cell-${index + 1}`),
      ...(flags.loopbackWebhooks ? { loopbackWebhooks: 'allowed' } : {}),
    },
    synth: flags.synth,
    ...(port === undefined ? {} : { portBase: port }),
    scheduleScale,
    verbose: flags.verbose ?? false,
    logFormat: format,
    write: (line) => deps.stdout(line.trimEnd()),
  });
  try {
    const client = clientOf(cloud);
    const clientFile = join(flags.dataDir, localClientFile);
    writeSecret(clientFile, `${JSON.stringify(client, null, 2)}\n`);
    const bucket = cloud.urls[homeStack]?.['SnapshotBucketName'];
    const storageFile = join(flags.dataDir, 's3.env');
    writeSecret(storageFile, storageEnvironment(cloud));
    const storage = bucket && `s3://${bucket}/standalone (with the variables of ${storageFile})`;
    deps.stdout(summary(client, scheduleScale, storage));
    if (flags.activationCode) await deps.onReady?.(client, flags.dataDir).catch(failWith);
    await Promise.race([deps.interrupted(), cloud.stopped]);
  } finally {
    await cloud.stop();
  }
}

/** It has booted, and a function that is called first of all fails: what is wrong stands in the log above. */
function failWith(thrown: unknown): never {
  const { code, message } = asHoldfastError(thrown);
  throw new HoldfastError(code, `everything has started, and the API answers: ${message}`, {
    hint: 'a line “function.failed” above says why; a damaged cdk.out is made anew without --no-synth',
    cause: thrown,
  });
}

function clientOf({ urls, endpoints, region, operatorCredentials }: RunningCloud): LocalClient {
  const cells = Object.entries(urls).filter(
    ([name]) => name !== homeStack && name.startsWith(cellStackPrefix),
  );
  const { accessKeyId, secretAccessKey } = operatorCredentials;
  return {
    endpoint: urls[homeStack]?.['ApiUrl'] ?? '',
    cells: Object.fromEntries(
      cells.map(([name, outputs]) => [name.slice(cellStackPrefix.length), outputs['ApiUrl'] ?? '']),
    ),
    region,
    tenantId: 'default',
    sqsEndpoint: endpoints[homeStack],
    operator: { accessKeyId, secretAccessKey },
  };
}

/** What `. FILE` gives a shell for the agent's commands that need no agent: the AWS SDK's own variables. */
function storageEnvironment({ endpoints, region, storageCredentials }: RunningCloud): string {
  const variables = {
    AWS_ENDPOINT_URL_S3: endpoints[homeStack] ?? '',
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: storageCredentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: storageCredentials.secretAccessKey,
  };
  return Object.entries(variables)
    .map(([name, value]) => `export ${name}='${value}'\n`)
    .join('');
}

/** Replaced whole, readable by its owner alone: it holds a key. */
function writeSecret(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

function summary(client: LocalClient, scheduleScale: number, storage: string | undefined): string {
  const cells = Object.entries(client.cells).map(([cellId, url]) => `  ${cellId.padEnd(8)} ${url}`);
  const s3 = storage ? [`  S3       ${storage}`] : [];
  const clock =
    scheduleScale === 1 ? [] : [`  clock    schedules run ${scheduleScale} times as fast as in the template`];
  return ['Holdfast is up.', `  API      ${client.endpoint}`, ...cells, ...s3, ...clock].join('\n');
}

function wholeNumber(flag: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new HoldfastError('USAGE', `${flag} ${text} is not a whole number from ${min} to ${max}`, {
    hint: `write it like ${flag} ${min}`,
  });
}

function logFormat(given: string | undefined, isTerminal: boolean): 'json' | 'pretty' {
  if (given === undefined) return isTerminal ? 'pretty' : 'json';
  if (given === 'json' || given === 'pretty') return given;
  throw new HoldfastError('USAGE', `--log ${given} is neither json nor pretty`, { hint: 'write --log json' });
}

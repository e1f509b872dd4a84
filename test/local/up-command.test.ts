import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Command } from 'commander';
import { localClientSchema } from '../../cli/context.ts';
import { runProgram } from '../../cli/program.ts';
import { addUpCommand, type RunningCloud, type StartOptions, type UpDeps } from '../../cli/up-command.ts';
import { HoldfastError } from '../../core/errors.ts';
import { synthesize } from '../../local/synthesize.ts';
import { temporaryDirectory } from './fixture.ts';

let directory: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => directory.remove());

interface Run {
  exitCode: number;
  output: string[];
  errors: string[];
  /** What else went to standard error. */
  said: string[];
  started: StartOptions[];
  stops: number;
}

/** Types `holdfast up …` over a cloud that is only a description of one. */
async function up(
  argv: string[],
  over: Partial<UpDeps> & { stopped?: Promise<void> } = {},
  place = ['--data-dir', directory.path],
): Promise<Run> {
  const run: Run = { exitCode: 0, output: [], errors: [], said: [], started: [], stops: 0 };
  const cloud: RunningCloud = {
    urls: {
      'holdfast-home': { ApiUrl: 'http://127.0.0.1:1', SnapshotBucketName: 'snapshots' },
      'holdfast-cell-1': { ApiUrl: 'http://127.0.0.1:2', WebSocketUrl: 'ws://127.0.0.1:3/v1' },
    },
    endpoints: { 'holdfast-home': 'http://127.0.0.1:4' },
    region: 'eu-west-1',
    storageCredentials: { accessKeyId: 'AKIB', secretAccessKey: 'kept' },
    operatorCredentials: { accessKeyId: 'AKIA', secretAccessKey: 'well-kept' },
    stopped: over.stopped ?? new Promise(() => undefined),
    stop: async () => void (run.stops += 1),
  };
  const deps: UpDeps = {
    env: {},
    stdout: (text) => run.output.push(text),
    stderr: (text) => (text.startsWith('error: ') ? run.errors : run.said).push(text),
    now: Date.now,
    readStdin: async () => '',
    start: async (options) => {
      run.started.push(options);
      return cloud;
    },
    interrupted: async () => undefined,
    isTerminal: false,
    ...over,
  };
  const program = new Command('holdfast');
  addUpCommand(program, deps);
  run.exitCode = await runProgram(program, ['up', ...place, ...argv], deps);
  return run;
}

describe('holdfast up', () => {
  it('leaves what the commands beside it need, for its owner alone, and stops when it is interrupted', async () => {
    const run = await up([]);
    const file = join(directory.path, 'client.json');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(localClientSchema.parse(JSON.parse(readFileSync(file, 'utf8')))).toMatchObject({
      endpoint: 'http://127.0.0.1:1',
      cells: { 'cell-1': 'http://127.0.0.1:2' },
      sqsEndpoint: 'http://127.0.0.1:4',
      operator: { accessKeyId: 'AKIA' },
    });
    const storage = join(directory.path, 's3.env');
    expect(statSync(storage).mode & 0o777).toBe(0o600);
    expect(readFileSync(storage, 'utf8')).toContain("export AWS_ENDPOINT_URL_S3='http://127.0.0.1:4'\n");
    expect(run.output[0]).toContain(`s3://snapshots/standalone (with the variables of ${storage})`);
    expect(run).toMatchObject({ exitCode: 0, stops: 1 });
    expect(run.output.join('\n')).not.toContain('kept');
  });

  it.each([
    [[], /^synthesizing the template, then starting 3 stacks: some ten seconds/],
    [['--no-synth', '--cells', '1'], /^starting 2 stacks/],
  ])('says at once what it is doing, and how long that takes: %j', async (argv, words) => {
    const said: string[] = [];
    const before = new Promise<string[]>((resolve) => {
      void up(argv, {
        stderr: (text) => said.push(text),
        start: () => {
          resolve([...said]);
          return new Promise(() => undefined);
        },
      });
    });
    expect(await before).toEqual([expect.stringMatching(words)]);
  });

  it.each([
    [['--data-dir', 'named'], { HOLDFAST_DATA_DIR: 'elsewhere' }, 'named'],
    [[], { HOLDFAST_DATA_DIR: 'elsewhere' }, 'elsewhere'],
    [[], {}, '.data'],
  ])('keeps its data in what %j and %j name', async (argv, env, dataDir) => {
    const started: StartOptions[] = [];
    const start = async (options: StartOptions): Promise<never> => {
      started.push(options);
      throw new HoldfastError('IO', 'it stops here');
    };
    await up(argv, { env, start }, []);
    expect(started).toMatchObject([{ dataDir }]);
  });

  it('hands its flags on', async () => {
    const run = await up([
      '--cells',
      '3',
      '--port',
      '5000',
      '--schedule-scale',
      '12',
      '--no-synth',
      '--log',
      'pretty',
    ]);
    expect(run.started).toMatchObject([
      {
        dataDir: directory.path,
        context: { cells: ['cell-1', 'cell-2', 'cell-3'] },
        portBase: 5000,
        scheduleScale: 12,
        synth: false,
        logFormat: 'pretty',
      },
    ]);
    expect(run.output[0]).toContain('schedules run 12 times as fast');
  });

  it.each([
    ['--cells', '0'],
    ['--cells', 'two'],
    ['--port', '80'],
    ['--schedule-scale', '0.5'],
    ['--log', 'xml'],
  ])('refuses %s %s in one line', async (flag, value) => {
    const run = await up([flag, value]);
    expect(run).toMatchObject({ exitCode: 64, started: [] });
    expect(run.errors).toEqual([expect.stringContaining(`${flag} ${value}`)]);
  });

  it('says in one line what hinders it', async () => {
    const busy = new HoldfastError('BUSY', 'holdfast-home: port 4700 is in use', {
      hint: 'choose another --port',
    });
    const run = await up([], { start: () => Promise.reject(busy) });
    expect(run.exitCode).toBe(82);
    expect(run.errors).toEqual(['error: BUSY: holdfast-home: port 4700 is in use — choose another --port']);
  });

  it('says where to look when a function that it needs fails', async () => {
    const failed = new HoldfastError('UNAVAILABLE', '500 Internal Server Error', { hint: 'try again' });
    const run = await up([], { onReady: () => Promise.reject(failed) });
    expect(run).toMatchObject({ exitCode: 69, stops: 1 });
    expect(run.errors).toEqual([
      'error: UNAVAILABLE: everything has started, and the API answers: 500 Internal Server Error — a line ' +
        '“function.failed” above says why; a damaged cdk.out is made anew without --no-synth',
    ]);
  });

  it('ends with an error when the cloud ends by itself', async () => {
    const stopped = Promise.reject(
      new HoldfastError('INTERNAL', 'the process of holdfast-home ended with SIGKILL'),
    );
    const run = await up([], { stopped, interrupted: () => new Promise(() => undefined) });
    expect(run).toMatchObject({ exitCode: 70, stops: 1 });
  });
});

describe('a synthesis', () => {
  it('that fails says why in one line and leaves nothing behind', async () => {
    const outDir = join(directory.path, 'cdk.out');
    await expect(synthesize(outDir, { cells: ['Not A Cell'] })).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringMatching(/^synthesis failed: .*context cells/) as unknown,
    });
    expect(() => statSync(outDir)).toThrow('ENOENT');
  });
});

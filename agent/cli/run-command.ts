import { resolve } from 'node:path';
import { Option } from 'commander';
import { HoldfastError } from '../../core/errors.ts';
import type { LogLevel } from '../../core/log.ts';
import type { AgentOptions } from '../agent.ts';
import { openStateDirectory } from '../state/state-directory.ts';
import type { AddCommands, CliContext } from './cli-context.ts';
import { logFormats, logLevels, logTo } from './log-output.ts';
import { stateDirOption, statePathOf } from './state-option.ts';
import { parseBandwidth, parseDurationMs } from './units.ts';
import { exampleText, outboundText } from './example-text.ts';

interface RunOptions {
  stateDir?: string;
  checkInterval: string;
  log?: (typeof logFormats)[number];
  logLevel: (typeof logLevels)[number];
  metricsPort?: string;
  metricsDir?: string;
  restoreBandwidth?: string;
}

export const addRunCommand: AddCommands = (program, cli) => {
  program
    .command('run')
    .summary('run the agent of this gateway')
    .description(
      'Serves the gateway’s volumes over NBD, keeps its connection to the control plane, reports status and runs\n' +
        'commands, until SIGTERM or SIGINT. It can be killed at any moment: what it acknowledged is on disk.',
    )
    .addOption(stateDirOption())
    .option('--check-interval <duration>', 'how often each volume’s backing file is looked at', '60s')
    .option('--restore-bandwidth <size>', 'bytes per second of all restores’ background, e.g. 50MiB')
    .option('--metrics-port <port>', 'serve Prometheus metrics on this port of 127.0.0.1')
    .option('--metrics-dir <dir>', 'report what the data path writes there as Prometheus text (*.prom)')
    .addOption(new Option('--log <format>', 'default: pretty on a terminal, else json').choices(logFormats))
    .addOption(
      new Option('--log-level <level>', 'least level, until the gateway’s configuration names one')
        .choices(logLevels)
        .default('info'),
    )
    .addHelpText(
      'after',
      outboundText +
        exampleText(
          'run',
          'run --check-interval 10s --log json',
          'run --metrics-port 9101 --metrics-dir /run/gateway-metrics',
        ),
    )
    .action((options: RunOptions) => run(options, cli));
};

async function run(options: RunOptions, cli: CliContext): Promise<void> {
  const { checkIntervalMs, metricsPort, metricsDir, restoreBytesPerSec } = parsed(options);
  let configuredLevel: LogLevel | undefined;
  const log = logTo((line) => cli.stderr(`${line}\n`), cli.now, {
    format: options.log ?? (cli.interactive ? 'pretty' : 'json'),
    level: () => configuredLevel ?? options.logLevel,
  });
  let restarting = true;
  while (restarting) {
    const restart = Promise.withResolvers<'restart'>();
    const state = await openStateDirectory(statePathOf(options, cli));
    try {
      // Half of the agent's code is for this command alone.
      const { startAgent } = await import('../agent.ts');
      const agent = await startAgent({
        state,
        env: cli.env,
        log,
        checkIntervalMs,
        metricsPort,
        metricsDir,
        restoreBytesPerSec,
        setLogLevel: (level) => (configuredLevel = level),
        requestRestart: () => restart.resolve('restart'),
      });
      restarting = (await Promise.race([restart.promise, aborted(cli.signal)])) === 'restart';
      await agent.close();
    } finally {
      await state.close();
    }
    // Where a process cannot be replaced, the agent alone starts again.
    if (restarting) cli.restartProcess();
  }
}

function parsed(
  options: RunOptions,
): Pick<AgentOptions, 'checkIntervalMs' | 'metricsPort' | 'metricsDir' | 'restoreBytesPerSec'> {
  const checkIntervalMs = parseDurationMs(options.checkInterval);
  if (checkIntervalMs < 1_000)
    throw new HoldfastError('USAGE', '--check-interval is at least 1s', { hint: 'write 10s, 1m' });
  const metricsPort = options.metricsPort === undefined ? undefined : Number(options.metricsPort);
  if (
    metricsPort !== undefined &&
    !(Number.isInteger(metricsPort) && metricsPort >= 0 && metricsPort < 65_536)
  )
    throw new HoldfastError('USAGE', `--metrics-port “${options.metricsPort}” is not a port`, {
      hint: 'a whole number from 0 to 65535, e.g. 9101',
    });
  const { restoreBandwidth } = options;
  const restoreBytesPerSec = restoreBandwidth === undefined ? undefined : parseBandwidth(restoreBandwidth);
  const metricsDir = options.metricsDir === undefined ? undefined : resolve(options.metricsDir);
  return { checkIntervalMs, metricsPort, metricsDir, restoreBytesPerSec };
}

const aborted = (signal: AbortSignal): Promise<'stop'> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve('stop');
    signal.addEventListener('abort', () => resolve('stop'), { once: true });
  });

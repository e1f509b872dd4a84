#!/usr/bin/env node
// The thread pool's size is read at its first use: set it before anything else is loaded.
process.env.UV_THREADPOOL_SIZE ??= '16';
const { exitWithParent } = await import('./exit-with-parent.ts');
exitWithParent(process.env);
const { reportLostOutput } = await import('./report-lost-output.ts');
const { runAgentCli } = await import('../agent/cli/program.ts');

const { HoldfastError } = await import('../core/errors.ts');
const { givenEnv } = await import('../core/given-env.ts');

reportLostOutput(process);

const stopping = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.once(name, () => stopping.abort(new HoldfastError('STEP_FAILED', `stopped by ${name}`)));

process.exitCode = await runAgentCli(process.argv.slice(2), {
  env: givenEnv(process.env),
  stdin: process.stdin,
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  now: Date.now,
  signal: stopping.signal,
  interactive: process.stderr.isTTY === true,
  restartProcess: () =>
    process.execve?.(process.execPath, [process.execPath, ...process.execArgv, ...process.argv.slice(1)]),
});

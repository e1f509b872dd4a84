#!/usr/bin/env node
import { setGlobalProxyFromEnv } from 'node:http';
import { text } from 'node:stream/consumers';
import { runProgram } from '../cli/program.ts';
import { errorCodes, errorLine, HoldfastError } from '../core/errors.ts';
import { givenEnv } from '../core/given-env.ts';
import { requireProxyUrls } from '../core/proxies.ts';
import { startLocal } from '../local/up.ts';
import { exitWithParent } from './exit-with-parent.ts';
import { reportLostOutput } from './report-lost-output.ts';
import { holdfastProgram } from './holdfast-program.ts';

exitWithParent(process.env);
reportLostOutput(process);

/** As HTTPS_PROXY and its like say; this machine itself is never reached through one. */
function useProxies(): void {
  try {
    requireProxyUrls(process.env);
    const given = process.env['no_proxy'] ?? process.env['NO_PROXY'];
    const direct = [given, 'localhost', '127.0.0.1', '[::1]'].filter(Boolean).join(',');
    setGlobalProxyFromEnv({ ...process.env, no_proxy: direct, NO_PROXY: direct });
  } catch (cause) {
    const error =
      cause instanceof HoldfastError
        ? cause
        : new HoldfastError('CONFIG', `a proxy is not a URL: ${(cause as Error).message}`, {
            hint: 'correct HTTPS_PROXY or HTTP_PROXY: http://proxy.example.com:3128',
            cause,
          });
    process.stderr.write(`${errorLine(error)}\n`);
    process.exit(errorCodes[error.code].exit);
  }
}

/** Of a command that ran to its end and has something to say by it. */
let exitCode = 0;
const deps = {
  env: givenEnv(process.env),
  stdout: (line: string) => void process.stdout.write(`${line}\n`),
  stderr: (line: string) => void process.stderr.write(`${line}\n`),
  now: Date.now,
  readStdin: () => text(process.stdin),
  start: startLocal,
  interrupted: () =>
    new Promise<void>((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
    }),
  isTerminal: process.stdout.isTTY,
  stopSignal: () => {
    const stopping = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.once(signal, () => stopping.abort(new Error(`stopped by ${signal}`)));
    return stopping.signal;
  },
  setExitCode: (code: number) => void (exitCode = code),
};

useProxies();
const failed = await runProgram(holdfastProgram(deps), process.argv.slice(2), deps);
process.exitCode = failed || exitCode;

#!/usr/bin/env node
import { setGlobalProxyFromEnv } from 'node:http';
import { text } from 'node:stream/consumers';
import { runProgram } from '../cli/program.ts';
import { startLocal } from '../local/up.ts';
import { exitWithParent } from './exit-with-parent.ts';
import { holdfastProgram } from './holdfast-program.ts';

setGlobalProxyFromEnv();
exitWithParent(process.env);
// Whoever read our output is gone: nothing to say to them, and no reason to end in the middle of something.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

/** Of a command that ran to its end and has something to say by it. */
let exitCode = 0;
const deps = {
  env: process.env,
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

const failed = await runProgram(holdfastProgram(deps), process.argv.slice(2), deps);
process.exitCode = failed || exitCode;

#!/usr/bin/env node
import { setGlobalProxyFromEnv } from 'node:http';
import { text } from 'node:stream/consumers';
import { Command } from 'commander';
import { addAdminCommands } from '../admin/admin-command.ts';
import { addAccessCommands } from '../cli/access-commands.ts';
import { addActivationCommands } from '../cli/activation-commands.ts';
import { adminConnection } from '../cli/admin-connection.ts';
import { addAlertCommands } from '../cli/alert-commands.ts';
import { addCommandCommands } from '../cli/command-commands.ts';
import { addFleetCommands } from '../cli/fleet-commands.ts';
import { addGatewayCommands } from '../cli/gateway-commands.ts';
import { printFirstSteps } from '../cli/first-steps.ts';
import { runProgram, type CliDeps } from '../cli/program.ts';
import { addUpCommand } from '../cli/up-command.ts';
import { startLocal } from '../local/up.ts';

setGlobalProxyFromEnv();
// Whoever read our output is gone: nothing to say to them, and no reason to end in the middle of something.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
const deps: CliDeps = {
  env: process.env,
  stdout: (line) => process.stdout.write(`${line}\n`),
  stderr: (line) => process.stderr.write(`${line}\n`),
  now: Date.now,
  readStdin: () => text(process.stdin),
};

/** Of a command that ran to its end and has something to say by it. */
let exitCode = 0;
const program = new Command('holdfast')
  .description('the control plane of a fleet of storage gateways')
  .version('0.1.0');
addUpCommand(program, {
  ...deps,
  start: startLocal,
  onReady: (client, dataDir) => printFirstSteps(client, dataDir, deps),
  interrupted: () =>
    new Promise((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
    }),
  isTerminal: process.stdout.isTTY,
});
addActivationCommands(program, deps);
addGatewayCommands(program, deps);
addCommandCommands(program, deps);
addAlertCommands(program, deps);
addFleetCommands(program, deps);
const admin = program
  .command('admin')
  .description('the customer’s side: admin process, subscriptions, tokens');
addAccessCommands(admin, deps);
addAdminCommands(admin, {
  ...deps,
  connect: (flags) => adminConnection(flags, process.env),
  stopSignal: () => {
    const stopping = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.once(signal, () => stopping.abort(new Error(`stopped by ${signal}`)));
    return stopping.signal;
  },
  setExitCode: (code) => (exitCode = code),
});

const failed = await runProgram(program, process.argv.slice(2), deps);
process.exitCode = failed || exitCode;

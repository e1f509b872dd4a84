#!/usr/bin/env node
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { callAgent } from '../agent/control/control-client.ts';
import { noDirectory, openError } from '../agent/nbd/path-errors.ts';
import { errnoOf } from '../agent/state/versioned-file.ts';
import { runSteps, writeReport } from '../cli/demo/report.ts';
import { story } from '../cli/demo/story.ts';
import { World } from '../cli/demo/world.ts';
import { runProgram } from '../cli/program.ts';
import { HoldfastError } from '../core/errors.ts';
import { givenEnv } from '../core/given-env.ts';

const program = new Command('demo')
  .description('Holdfast’s main story with real processes on this machine; exit 0 only if every step held')
  .option('--json <file>', 'write the report to this file')
  .option('--kill-at <fraction>', 'restored fraction at which the agent is killed, between 0 and 1', '0.5')
  .option('--keep', 'keep the directory with data and logs')
  .addHelpText('after', '\nExamples:\n  $ npm run demo\n  $ npm run demo -- --kill-at 0.2 --json report.json')
  .action(async () => {
    const flags = program.opts<{ json?: string; killAt: string; keep?: boolean }>();
    const killAt = Number(flags.killAt);
    if (!(killAt > 0 && killAt < 1))
      throw new HoldfastError('USAGE', `--kill-at ${flags.killAt} is not between 0 and 1`, {
        hint: '--kill-at 0.5',
      });
    if (flags.json) await mustBeWritable(flags.json);
    const dir = await mkdtemp(join(tmpdir(), 'holdfast-demo-'));
    const world = new World(dir, dirname(dirname(fileURLToPath(import.meta.url))), callAgent);
    let isInterrupted = false;
    const print = (line: string) => isInterrupted || process.stdout.write(`${line}\n`);
    const interrupt = (signal: NodeJS.Signals) => {
      print(`stopped by ${signal}; data and logs: ${dir}`);
      isInterrupted = true;
      void world.processes.stopAll().finally(() => process.exit(130));
    };
    process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
    const report = await runSteps(story(world, killAt), print).finally(() => world.processes.stopAll());
    if (flags.json) await writeReport(flags.json, report);
    if (report.ok && !flags.keep) await rm(dir, { recursive: true });
    else print(`data and logs: ${dir}`);
    if (!report.ok) process.exitCode = 1;
  });

/** Before minutes are spent on a report that has nowhere to go. */
async function mustBeWritable(file: string): Promise<void> {
  try {
    await (await open(file, 'a')).close();
  } catch (cause) {
    throw errnoOf(cause) === 'ENOENT' ? noDirectory(file, cause) : openError(file, cause);
  }
}

const code = await runProgram(program, process.argv.slice(2), {
  env: givenEnv(process.env),
  stdout: (line) => process.stdout.write(`${line}\n`),
  stderr: (line) => process.stderr.write(`${line}\n`),
  now: Date.now,
  readStdin: async () => '',
});
if (code !== 0) process.exitCode = code;

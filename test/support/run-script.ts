import type { Command } from 'commander';
import { runProgram } from '../../cli/program.ts';

/** A script of package.json has the name of its program; npm hands it what stands behind `--`. */
const typedScript = (commandLine: string): string => `npm run -s ${commandLine.replace(' ', ' -- ')}`;

/** Runs a script of the tests as the CLIs run: one line for an error, and an exit code. */
export async function runScript(program: Command): Promise<void> {
  const deps = {
    env: process.env,
    stdout: (line: string) => console.log(line),
    stderr: (line: string) => console.error(line),
    now: Date.now,
    readStdin: () => Promise.resolve(''),
  };
  const code = await runProgram(program, process.argv.slice(2), deps, { toType: typedScript });
  if (code !== 0) process.exitCode = code;
}

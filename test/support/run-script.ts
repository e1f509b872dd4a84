import type { Command } from 'commander';
import { runProgram } from '../../cli/program.ts';

/** Runs a script of the tests as the CLIs run: one line for an error, and an exit code. */
export async function runScript(program: Command): Promise<void> {
  const code = await runProgram(program, process.argv.slice(2), {
    env: process.env,
    stdout: (line) => console.log(line),
    stderr: (line) => console.error(line),
    now: Date.now,
    readStdin: () => Promise.resolve(''),
  });
  if (code !== 0) process.exitCode = code;
}

import { Readable } from 'node:stream';
import type { Command, Option } from 'commander';
import { agentProgram, runAgentCli } from '../../agent/cli/program.ts';
import { holdfastProgram } from '../../bin/holdfast-program.ts';
import { runProgram } from '../../cli/program.ts';

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}
/** One of the two command lines, as its entry point puts it together. */
export interface CommandLine {
  name: string;
  run: (argv: string[]) => Promise<Ran>;
  program: () => Command;
}

const unexpected = (what: string) => () => {
  throw new Error(`${what} was not to be used`);
};

function holdfast(): { program: Command; run: (argv: string[]) => Promise<Ran> } {
  const ran = { stdout: '', stderr: '' };
  const deps = {
    env: {},
    stdout: (line: string) => void (ran.stdout += `${line}\n`),
    stderr: (line: string) => void (ran.stderr += `${line}\n`),
    now: () => 0,
    readStdin: async () => '',
    start: unexpected('the local control plane'),
    interrupted: unexpected('a signal'),
    isTerminal: false,
    stopSignal: unexpected('a signal'),
    setExitCode: unexpected('the exit code'),
  };
  const program = holdfastProgram(deps);
  return { program, run: async (argv) => ({ code: await runProgram(program, argv, deps), ...ran }) };
}

const agentContext = (ran: { stdout: string; stderr: string }) => ({
  env: {},
  stdin: Readable.from([]),
  stdout: (text: string) => void (ran.stdout += text),
  stderr: (text: string) => void (ran.stderr += text),
  now: () => 0,
  signal: new AbortController().signal,
  interactive: false,
  restartProcess: () => undefined,
});

async function runAgent(argv: string[]): Promise<Ran> {
  const ran = { stdout: '', stderr: '' };
  const code = await runAgentCli(argv, agentContext(ran));
  return { code, ...ran };
}

export const commandLines: CommandLine[] = [
  { name: 'holdfast', run: (argv) => holdfast().run(argv), program: () => holdfast().program },
  {
    name: 'holdfast-agent',
    run: runAgent,
    program: () => agentProgram(agentContext({ stdout: '', stderr: '' })),
  },
];

export interface Found {
  /** What is typed after the program's name; the root is []. */
  path: string[];
  isGroup: boolean;
  /** `--out <file> write it to this file`, of each option that must be given. */
  required: string[];
  /** Options that take a value, each with one that it takes. */
  valued: { flag: string; value: string; isCollected: boolean }[];
}

/** A parser that keeps what came before makes a list of what is given. */
const isCollected = ({ parseArg, defaultValue }: Option, value: string): boolean =>
  Array.isArray(parseArg?.(value, defaultValue as string));

export function pathsOf(command: Command, path: string[] = []): Found[] {
  const required = command.options.filter(({ mandatory }) => mandatory);
  return [
    {
      path,
      isGroup: command.commands.length > 0,
      required: required.map(({ flags, description }) => `${flags} ${description}`),
      valued: command.options
        .filter((option) => option.required || option.optional)
        .map((option) => {
          const value = option.argChoices?.[0] ?? 'x';
          return { flag: option.long ?? '', value, isCollected: isCollected(option, value) };
        }),
    },
    ...command.commands.flatMap((child) => pathsOf(child, [...path, child.name()])),
  ];
}

import { createReadStream } from 'node:fs';
import { hostname } from 'node:os';
import type { Readable } from 'node:stream';
import { HoldfastError } from '../../core/errors.ts';
import { agentVersion } from '../version.ts';
import { openError } from '../nbd/path-errors.ts';
import { outboundAgent } from '../connection/outbound-agent.ts';
import { openStateDirectory } from '../state/state-directory.ts';
import { errnoOf } from '../state/versioned-file.ts';
import type { AddCommands, CliContext } from './cli-context.ts';
import { stateDirOption, statePathOf } from './state-option.ts';
import { exampleText, outboundText } from './example-text.ts';
import type { Activated } from '../identity/activate.ts';
import { shellWord, typed } from '../../core/typed.ts';

interface ActivateOptions {
  server: string;
  codeFile?: string;
  cell?: string;
  stateDir?: string;
  json?: boolean;
}

const codeBytesMax = 1_024;

export const addActivateCommand: AddCommands = (program, cli) => {
  program
    .command('activate')
    .summary('trade an activation code for an identity')
    .description(
      'Makes this gateway’s key and trades a single-use activation code for its identity. The code is read from\n' +
        'standard input or a file, never from the arguments, where other users of this machine could see it.\n' +
        'After a crash the same command can be repeated.',
    )
    .requiredOption('--server <url>', 'URL of the control plane')
    .option('--code-file <file>', 'read the code from this file instead of standard input')
    .option('--cell <id>', 'dial this cell first')
    .option('--json', 'print the identity as JSON')
    .addOption(stateDirOption())
    .addHelpText(
      'after',
      outboundText +
        exampleText('activate --server https://holdfast.example.com --code-file code.txt') +
        `  $ pass show holdfast/code | \\\n      ${typed('holdfast-agent activate --server https://holdfast.example.com')}`,
    )
    .action(async (options: ActivateOptions) => {
      const code = await readCode(options.codeFile, cli);
      const { activate } = await import('../identity/activate.ts');
      const state = await openStateDirectory(statePathOf(options, cli));
      try {
        const identity = await activate(
          state,
          {
            serverUrl: options.server,
            code,
            preferredCellId: options.cell,
            agentVersion,
            hostname: hostname(),
          },
          { now: cli.now, agent: outboundAgent(cli.env), signal: cli.signal },
        );
        const elsewhere = options.stateDir === undefined ? '' : ` --state-dir ${shellWord(options.stateDir)}`;
        if (options.json) cli.stdout(`${JSON.stringify(identity, null, 2)}\n`);
        else
          cli.stdout(
            `activated: gateway ${identity.gatewayId}${identity.name ? ` "${identity.name}"` : ''}` +
              ` of tenant ${identity.tenantId}\nstate: ${state.path}\n${identity.pending ? pendingText(identity) : ''}` +
              `next: ${typed(`holdfast-agent run${elsewhere}`)}\n`,
          );
      } finally {
        await state.close();
      }
    });
};

const pendingText = ({ gatewayId, keyFingerprint }: Activated): string =>
  `fingerprint: ${keyFingerprint}\n` +
  `waits for the customer: who knows this fingerprint types ${typed(`holdfast gateways confirm ${gatewayId}`)}\n`;

async function readCode(file: string | undefined, cli: CliContext): Promise<string> {
  if (file === undefined || file === '-') {
    if (cli.stdin.isTTY) cli.stderr('activation code: ');
    return firstLine(cli.stdin);
  }
  try {
    return await firstLine(createReadStream(file));
  } catch (cause) {
    if (cause instanceof HoldfastError) throw cause;
    if (errnoOf(cause) === 'EISDIR')
      throw new HoldfastError('INVALID_INPUT', `${file} is a directory`, {
        hint: 'name the file that holds the code with --code-file',
      });
    throw openError(file, cause);
  }
}

async function firstLine(input: Readable): Promise<string> {
  let text = '';
  for await (const part of input) {
    text += String(part);
    if (text.includes('\n') || text.length > codeBytesMax) break;
  }
  const code = text.split('\n', 1)[0]!.trim();
  if (code === '')
    throw new HoldfastError('INVALID_INPUT', 'no activation code was given', {
      hint: 'pipe the code in, or name a file that holds it with --code-file',
    });
  return code;
}

import type { SQSClient } from '@aws-sdk/client-sqs';
import type { Command } from 'commander';
import { errorCodes, HoldfastError } from '../core/errors.ts';
import { requireHttpUrl } from '../core/http-url.ts';
import { jsonLog, type Log } from '../core/log.ts';
import { setTimeout as delay } from 'node:timers/promises';
import type { AdminApi } from './admin-api.ts';
import { CaseBook } from './case-book.ts';
import { readPlaybook } from './playbook.ts';
import { sqsQueue } from './queue.ts';
import { runAdmin } from './run-admin.ts';
import { subscribe } from './subscribe.ts';
import { defaultPollMs } from './work-case.ts';
import { typed, typedNext } from '../core/typed.ts';

export interface ConnectionFlags {
  endpoint?: string;
  tenant?: string;
  tokenFile?: string;
  dataDir?: string;
}
/** The HTTP API as the caller's identity, and SQS; `sqsEndpoint` where that is not AWS's own. */
export interface AdminConnection {
  api: AdminApi;
  sqs: SQSClient;
  sqsEndpoint?: string;
}
export interface AdminCommandDeps {
  connect: (flags: ConnectionFlags) => AdminConnection;
  stdout: (line: string) => void;
  now: () => number;
  /** Aborts when the process shall stop. */
  stopSignal: () => AbortSignal;
  setExitCode: (code: number) => void;
}

/** `admin run` and `admin subscribe`, below the group `admin`. */
export function addAdminCommands(admin: Command, deps: AdminCommandDeps): void {
  const run = withConnection(admin.command('run'))
    .description('answer alerts with commands, by a playbook, until stopped')
    .requiredOption('--queue <url>', 'the queue that alerts come to (see `admin subscribe`)')
    .requiredOption('--playbook <file>', 'what to do about which condition (docs/playbooks.md)')
    .option('--state-dir <dir>', 'where it remembers what it has done', '.holdfast-admin')
    .option('--log <form>', 'json or pretty', 'pretty')
    .addHelpText(
      'after',
      `\nExamples:\n  $ ${typed('holdfast admin run --queue $QUEUE_URL --playbook playbook.json')}`,
    )
    .action(async () => {
      const flags = run.opts<ConnectionFlags & RunFlags>();
      const log = logFor(flags.log, deps);
      requireHttpUrl(flags.queue, '--queue', 'https://sqs.REGION.amazonaws.com/ACCOUNT/NAME');
      const playbook = await readPlaybook(flags.playbook);
      const book = await CaseBook.open(flags.stateDir);
      const { api, sqs } = deps.connect(flags);
      const { escalated } = await runAdmin(
        {
          api,
          queue: sqsQueue(sqs, flags.queue),
          book,
          playbook,
          now: deps.now,
          sleep: (ms, signal) => delay(ms, undefined, { signal }).catch(() => undefined),
          log,
          pollMs: defaultPollMs,
        },
        deps.stopSignal(),
      );
      sqs.destroy();
      log('info', 'admin.stopped', { escalated });
      if (escalated > 0) deps.setExitCode(errorCodes.STEP_FAILED.exit);
    });

  const subscription = withConnection(admin.command('subscribe'))
    .description('have a tenant’s alerts sent to a queue; makes the queue if there is none')
    .requiredOption('--queue-name <name>', 'holdfast-alerts-NAME')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `\nExamples:\n  $ ${typed('holdfast admin subscribe --queue-name holdfast-alerts-main')}`,
    )
    .action(async () => {
      const flags = subscription.opts<ConnectionFlags & { queueName: string; json?: boolean }>();
      const connection = deps.connect(flags);
      const answer = await subscribe(connection, flags.queueName).finally(() => connection.sqs.destroy());
      deps.stdout(
        flags.json
          ? JSON.stringify(answer, null, 2)
          : `subscription ${answer.subscriptionId}: ${answer.state}\nqueue: ${answer.queueUrl}\n` +
              `\`${typedNext(`holdfast admin run --queue ${answer.queueUrl} --playbook FILE`, flags)}\` confirms it`,
      );
    });
}

interface RunFlags {
  queue: string;
  playbook: string;
  stateDir: string;
  log: string;
}

const withConnection = (command: Command): Command =>
  command
    .option('--tenant <id>', 'the tenant (default: HOLDFAST_TENANT, else "default")')
    .option(
      '--endpoint <url>',
      'the control plane’s HTTP API (default: HOLDFAST_ENDPOINT, else the local one)',
    )
    .option(
      '--token-file <file>',
      'ask as a tenant with this token (default: HOLDFAST_TOKEN_FILE, else as operator)',
    )
    .option('--data-dir <dir>', `data directory of a local \`${typed('holdfast up')}\` (default: .data)`);

function logFor(form: string, { stdout, now }: AdminCommandDeps): Log {
  if (form === 'json') return jsonLog(stdout, now);
  if (form !== 'pretty')
    throw new HoldfastError('USAGE', `--log ${form} is neither json nor pretty`, {
      hint: 'write --log json',
    });
  return (level, event, fields = {}) => {
    const shown = Object.entries(fields).filter(([, value]) => value !== undefined && value !== '');
    const text = shown.map(([name, value]) => `${name}=${String(value)}`).join(' ');
    stdout(`${new Date(now()).toISOString()} ${level.padEnd(5)} ${event} ${text}`.trimEnd());
  };
}

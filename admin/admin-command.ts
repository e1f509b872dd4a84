import type { SQSClient } from '@aws-sdk/client-sqs';
import type { Command } from 'commander';
import { foldedCommand } from '../core/example-text.ts';
import type { SubscriptionView } from '../core/subscriptions/api.ts';
import { typed, typedNext } from '../core/typed.ts';
import type { AdminApi } from './admin-api.ts';
import { addCheckCommand } from './check-command.ts';
import { addRunCommand } from './run-command.ts';
import { subscribe } from './subscribe.ts';

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
  /** Of the terminal. */
  columns: () => number;
  isTerminal: boolean;
  /** One process at a time for the name. Throws BUSY with these words. */
  lock: (name: string, busy: { message: string; hint: string }) => Promise<{ release(): Promise<void> }>;
  /** Aborts when the process shall stop. */
  stopSignal: () => AbortSignal;
  setExitCode: (code: number) => void;
}

/** `admin run`, `admin check` and `admin subscribe`, below the group `admin`. */
export function addAdminCommands(admin: Command, deps: AdminCommandDeps): void {
  addRunCommand(admin, deps);
  addCheckCommand(admin, deps);
  const subscription = withConnection(admin.command('subscribe'))
    .description('have a tenant’s alerts sent to a queue; makes the queue if there is none')
    .requiredOption('--queue-name <name>', 'holdfast-alerts-NAME; the tenant is put before the name')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `\nExamples:\n  $ ${typed('holdfast admin subscribe --queue-name holdfast-alerts-main')}`,
    )
    .action(async () => {
      const flags = subscription.opts<ConnectionFlags & { queueName: string; json?: boolean }>();
      const connection = deps.connect(flags);
      const answer = await subscribe(connection, flags.queueName).finally(() => connection.sqs.destroy());
      deps.stdout(flags.json ? JSON.stringify(answer, null, 2) : subscribedText(answer, flags));
    });
}

function subscribedText(answer: SubscriptionView, flags: ConnectionFlags): string {
  const { subscriptionId, state, queueUrl = '', next } = answer;
  const toRun = typedNext(`holdfast admin run --queue ${queueUrl} --playbook FILE`, flags);
  const confirms =
    state === 'pending' || next ? 'to confirm it, and answer its alerts' : 'to answer its alerts';
  return [
    `subscription ${subscriptionId}: ${state}`,
    `queue: ${queueUrl}`,
    `${confirms}:`,
    foldedCommand(`  ${toRun}`),
  ].join('\n');
}

/** The flags that say where the control plane is and who asks. */
export const withConnection = (command: Command): Command =>
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
    .option(
      '--data-dir <dir>',
      `data directory of a local \`${typed('holdfast up')}\` (default: HOLDFAST_DATA_DIR, else .data)`,
    );

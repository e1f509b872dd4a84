import { mkdir, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { errorCodes, HoldfastError } from '../core/errors.ts';
import { requireHttpUrl } from '../core/http-url.ts';
import { typed } from '../core/typed.ts';
import { withConnection, type AdminCommandDeps, type ConnectionFlags } from './admin-command.ts';
import { CaseBook } from './case-book.ts';
import { intentionsOf, intentionTable } from './dry-run.ts';
import { readPlaybook } from './playbook-file.ts';
import { sqsQueue } from './queue.ts';
import { runAdmin } from './run-admin.ts';
import { logFor } from './run-log.ts';
import { defaultPollMs } from './work-case.ts';

interface RunFlags extends ConnectionFlags {
  queue?: string;
  playbook: string;
  stateDir: string;
  log: string;
  once?: boolean;
  dryRun?: boolean;
  json?: boolean;
}
type Lock = Awaited<ReturnType<AdminCommandDeps['lock']>>;
/** For how long a process that only looks once waits for a message. */
const onceWaitSec = 2;

const examples = [
  typed('holdfast admin run --queue $QUEUE_URL --playbook playbook.yaml'),
  typed('holdfast admin run --queue $QUEUE_URL --playbook playbook.yaml --once'),
  typed('holdfast admin run --playbook playbook.yaml --dry-run'),
];

export function addRunCommand(admin: Command, deps: AdminCommandDeps): void {
  const run = withConnection(admin.command('run'))
    .description('answer alerts with commands, by a playbook, until stopped')
    .requiredOption('--playbook <file>', 'what to do about which condition (docs/playbooks.md)')
    .option('--queue <url>', 'the queue that alerts come to (see `admin subscribe`)')
    .option('--state-dir <dir>', 'where it remembers what it has done', '.holdfast-admin')
    .option('--once', 'do what is to be done now, and end; exit code 1 if a person has to look')
    .option('--dry-run', 'say what it would do about the open alerts; send, write and take nothing')
    .option('--json', 'with --dry-run: print JSON')
    .option('--log <form>', 'json or pretty', 'pretty')
    .addHelpText('after', `\nExamples:\n${examples.map((line) => `  $ ${line}`).join('\n')}`)
    .action(async () => {
      const flags = run.opts<RunFlags>();
      if (flags.json && !flags.dryRun)
        throw new HoldfastError('USAGE', '--json goes with --dry-run', { hint: 'write --log json' });
      await (flags.dryRun ? dryRun(flags, deps) : answerAlerts(flags, deps));
    });
}

async function dryRun(flags: RunFlags, deps: AdminCommandDeps): Promise<void> {
  const playbook = await readPlaybook(flags.playbook);
  const book = await CaseBook.look(flags.stateDir);
  const { api, sqs } = deps.connect(flags);
  sqs.destroy();
  const intentions = await intentionsOf({ api, book, playbook, now: deps.now });
  deps.stdout(
    flags.json ? JSON.stringify({ alerts: intentions }, null, 2) : intentionTable(intentions, deps.columns()),
  );
}

async function answerAlerts(flags: RunFlags, deps: AdminCommandDeps): Promise<void> {
  const log = logFor(flags.log, deps);
  const { queue, once = false } = flags;
  if (queue === undefined)
    throw new HoldfastError('USAGE', '--queue is missing', {
      hint: `\`${typed('holdfast admin subscribe')}\` makes one and prints its URL`,
    });
  requireHttpUrl(queue, '--queue', 'https://sqs.REGION.amazonaws.com/ACCOUNT/NAME');
  const playbook = await readPlaybook(flags.playbook);
  const { api, sqs } = deps.connect(flags);
  let lock: Lock | undefined;
  try {
    lock = await lockDirectory(flags.stateDir, deps);
    const { escalated, failed } = await runAdmin(
      {
        api,
        queue: sqsQueue(sqs, queue, once ? { waitSec: onceWaitSec } : {}),
        book: await CaseBook.open(flags.stateDir),
        playbook,
        now: deps.now,
        sleep: (ms, signal) => delay(ms, undefined, { signal }).catch(() => undefined),
        log,
        pollMs: defaultPollMs,
        once,
      },
      deps.stopSignal(),
    );
    log('info', 'admin.stopped', { escalated, failed });
    if (escalated > 0) deps.setExitCode(errorCodes.STEP_FAILED.exit);
    else if (once && failed > 0) deps.setExitCode(errorCodes.UNAVAILABLE.exit);
  } finally {
    sqs.destroy();
    await lock?.release();
  }
}

/** Two processes may share a queue, and no case book: each would write over what the other knows. */
async function lockDirectory(dir: string, { lock }: AdminCommandDeps): Promise<Lock | undefined> {
  // What is wrong with the directory the case book says.
  await mkdir(dir, { recursive: true, mode: 0o700 }).catch(() => undefined);
  const found = await stat(dir).catch(() => undefined);
  if (!found) return undefined;
  return lock(`holdfast-admin/${found.dev}:${found.ino}`, {
    message: `another admin process uses the state directory ${dir}`,
    hint: 'stop it, or give this one its own directory with --state-dir',
  });
}

import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { bulkLimits, type BulkTargetView, type BulkView } from '../core/bulk/api.ts';
import { totals } from '../core/bulk/decide.ts';
import { finalBulkStates } from '../core/bulk/model.ts';
import { HoldfastError, type ErrorCode } from '../core/errors.ts';
import { allBulks } from './all-pages.ts';
import { bulkTable, bulkText, progressText, targetTable } from './bulk-output.ts';
import { bulkBody, inFlags, type BulkFlags } from './bulk-request.ts';
import { collect } from './command-commands.ts';
import { parseDurationMs } from './duration.ts';
import { pollUntil } from './poll-until.ts';
import { apiCommand, commandGroup, type CliDeps, type Session } from './program.ts';
import { untilAnswered } from './submit-command.ts';
import { wholeBulkId } from './whole-id.ts';

const pollMs = 1_000;

export function addBulkCommands(program: Command, deps: CliDeps): void {
  const group = commandGroup(program, 'bulk', 'one command to many gateways of a tenant', [
    'bulk send probe --all',
    'bulk send service.restart --all --waves 1,10%,100% --abort-after 2%',
    'bulk show 3f9a… --watch',
    'bulk cancel 3f9a…',
  ]);
  const send = apiCommand(
    group,
    'send <kind>',
    'send a command to many gateways and wait until all are done',
    deps,
    [
      'bulk send probe --all',
      'bulk send service.restart --where agentVersion=0.1.* --rate 100/m --concurrency 20 --abort-after 5%',
      'bulk send volume.check -p volumeId=vol1 --gateways oslo.txt --refuse-offline',
      'bulk send probe --gateways - < gateways.txt --waves 1,10%,100% --abort-after 1 --no-wait',
    ],
  );
  send
    .option('-p, --param <name=value>', 'one parameter; repeat it for more', collect, [])
    .option('--params <file>', 'parameters as a JSON object from standard input: -')
    .option('--all', 'to every active gateway of the tenant')
    .option(
      '--gateways <file>',
      `to those in the file, an id a line, at most ${bulkLimits.targetCount}; standard input: -`,
    )
    .option(
      '--where <name=value>',
      'to the active ones whose name or agentVersion is this (* for any characters); repeat it to ask for both',
      collect,
      [],
    ) // prettier-ignore
    .option('--rate <count/unit>', 'start at most so many a second (5/s) or a minute (100/m)')
    .option('--concurrency <count>', 'of its commands, how many may be open at once (default: 50)')
    .option(
      '--waves <shares>',
      'how many each wave reaches, e.g. 1,10%,100%: the next begins when all before it are final',
    ) // prettier-ignore
    .option('--abort-after <share>', 'stop at so many failures, e.g. 3 or 5%; who cannot be reached counts')
    .option('--expires <duration>', 'start nothing after that (default: 1h)')
    .option('--refuse-offline', 'a gateway that is not connected fails at once')
    .option('--idempotency-key <key>', 'the same key with the same bulk send is the same bulk send')
    .option('--no-wait', 'print the bulk send as submitted')
    .option('--timeout <duration>', 'how long to wait for its end', '1h')
    .run(async (session, kind = '') => {
      const flags = send.opts<BulkFlags>();
      const timeoutMs = parseDurationMs('--timeout', flags.timeout);
      const created = await submitBulk(session, kind, flags);
      if (flags.wait !== false) deps.stderr(`bulk send ${created.bulkId} is submitted`);
      const bulk = flags.wait === false ? created : await watch(session, created, timeoutMs);
      session.show({ bulk }, () => bulkText(bulk, session.deps.now()));
      if (flags.wait !== false) failUnlessSucceeded(bulk, session);
    });

  apiCommand(group, 'list', 'list bulk sends, newest first', deps, ['bulk list', 'bulk list --json']).run(
    async ({ api, deps, show, toType }) => {
      const bulks = await allBulks(api);
      show({ bulks }, () => bulkTable(bulks, { now: deps.now(), toType }));
    },
  );

  const show = apiCommand(group, 'show <bulk>', 'show one bulk send: progress, rate, time left', deps, [
    'bulk show 3f9a…',
    'bulk show 3f9a… --watch',
  ]);
  show
    .option('--watch', 'until it is over, a line on standard error for each change')
    .option('--timeout <duration>', 'how long to watch', '1h')
    .run(async (session, given = '') => {
      const flags = show.opts<{ watch?: boolean; timeout: string }>();
      const timeoutMs = parseDurationMs('--timeout', flags.timeout);
      const bulkId = await wholeBulkId(session, given);
      const { bulk: found } = await session.api.call('getBulkSend', { params: { bulkId } });
      const bulk = flags.watch ? await watch(session, found, timeoutMs) : found;
      session.show({ bulk }, () => bulkText(bulk, session.deps.now()));
    });

  apiCommand(group, 'targets <bulk>', 'list what became of each gateway', deps, ['bulk targets 3f9a…']).run(
    async (session, given = '') => {
      const { api, show } = session;
      const bulkId = await wholeBulkId(session, given);
      const targets: BulkTargetView[] = [];
      let next: string | undefined;
      do {
        const page = await api.call('listBulkTargets', { params: { bulkId }, query: { next } });
        targets.push(...page.targets);
        next = page.next;
      } while (next);
      show({ targets }, () => targetTable(targets));
    },
  );

  apiCommand(group, 'cancel <bulk>', 'start nothing more, and cancel what no gateway has yet', deps, [
    'bulk cancel 3f9a…',
  ]).run(async (session, given = '') => {
    const { api, deps, show } = session;
    const bulkId = await wholeBulkId(session, given);
    const { bulk } = await api.call('cancelBulkSend', { params: { bulkId } });
    show({ bulk }, () => bulkText(bulk, deps.now()));
  });
}

/** An answer that was lost makes no second one. */
async function submitBulk(session: Session, kind: string, flags: BulkFlags): Promise<BulkView> {
  const { api, deps, toType } = session;
  const body = await bulkBody(deps, kind, { ...flags, idempotencyKey: flags.idempotencyKey ?? randomUUID() });
  const ask = async () => (await api.call('createBulkSend', { body })).bulk;
  try {
    return await untilAnswered(ask, { what: 'the bulk send', look: toType('holdfast bulk list') });
  } catch (thrown) {
    throw inFlags(thrown);
  }
}

const isOver = ({ state }: BulkView): boolean => (finalBulkStates as readonly string[]).includes(state);

/** Polls until it is over; each change is a line on standard error. Throws what `pollUntil` throws. */
function watch({ api, deps, toType }: Session, from: BulkView, timeoutMs: number): Promise<BulkView> {
  const { bulkId } = from;
  let shown = '';
  return pollUntil(deps, {
    what: `bulk send ${bulkId}`,
    look: toType(`holdfast bulk show ${bulkId} --watch`),
    ...{ from, timeoutMs, everyMs: pollMs, isOver },
    ask: async (signal) => (await api.call('getBulkSend', { params: { bulkId }, signal })).bulk,
    seen: (bulk) => {
      const changed = JSON.stringify([bulk.state, bulk.counts]);
      if (changed !== shown) deps.stderr(`${bulk.state}  ${progressText(bulk, deps.now())}`);
      shown = changed;
    },
  });
}

const failureCodes: Partial<Record<BulkView['state'], ErrorCode>> = { CANCELED: 'CONFLICT' };

function failUnlessSucceeded(bulk: BulkView, { toType }: Session): void {
  if (bulk.state === 'SUCCEEDED') return;
  const { total } = totals(bulk.counts);
  const why = bulk.reason ?? `${bulk.counts.SUCCEEDED ?? 0} of ${total} gateways succeeded`;
  throw new HoldfastError(failureCodes[bulk.state] ?? 'STEP_FAILED', `bulk send ${bulk.state}: ${why}`, {
    hint: `\`${toType(`holdfast bulk targets ${bulk.bulkId}`)}\` shows each gateway`,
  });
}

import type { Command } from 'commander';
import type { CommandView } from '../core/api.ts';
import { bundleOutputSchema, type BundleOutput } from '../core/diagnostics.ts';
import { HoldfastError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { plainIssues } from '../core/plain-issues.ts';
import { bundleText } from './bundle-text.ts';
import { downloadBundle, unpackBundle } from './download-bundle.ts';
import { parseDurationMs } from './duration.ts';
import { failUnlessSucceeded, follow, progressTeller } from './follow-command.ts';
import { apiCommand, type Session } from './program.ts';
import { requireNewFile, writeNewFile } from './secret-file.ts';
import { submitCommand } from './submit-command.ts';
import type { WatchDeps } from './watch-gateway.ts';
import { wholeCommandId } from './whole-id.ts';

interface DiagnoseFlags {
  out?: string;
  command?: string;
  timeout: string;
  json?: boolean;
}

export function addDiagnoseCommand(group: Command, deps: WatchDeps): void {
  const diagnose = apiCommand(
    group,
    'diagnose <gateway>',
    'fetch from a gateway what support asks for first: settings, state, network checks, log',
    deps,
    [
      'gateways diagnose gw-7x2k',
      'gateways diagnose gw-7x2k --out oslo.json.gz',
      'gateways diagnose gw-7x2k --command 5d1f…   # the bundle of an earlier one, up to 30 days old',
    ],
  );
  diagnose
    .option(
      '--out <file>',
      'a new file for the bundle (default: named after gateway and time, in this directory)',
    )
    .option('--command <id>', 'fetch what this command collected, instead of collecting anew')
    .option('--timeout <duration>', 'how long to wait for the gateway and its bundle', '5m')
    .addHelpText(
      'after',
      '\nThe bundle is gzipped JSON; what is in it, and what never is, stands in\ndocs/diagnostics.md.',
    )
    .run(async (session, gatewayId = '') => {
      const flags = diagnose.opts<DiagnoseFlags>();
      const range = { minMs: limits.commandExpiryMinMs, maxMs: limits.commandExpiryMaxMs };
      const timeoutMs = parseDurationMs('--timeout', flags.timeout, range);
      const file = flags.out ?? fileName(gatewayId, deps.now());
      requireNewFile(file);
      const command = await collected(session, deps, gatewayId, { ...flags, timeoutMs });
      const output = outputOf(command);
      const params = { gatewayId, commandId: command.commandId };
      const link = await session.api.call('linkBundle', { params });
      const bytes = await downloadBundle(link.url, output);
      writeNewFile(file, bytes);
      const { commandId } = command;
      session.show({ file, gatewayId, commandId, ...output, link }, () =>
        bundleText(unpackBundle(bytes), { file, output }),
      );
    });
}

/** The command whose bundle is wanted, SUCCEEDED. */
async function collected(
  session: Session,
  { stderr, interrupted }: WatchDeps,
  gatewayId: string,
  flags: DiagnoseFlags & { timeoutMs: number },
): Promise<CommandView> {
  const { timeoutMs } = flags;
  const from = await asked(session, gatewayId, flags.command, timeoutMs);
  const tell = progressTeller(stderr, 'waiting: the gateway is not connected, or collects for somebody else');
  const notConnected = new HoldfastError(
    'OFFLINE',
    `gateway ${gatewayId} did not connect within ${flags.timeout}`,
    { hint: `\`${session.toType(`holdfast gateways show ${gatewayId}`)}\` says when it was last seen` },
  );
  const command = await follow(session, from, {
    timeoutMs,
    interrupted,
    // It expires now, and the cloud says so only when it looks at it next.
    late: ({ state }) =>
      flags.command === undefined && (state === 'QUEUED' || state === 'SENT') ? notConnected : undefined,
    ...(flags.json ? {} : { seen: tell }),
  });
  if (command.state === 'EXPIRED') throw notConnected;
  failUnlessSucceeded(command);
  return command;
}

async function asked(
  session: Session,
  gatewayId: string,
  given: string | undefined,
  expiresInMs: number,
): Promise<CommandView> {
  const commandId = given === undefined ? undefined : await wholeCommandId(session, gatewayId, given);
  if (commandId !== undefined)
    return (await session.api.call('getCommand', { params: { gatewayId, commandId } })).command;
  // A gateway that comes back later than anybody waits for has nothing to collect.
  const body = { kind: 'diagnostics.collect', expiresInMs };
  return submitCommand(session, { gatewayId, body });
}

function outputOf({ commandId, outcome }: CommandView): BundleOutput {
  const parsed = bundleOutputSchema.safeParse(outcome?.output);
  if (parsed.success) return parsed.data;
  throw new HoldfastError(
    'PROTOCOL',
    `command ${commandId} left no bundle: ${plainIssues(parsed.error, outcome?.output, 'its output')}`,
    { hint: 'only diagnostics.collect leaves one' },
  );
}

/** `holdfast-diagnostics-gw-7x2k-20261129-071500.json.gz` */
function fileName(gatewayId: string, now: number): string {
  const time = new Date(now).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
  return `holdfast-diagnostics-${gatewayId.replaceAll(/[^\w.-]/g, '_')}-${time}.json.gz`;
}

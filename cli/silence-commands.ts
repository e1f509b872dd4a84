import type { Command } from 'commander';
import { isMeant } from '../core/alerts/holds.ts';
import { silenceLimits, type SilenceView } from '../core/alerts/silences.ts';
import { HoldfastError } from '../core/errors.ts';
import { printableLine } from '../core/printable.ts';
import { timeText } from '../core/readable.ts';
import { allAlerts } from './all-pages.ts';
import { parseDurationMs } from './duration.ts';
import { requireGateways } from './known-gateways.ts';
import { fields, paragraph, table, toBeTyped } from './output.ts';
import { apiCommand, type CliDeps } from './program.ts';
import { wholeGatewayId } from './whole-id.ts';

const range = { minMs: silenceLimits.durationMinMs, maxMs: silenceLimits.durationMaxMs };

interface SilenceFlags {
  gateway?: string;
  condition?: string;
  component?: string;
  all?: boolean;
  for: string;
  why: string;
}

/** Below `holdfast alerts`. */
export function addSilenceCommands(alerts: Command, deps: CliDeps): void {
  const silence = apiCommand(
    alerts,
    'silence',
    'tell nobody of these alerts for a while; what still fires at the end is told then',
    deps,
    [
      'alerts silence --gateway gw-19ab --for 2h --why "disks are replaced"',
      'alerts silence --condition SnapshotOld --for 3d --why "bucket moves"',
      'alerts silence --all --for 30m --why "network maintenance"',
    ],
  );
  silence
    .option('--gateway <id>', 'alerts of this gateway')
    .option('--condition <id>', 'alerts of this condition, or SiteIncident, SharedIncident')
    .option('--component <name>', 'alerts of this volume or mount, or about many gateways: of this incident')
    .option('--all', 'every alert of the tenant')
    .requiredOption('--for <duration>', 'until when, at most 30d')
    .requiredOption('--why <text>', 'for those who wonder why nobody was told')
    .run(async (session) => {
      const { api, show, toType } = session;
      const flags = silence.opts<SilenceFlags>();
      const isNarrow = [flags.gateway, flags.condition, flags.component].some((one) => one !== undefined);
      if (isNarrow === (flags.all === true))
        throw new HoldfastError('USAGE', 'it is not clear which alerts are meant', {
          hint: 'give --gateway, --condition or --component (or several, which must all fit), or --all alone',
        });
      const gatewayId = flags.gateway && (await wholeGatewayId(session, flags.gateway));
      const body = {
        gatewayId,
        conditionId: flags.condition,
        component: flags.component,
        ...(flags.all ? { all: true } : {}),
        why: flags.why,
        forMs: parseDurationMs('--for', flags.for, range),
      };
      await requireGateways(api, gatewayId === undefined ? [] : [gatewayId]);
      // Before it is made: what fails after that would look as if it were not.
      const openAlerts = (await allAlerts(api, 'open')).filter((alert) => isMeant(body, alert)).length;
      const { silence: made } = await api.call('createSilence', { body });
      const toEnd = toType(`holdfast alerts unsilence ${made.silenceId}`);
      show({ silence: made, openAlerts }, () => `${silenceText(made, toEnd)}\n${fitText(openAlerts)}`);
    });

  const list = apiCommand(alerts, 'silences', 'list what is silenced', deps, ['alerts silences --all']);
  list.option('--all', 'ended ones too').run(async ({ api, deps, show }) => {
    const state = list.opts<{ all?: boolean }>().all ? 'all' : 'open';
    const { silences } = await api.call('listSilences', { query: { state } });
    show({ silences }, () => silenceTable(silences, deps.now()));
  });

  apiCommand(alerts, 'unsilence <silence>', 'end a silence now', deps, [
    'alerts unsilence si-3f9a17c2aa01b4d6',
  ]).run(async ({ api, show }, silenceId = '') => {
    const answer = await api.call('endSilence', { params: { silenceId } });
    const { silence: ended, hadEnded } = answer;
    const already = hadEnded
      ? [paragraph(`it had ended already, ${endText(ended)}; nothing was changed`, '')]
      : [];
    show(answer, () => [...already, silenceText(ended)].join('\n'));
  });
}

const whatOf = ({ gatewayId, conditionId, component }: SilenceView): string =>
  [conditionId, component, gatewayId && `of ${gatewayId}`].filter(Boolean).join(' ') || 'every alert';

const endText = ({ endedAt, endedBy, endsAt }: SilenceView): string =>
  endedAt === undefined ? `${timeText(endsAt)} by itself` : `${timeText(endedAt)} by ${endedBy}`;

const silenceText = (silence: SilenceView, toEnd?: string): string => {
  const shown = fields(
    {
      silence: silence.silenceId,
      alerts: whatOf(silence),
      until: timeText(silence.endsAt),
      by: silence.by,
      why: silence.why,
      ended: silence.endedAt && endText(silence),
    },
    { wraps: true },
  );
  return toEnd === undefined ? shown : `${shown}\n${toBeTyped('to end it', toEnd)}`;
};

export function silenceTable(silences: SilenceView[], now: number): string {
  if (silences.length === 0) return 'nothing is silenced';
  return table(
    ['SILENCE', 'STATE', 'UNTIL'],
    silences.map(({ silenceId, endedAt, endsAt }) => [
      silenceId,
      endedAt !== undefined || endsAt <= now ? 'ended' : 'open',
      timeText(endedAt ?? endsAt),
    ]),
    silences.map((silence) => printableLine(`${whatOf(silence)}, by ${silence.by}: ${silence.why}`)),
  );
}

/** Whoever mistyped a name silences nothing, and does not know it. */
const fitText = (openAlerts: number): string =>
  `fits ${openAlerts === 0 ? 'no open alert' : openAlerts === 1 ? '1 open alert' : `${openAlerts} open alerts`} now`;

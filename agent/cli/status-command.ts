import { bytesText, durationText } from '../../core/readable.ts';
import { wrappedText } from '../../core/text-table.ts';
import type { AgentView } from '../control/agent-methods.ts';
import { callAgent } from '../control/control-client.ts';
import type { AddCommands } from './cli-context.ts';
import { stateDirOption, statePathOf } from './state-option.ts';
import { volumeTable } from './volume-table.ts';
import { exampleText } from './example-text.ts';

export const addStatusCommand: AddCommands = (program, cli) => {
  program
    .command('status')
    .summary('what the running agent is doing')
    .option('--json', 'print it as JSON')
    .addOption(stateDirOption())
    .addHelpText('after', exampleText('status --json | jq .connection'))
    .action(async (options: { stateDir?: string; json?: boolean }) => {
      const view = (await callAgent(statePathOf(options, cli), 'status', {}, cli)) as AgentView;
      cli.stdout(options.json ? `${JSON.stringify(view, null, 2)}\n` : statusText(view));
    });
};

function disconnectedText({ trouble, retryInMs }: AgentView['connection']): string {
  const next = retryInMs === undefined ? 'trying now' : `next try in ${Math.ceil(retryInMs / 1_000)} s`;
  return `none (${trouble ?? 'not tried yet'}), ${next}`;
}

function configurationText(configuration: AgentView['configuration']): string {
  const { version, refused, restoreBytesPerSec } = configuration;
  const parts = [
    version === 0 ? 'none was set' : `version ${version}`,
    `status each ${durationText(configuration.heartbeatIntervalMs)}`,
    restoreBytesPerSec && `restores at ${bytesText(restoreBytesPerSec)}/s`,
    configuration.isMaintenance && 'maintenance now',
    refused && `version ${refused.version} refused: ${refused.problems.join('; ')}`,
  ];
  return parts.filter(Boolean).join(', ');
}

/** Lines that fit `width` columns, but for what is there to be copied. */
export function statusText(view: AgentView, width = process.stdout.columns ?? 80): string {
  const { connection, spool, commands } = view;
  const rtt = connection.rttMs === undefined ? '' : `, round trip ${Math.round(connection.rttMs)} ms`;
  const lines: [string, string][] = [
    ['gateway', `${view.gatewayId}${view.name ? ` “${view.name}”` : ''} of tenant ${view.tenantId}`],
    ['key', `generation ${view.key.keyGeneration}, fingerprint ${view.key.keyFingerprint}`],
    ['agent', `${view.agentVersion}, process ${view.pid}, state in ${view.stateDir}`],
    [
      'connection',
      connection.connected ? `to cell ${connection.cellId}${rtt}` : disconnectedText(connection),
    ],
    ['commands', commands.running.length ? `running ${commands.running.join(', ')}` : 'none running'],
    ['configuration', configurationText(view.configuration)],
    ['spool', `${spool.count} status waiting, ${spool.dropped} dropped`],
  ];
  const head = lines.map(([name, value]) => wrappedText(value, { width, prefix: `${name}:`.padEnd(16) }));
  return `${head.join('\n')}\n\n${volumeTable(view.volumes)}`;
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { HoldfastError } from '../core/errors.ts';
import { historySpanNames, type HistorySpan, type HistoryView } from '../core/rollups/history-view.ts';
import { historySignalNames } from '../core/rollups/signals.ts';
import { historyText } from './history-text.ts';
import { knownName } from './known-name.ts';
import { apiCommand, type CliDeps, type Session } from './program.ts';
import { blocksFor } from './sparkline.ts';

interface HistoryFlags {
  span: string;
  signal?: string[];
}

/** A gateway’s past, below `gateways`. */
export function addHistoryCommand(group: Command, deps: CliDeps): void {
  const history = apiCommand(
    group,
    'history <gateway>',
    'a gateway’s last hour, day or month as plots, also while it is down',
    deps,
    [
      'gateways history gw-7x2k',
      'gateways history gw-7x2k --span day --signal system.cpu.utilization --signal gateway.connection.rtt',
      'gateways history gw-7x2k --span month --json',
    ],
  );
  history
    .option('--span <span>', `${historySpanNames.join(', ')}`, 'hour')
    .option('--signal <name>', 'one signal; repeat it for more (default: all that there are)', collect)
    .addHelpText(
      'after',
      `\nA column of a plot is a mean: of a share from 0 to 100 %, of others from 0 to\nthe greatest. A blank is a time of which nothing is known.\n\nSignals:\n${historySignalNames.map((name) => `  ${name}`).join('\n')}`,
    )
    .run(async (session, gatewayId = '') => {
      const found = await newestHistory(session, gatewayId, history.opts<HistoryFlags>());
      const blocks = blocksFor(deps.env);
      session.show({ history: found }, () => historyText(found, { now: deps.now(), blocks }));
    });
}

const collect = (value: string, all: string[] = []): string[] => [...all, value];

/** A gateway that is told that somebody looks reports within so long what is not stored yet. */
const lookEveryMs = 1_000;
const looksMax = 6;

/** Of the last hour a part may be with the gateway alone: one that is connected is asked for it. */
async function newestHistory({ api }: Session, gatewayId: string, flags: HistoryFlags): Promise<HistoryView> {
  const params = { gatewayId };
  const query = {
    span: spanOf(flags.span),
    ...(flags.signal && { signal: flags.signal.map(knownSignal).join(',') }),
  };
  const ask = async () => (await api.call('getHistory', { params, query })).history;
  const stored = await ask();
  if (query.span !== 'hour' || stored.connection !== 'connected') return stored;
  const { isReached } = await api.call('watchGateway', { params, body: {} });
  let newest = stored;
  for (let look = 0; isReached && look < looksMax && newest.lastSeenAt === stored.lastSeenAt; look++) {
    await sleep(lookEveryMs);
    newest = await ask();
  }
  return newest;
}

const knownSignal = (name: string): string => knownName('--signal', name, historySignalNames);

function spanOf(text: string): HistorySpan {
  const span = historySpanNames.find((name) => name === text);
  if (span) return span;
  throw new HoldfastError('USAGE', `--span "${text}" is none of ${historySpanNames.join(', ')}`);
}

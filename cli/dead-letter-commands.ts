import type { Command } from 'commander';
import { printableLine } from '../core/printable.ts';
import { timeText } from '../core/readable.ts';
import type { DeadLetterView } from '../core/subscriptions/api.ts';
import { collect } from './command-commands.ts';
import { table } from './output.ts';
import { apiCommand, type CliDeps } from './program.ts';

/** What was given up, and how it goes out after all: below `holdfast alerts`. */
export function addDeadLetterCommands(alerts: Command, deps: CliDeps): void {
  apiCommand(alerts, 'dead-letters <subscription>', 'list what was given up, oldest first', deps, [
    'alerts dead-letters main',
  ]).run(async ({ api, show }, subscriptionId = '') => {
    const deadLetters: DeadLetterView[] = [];
    let next: string | undefined;
    do {
      const page = await api.call('listDeadLetters', { params: { subscriptionId }, query: { next } });
      deadLetters.push(...page.deadLetters);
      next = page.next;
    } while (next);
    show({ deadLetters }, () => deadLetterTable(deadLetters));
  });
  const redeliver = apiCommand(
    alerts,
    'redeliver <subscription>',
    'send dead letters again, in order',
    deps,
    [
      'alerts redeliver main',
      'alerts redeliver main --letter 001790000000000.3f9a17c2aa01b4d63f9a17c2aa01b4d6#1#2',
    ],
  );
  redeliver
    .option('--letter <id>', 'this one alone; repeat it for more (default: all)', collect, [])
    .run(async ({ api, show }, subscriptionId = '') => {
      const { letter } = redeliver.opts<{ letter: string[] }>();
      const body = letter.length > 0 ? { letterIds: letter } : {};
      const again = () => api.call('redeliver', { params: { subscriptionId }, body });
      let { redelivered, hasMore } = await again();
      while (hasMore && letter.length === 0) {
        const more = await again();
        redelivered += more.redelivered;
        hasMore = more.hasMore;
      }
      const text = redelivered === 0 ? 'there is no dead letter' : `${redelivered} wait to be sent again`;
      show({ redelivered }, () => text);
    });
}

export function deadLetterTable(deadLetters: readonly DeadLetterView[]): string {
  if (deadLetters.length === 0) return 'no dead letters';
  return table(
    ['GIVEN UP', 'TYPE', 'SEVERITY', 'GATEWAY'],
    deadLetters.map(({ givenUpAt, event }) => [
      timeText(givenUpAt),
      event.type,
      event.severity,
      event.gatewayId,
    ]),
    deadLetters.map(
      ({ letterId, event, reason }) =>
        `${event.conditionId} ${event.component}: ${printableLine(event.summary)}; ${printableLine(reason)}; ${letterId}`,
    ),
  );
}

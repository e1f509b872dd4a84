import type { Command } from 'commander';
import type { AuditView } from '../core/api.ts';
import { timeText } from '../core/readable.ts';
import { parseDurationMs } from './duration.ts';
import { table } from './output.ts';
import { apiCommand, type CliDeps } from './program.ts';
import { wholeGatewayId } from './whole-id.ts';

export function addAuditCommand(program: Command, deps: CliDeps): void {
  const command = apiCommand(
    program,
    'audit',
    'who changed what, when, from where, and what became of it',
    deps,
    ['audit', 'audit --gateway gw-7x2k --since 7d', 'audit --since 30d --json > audit.json'],
  );
  command
    .option('--gateway <id>', 'only what is about this gateway')
    .option('--since <duration>', 'how far back', '24h')
    .run(async (session) => {
      const { api, deps, show } = session;
      const { since, ...flags } = command.opts<{ gateway?: string; since: string }>();
      const gateway = flags.gateway && (await wholeGatewayId(session, flags.gateway));
      const from = sinceTime(since, deps);
      const entries: AuditView[] = [];
      let next: string | undefined;
      do {
        const page = await api.call('listAudit', { query: { from, gateway, next } });
        entries.push(...page.entries);
        next = page.next;
      } while (next);
      show({ entries }, () => auditTable(entries));
    });
}

/** Of a duration back, the time in Unix ms as the API takes it. */
export const sinceTime = (since: string, { now }: CliDeps): string =>
  String(now() - parseDurationMs('--since', since));

/** Newest first; below each row what it is about. */
export function auditTable(entries: AuditView[]): string {
  if (entries.length === 0) return 'nothing on record';
  return table(
    ['TIME', 'ACTION', 'STATE', 'BY'],
    entries.map(({ at, action, outcome: { state, code }, actor }) => [
      timeText(at),
      action,
      code ? `${state} ${code}` : state,
      `${actor.kind} ${actor.id}`,
    ]),
    entries.map(about),
  );
}

function about({ gatewayId, subject, details = {}, from }: AuditView): string {
  const words = [
    gatewayId,
    ...Object.values(subject),
    typeof details['kind'] === 'string' ? details['kind'] : undefined,
    from?.sourceIp === undefined ? undefined : `from ${from.sourceIp}`,
    from?.cellId === undefined ? undefined : `via ${from.cellId}`,
  ];
  return words.filter(Boolean).join(' ');
}

import type { CommandView } from '../core/api.ts';
import { printableLine } from '../core/printable.ts';
import { durationText, percentText, timeText } from '../core/readable.ts';
import { shellWord } from '../core/typed.ts';
import { isFinal } from './follow-command.ts';
import { fields, json, paragraph, table } from './output.ts';

export function commandTable(commands: CommandView[], now: number): string {
  if (commands.length === 0) return 'no commands yet';
  // Who submitted it is shown by `commands show`.
  return table(
    ['COMMAND', 'KIND', 'STATE', 'AGE'],
    commands.map((c) => [c.commandId, c.kind, c.state, durationText(now - c.createdAt)]),
  );
}

export function commandText(command: CommandView): string {
  const { outcome, progress } = command;
  const head = fields(
    {
      command: command.commandId,
      gateway: command.gatewayId,
      kind: command.kind,
      params: paramsText(command.params),
      state: command.state,
      'submitted by': command.submittedBy.id,
      'submitted via': command.viaCellId,
      alert: command.cause && `${command.cause.alertKey} episode ${command.cause.episode}`,
      progress: isFinal(command)
        ? undefined
        : progress && [percentText(progress.fraction), progress.note].filter(Boolean).join('  '),
    },
    { wraps: true },
  );
  const audit = command.audit.map(({ at, state, note }) =>
    paragraph(note ? `${state}  ${note}` : state, `  ${timeText(at)}  `),
  );
  const parts = [head, 'audit:', ...audit];
  if (outcome?.error) {
    const { code, message, hint } = outcome.error;
    parts.push('error:', paragraph(`${code}: ${message}`));
    if (hint) parts.push(paragraph(hint));
  }
  if (outcome?.output) parts.push('result:', json(outcome.output));
  return parts.join('\n');
}

/** As they are typed behind `-p`. */
export const paramsText = (params: Readonly<Record<string, unknown>>): string =>
  Object.entries(params)
    .map(([name, value]) =>
      shellWord(printableLine(`${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)),
    )
    .join(' ') || '-';

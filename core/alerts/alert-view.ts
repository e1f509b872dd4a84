import type { AlertTrail, AlertView } from '../api.ts';
import { commandView } from '../commands/command-view.ts';
import { shownState } from '../commands/states.ts';
import type { AlertItem, CommandItem } from '../model.ts';
import { silenceOf } from './holds.ts';
import type { SilenceItem } from './model.ts';

/** What the API shows of an alert: everything but the bookkeeping of its emission. */
export function alertView(item: AlertItem): AlertView {
  const { outbox: _outbox, openShard: _shard, version: _version, frozenState: _frozen, ...rest } = item;
  const { raisedAt: _raised, pattern: _pattern, lastDigest: _digest, expiresAtSec: _expires, ...view } = rest;
  return { ...view, audit: shownAudit(item) };
}

/** What waits is not on record before it fires; whoever looks at it now wants to see since when. */
function shownAudit({ audit, state, pendingSince }: AlertItem): AlertItem['audit'] {
  if (state !== 'PENDING' || pendingSince === undefined) return audit;
  return [...audit, { at: pendingSince, state }];
}

/** What a tenant or an operator reads of an alert: also which of the tenant's silences fits it now. What is over needs none. */
export function shownAlert(item: AlertItem, silences: readonly SilenceItem[], now: number): AlertView {
  const isOver = item.state === 'OK' || item.state === 'RESOLVED';
  const silence = isOver ? undefined : silenceOf(item, silences, now);
  return { ...alertView(item), ...(silence && { silencedBy: silence.silenceId }) };
}

/** True for what a person calls an open alert: it fired and was not resolved (PENDING is not one yet). */
export function isOpenAlert({ state, frozenState }: Pick<AlertItem, 'state' | 'frozenState'>): boolean {
  const effective = state === 'UNKNOWN' ? frozenState : state;
  return effective === 'FIRING' || effective === 'ACKED';
}

/** The alert's transitions and those of the commands that answer it, in the order of time, as they are known at `at`. */
export function alertTrail(
  item: AlertItem,
  { commands, silences }: { commands: readonly CommandItem[]; silences: readonly SilenceItem[] },
  at: number,
): AlertTrail {
  const entries: AlertTrail['entries'] = shownAudit(item).map((entry) => ({ ...entry, what: 'alert' }));
  for (const command of commands) entries.push(...commandEntries(command, at));
  // Stable: of one moment, the alert's entry stands before the command's and a command's own keep their order.
  entries.sort((a, b) => a.at - b.at);
  const byAge = [...commands].sort((a, b) => a.createdAt - b.createdAt);
  return {
    alert: shownAlert(item, silences, at),
    entries,
    commands: byAge.map((command) => commandView(command, at)),
  };
}

function commandEntries(command: CommandItem, at: number): AlertTrail['entries'] {
  const { commandId, kind, audit, outcome } = command;
  const of = { what: 'command' as const, commandId, kind };
  const entries = audit.map((entry, i): AlertTrail['entries'][number] => {
    const isLast = i === audit.length - 1;
    const error = isLast ? outcome?.error : undefined;
    const note = entry.note ?? (error && `${error.code}: ${error.message}`);
    return { at: entry.at, state: entry.state, ...of, ...(note === undefined ? {} : { note }) };
  });
  // It has expired, and the sweeper has not written it yet.
  const shown = shownState(command, at);
  if (shown.state === command.state) return entries;
  return [...entries, { at: shown.endedAt ?? at, state: shown.state, ...of }];
}

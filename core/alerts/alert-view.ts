import type { AlertTrail, AlertView, CommandView } from '../api.ts';
import type { AlertItem, CommandItem } from '../model.ts';

/** What the API shows of an alert: everything but the bookkeeping of its emission. */
export function alertView(item: AlertItem): AlertView {
  const { outbox: _outbox, openShard: _shard, version: _version, frozenState: _frozen, ...rest } = item;
  const { raisedAt: _raised, pattern: _pattern, toldInSeq: _seq, ...view } = rest;
  return view;
}

/** True for what a person calls an open alert: it fired and was not resolved (PENDING is not one yet). */
export function isOpenAlert({ state, frozenState }: Pick<AlertItem, 'state' | 'frozenState'>): boolean {
  const effective = state === 'UNKNOWN' ? frozenState : state;
  return effective === 'FIRING' || effective === 'ACKED';
}

/** The alert's transitions and those of the commands that answer it, in the order of time. */
export function alertTrail(item: AlertItem, commands: readonly CommandItem[]): AlertTrail {
  const entries: AlertTrail['entries'] = item.audit.map((entry) => ({ ...entry, what: 'alert' }));
  for (const command of commands) entries.push(...commandEntries(command));
  // Stable: of one moment, the alert's entry stands before the command's and a command's own keep their order.
  entries.sort((a, b) => a.at - b.at);
  const byAge = [...commands].sort((a, b) => a.createdAt - b.createdAt);
  return { alert: alertView(item), entries, commands: byAge.map(commandView) };
}

function commandEntries({ commandId, kind, audit, outcome }: CommandItem): AlertTrail['entries'] {
  return audit.map((entry, i) => {
    const isLast = i === audit.length - 1;
    const error = isLast ? outcome?.error : undefined;
    const note = entry.note ?? (error && `${error.code}: ${error.message}`);
    const of = { at: entry.at, what: 'command' as const, state: entry.state, commandId, kind };
    return note === undefined ? of : { ...of, note };
  });
}

function commandView(item: CommandItem): CommandView {
  const { bodyHash: _hash, claimUntil: _claim, openSeq: _open, sentEpoch: _sent, ...view } = item;
  return view;
}

import type { CommandView } from '../api.ts';
import type { CommandItem } from '../model.ts';
import { shownState } from './states.ts';

/** What people see of a command at the time `at`: everything but the bookkeeping, and the state that it has by then. */
export function commandView(item: CommandItem, at: number): CommandView {
  const { bodyHash: _hash, claimUntil: _claim, openSeq: _seq, sentEpoch: _epoch, ...rest } = item;
  const { version: _version, openShard: _shard, dueAt: _due, ackedJournalId: _journal, ...shown } = rest;
  return { ...shown, ...shownState(item, at) };
}

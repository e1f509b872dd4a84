import type { CommandItem } from '../model.ts';
import { isClaimable } from './machine.ts';
import { isFinal } from './states.ts';

/**
 * Which of a gateway's open commands may be posted now to the connection of `epoch`: in each lane the first one that
 * the agent does not have in its journal yet. Those behind it wait for its ack. At most `countMax`, oldest first.
 */
export function postable(
  open: readonly CommandItem[],
  now: { epoch: number; at: number; countMax: number },
): CommandItem[] {
  const held = new Set<string>();
  const ready: CommandItem[] = [];
  for (const item of [...open].sort((a, b) => (a.openSeq ?? 0) - (b.openSeq ?? 0))) {
    if (held.has(item.lane) || item.state === 'ACKED' || item.state === 'RUNNING' || isFinal(item.state))
      continue;
    held.add(item.lane);
    if (isClaimable(item, now)) ready.push(item);
  }
  return ready.slice(0, now.countMax);
}

import { createHash } from 'node:crypto';
import type { GatewayItem, Route } from '../model.ts';

/**
 * Two hosts that run under one key. A process has a bootId of its own and a restart never brings an old one back, so
 * a process that another replaced and that says hello again is still running beside it. The same goes for journals,
 * which tell two hosts whose agents are both restarted again and again.
 */
export const maxRecentIds = 4;

type Signs = Pick<GatewayItem, 'recentBoots' | 'recentJournals' | 'cloneSeenAt'>;

/** What a hello that becomes the route leaves behind. */
export function cloneSigns(
  gateway: Signs,
  { bootId, journalId, connectedAt }: Pick<Route, 'bootId' | 'journalId' | 'connectedAt'>,
): Signs {
  const boots = seen(gateway.recentBoots ?? [], bootId);
  const journals = seen(gateway.recentJournals ?? [], journalId);
  return {
    recentBoots: boots.ids,
    recentJournals: journals.ids,
    ...(boots.cameBack || journals.cameBack ? { cloneSeenAt: connectedAt } : {}),
  };
}

/** `cameBack`: it was there before, and another since. */
function seen(ids: readonly string[], id: string): { ids: string[]; cameBack: boolean } {
  const short = createHash('sha256').update(id).digest('base64url').slice(0, 8);
  const others = ids.filter((each) => each !== short);
  return {
    ids: [...others, short].slice(-maxRecentIds),
    cameBack: ids.includes(short) && ids.at(-1) !== short,
  };
}

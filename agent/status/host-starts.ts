import { z } from 'zod';
import type { Heartbeat } from '../../core/status.ts';
import type { FileFormat } from '../state/versioned-file.ts';

/** What this gateway's agents remember of their starts, over crashes of the host as well. */
export interface HostStarts {
  /** The kernel's name for the start of the host that the agent last ran in. */
  hostBootId: string;
  /** An agent runs, or ended without saying so. */
  isRunning: boolean;
  /** Starts of the agent in the last hour, Unix ms, oldest first. */
  agentStarts: readonly number[];
  /** When the host last came back from a crash or a loss of power. */
  uncleanBootAt?: number;
}

const hourMs = 3_600_000;
/** More than that need not be counted. */
const startsMax = 64;
const unixMs = z.number().int().nonnegative();

export const hostStartsFileName = 'starts.json';
export const hostStartsFile = {
  format: 'holdfast-agent-starts',
  version: 1,
  schema: z.object({
    hostBootId: z.string().max(64),
    isRunning: z.boolean(),
    agentStarts: z.array(unixMs).max(startsMax).readonly(),
    uncleanBootAt: unixMs.optional(),
  }),
} satisfies FileFormat<z.ZodObject>;

/**
 * An agent starts at `now`. Where the host started anew meanwhile, and the agent before had not stopped, the host went
 * down under it: a clean shutdown stops its services first. `uptimeMs` is the host's.
 */
export function onAgentStart(
  before: HostStarts | undefined,
  { hostBootId, now, uptimeMs }: { hostBootId: string; now: number; uptimeMs: number },
): HostStarts {
  const wentDown = before?.isRunning === true && hostBootId !== '' && before.hostBootId !== hostBootId;
  const uncleanBootAt = wentDown ? Math.max(0, Math.round(now - uptimeMs)) : before?.uncleanBootAt;
  return {
    hostBootId,
    isRunning: true,
    agentStarts: [...recent(before?.agentStarts ?? [], now), now].slice(-startsMax),
    ...(uncleanBootAt !== undefined && { uncleanBootAt }),
  };
}

/** What a heartbeat says of it; the start of this agent alone is nothing to tell. */
export function startsToTell(
  { agentStarts, uncleanBootAt }: HostStarts,
  now: number,
): NonNullable<Heartbeat['starts']> {
  const agent = recent(agentStarts, now).length;
  const isTold = uncleanBootAt !== undefined && now - uncleanBootAt < 24 * hourMs;
  return { ...(agent > 1 && { agent }), ...(isTold && { uncleanBootAt }) };
}

/** A start of the future is one before the clock was set back. */
const recent = (starts: readonly number[], now: number): number[] =>
  starts.filter((at) => at <= now && now - at < hourMs);

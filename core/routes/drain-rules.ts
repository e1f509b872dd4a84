import { z } from 'zod';
import type { CellsItem } from '../model.ts';
import { absent, equal, type GuardedUpdate } from './guarded-update.ts';

/**
 * Which cells are being emptied: they let nobody in, and those whom they hold are asked to go elsewhere. All of them
 * stand in one item, so that two people who empty two cells at once cannot leave none that lets gateways in.
 */
export const cellsScope = 'fleet';
export const drainLimits = { deadlineMinMs: 10_000, deadlineMaxMs: 3_600_000, deadlineMs: 300_000 } as const;

export type DrainDecision =
  | { do: 'write'; update: GuardedUpdate }
  | { do: 'nothing' }
  /** No other cell would let anybody in. */
  | { do: 'refuse' };

export const isDraining = (item: CellsItem | undefined, cellId: string): boolean =>
  Object.hasOwn(item?.draining ?? {}, cellId);

/** `cellIds`: all there are. Emptying one that is being emptied changes nothing, and neither does its end twice. */
export function decideDrain(
  item: CellsItem | undefined,
  asked: { cellId: string; cellIds: readonly string[]; isUndone: boolean; by: string; at: number },
): DrainDecision {
  const { cellId, cellIds, isUndone, by, at } = asked;
  if (isDraining(item, cellId) === !isUndone) return { do: 'nothing' };
  const { [cellId]: _undone, ...others } = item?.draining ?? {};
  if (!isUndone && cellIds.every((id) => id === cellId || Object.hasOwn(others, id))) return { do: 'refuse' };
  const draining = isUndone ? others : { ...others, [cellId]: { since: at, by } };
  const version = (item?.version ?? 0) + 1;
  return {
    do: 'write',
    update: {
      when: item ? equal('version', item.version) : absent('version'),
      set: { version, draining },
    },
  };
}

/** What home asks of a cell's Deliver function: tell as many of its connections as there is time for. */
export const drainRequestSchema = z.strictObject({
  drain: z.strictObject({
    deadlineMs: z.number().int().min(drainLimits.deadlineMinMs).max(drainLimits.deadlineMaxMs),
    /** Go on behind the row of this gateway. */
    after: z.string().min(1).max(64).optional(),
  }),
});
export type DrainRequest = z.infer<typeof drainRequestSchema>;

/** `told`: connections that took the message; `gone`: that were closed already. `next`: there are more. */
export const drainAnswerSchema = z.object({
  told: z.number().int().nonnegative(),
  gone: z.number().int().nonnegative(),
  next: z.string().max(64).optional(),
});
export type DrainAnswer = z.infer<typeof drainAnswerSchema>;

/** What operators ask of the API. `next`: of the answer before, to go on with those who were not told yet. */
export const drainCellSchema = z.strictObject({
  deadlineMs: drainRequestSchema.shape.drain.shape.deadlineMs.optional(),
  next: drainRequestSchema.shape.drain.shape.after,
});
export type DrainCellAnswer = DrainAnswer & { cellId: string };
export interface CellsView {
  cells: { cellId: string; webSocketUrl: string; draining?: CellsItem['draining'][string] }[];
}

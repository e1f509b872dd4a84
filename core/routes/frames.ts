import { z } from 'zod';
import { HoldfastError } from '../errors.ts';
import { limits } from '../limits.ts';
import { downstreamBodies, protocolVersion, type Downstream, type DownstreamType } from '../messages.ts';

/** A message to a gateway before it is known which connection carries it. */
export type Draft = { [M in Downstream as M['t']]: Pick<M, 't' | 'body'> }[DownstreamType];

/**
 * The draft as the text of one frame. `seq` is 0: many functions post to one connection at once and nothing promises
 * an order, so the cloud's frames are not counted.
 */
export function sealFrame(draft: Draft, seal: { id: string; epoch: number; ts: number }): string {
  const { id, epoch, ts } = seal;
  const frame = JSON.stringify({ v: protocolVersion, t: draft.t, id, epoch, seq: 0, ts, body: draft.body });
  if (Buffer.byteLength(frame) > limits.messageBytes)
    throw new HoldfastError('TOO_LARGE', `a ${draft.t} message of ${Buffer.byteLength(frame)} bytes`, {
      hint: `a message has at most ${limits.messageBytes} bytes`,
    });
  return frame;
}

const draftSchema = z
  .object({ t: z.string(), body: z.unknown() })
  .transform(({ t, body }, context): Draft => {
    const schema = Object.hasOwn(downstreamBodies, t) ? downstreamBodies[t as DownstreamType] : undefined;
    const parsed = schema?.safeParse(body);
    if (parsed?.success) return { t, body: parsed.data } as Draft;
    context.addIssue({
      code: 'custom',
      message: parsed ? `${t}: ${parsed.error.message}` : `no message "${t}"`,
    });
    return z.NEVER;
  });

/** What home and the other cells ask of a cell's Deliver function. Without frames it only tells who is held. */
export const deliverRequestSchema = z.object({
  gatewayId: z.string().min(1).max(64),
  /** Only to the connection of this epoch; absent: to the one that the cell holds. */
  epoch: z.number().int().nonnegative().optional(),
  frames: z.array(draftSchema).max(50),
  /** Afterwards: forget the holder row (superseded), or close the connection as well (revoked). */
  then: z.enum(['release', 'close']).optional(),
});
export type DeliverRequest = z.infer<typeof deliverRequestSchema>;

/**
 * `delivered`: every frame was taken by the connection, which is not yet receipt; `not-mine`: this cell does not hold
 * it; `gone`: it held it, but the connection is closed; `unknown`: may or may not have arrived (throttled, timed out).
 */
export const deliverOutcomes = ['delivered', 'not-mine', 'gone', 'unknown'] as const;
export type DeliverOutcome = (typeof deliverOutcomes)[number];

export const deliverAnswerSchema = z.object({
  outcome: z.enum(deliverOutcomes),
  /** The connection that this cell holds for the gateway. */
  holder: z
    .object({
      epoch: z.number().int().nonnegative(),
      connectionId: z.string().max(128),
      bootId: z.string().max(64),
      journalId: z.string().max(64),
      connectedAt: z.number(),
    })
    .optional(),
});
export type DeliverAnswer = z.infer<typeof deliverAnswerSchema>;

import { randomUUID } from 'node:crypto';
import { HoldfastError } from '../../core/errors.ts';
import { deliverAnswerSchema } from '../../core/routes/frames.ts';
import type { CellDirectory } from '../aws/cell-directory.ts';
import { invokeFunction } from '../aws/invoke.ts';
import type { Cells, Clock } from './ports.ts';

export const systemClock: Clock = { now: () => Date.now(), newId: () => randomUUID() };

/** A cell that does not say in time whom it holds must not use up the time that is left to deliver. */
const askDeadlineMs = 3_000;

/** The cells of the directory, reached by invoking each one's Deliver function. */
export const lambdaCells = (
  directory: CellDirectory,
  { invoke, askWithinMs }: { invoke: typeof invokeFunction; askWithinMs: number } = {
    invoke: invokeFunction,
    askWithinMs: askDeadlineMs,
  },
): Cells => ({
  list: async () => (await directory.list()).map(({ cellId }) => cellId),
  async deliver(cellId, request) {
    const cell = (await directory.list()).find((each) => each.cellId === cellId);
    if (!cell) throw new HoldfastError('NOT_FOUND', `no cell ${cellId} has published itself`);
    const answer = invoke(cell.deliverFunctionName, request);
    const isQuestion = request.frames.length === 0 && request.then === undefined;
    const parsed = deliverAnswerSchema.safeParse(
      isQuestion ? await within(askWithinMs, cellId, answer) : await answer,
    );
    if (parsed.success) return parsed.data;
    throw new HoldfastError('PROTOCOL', `cell ${cellId} answered what is no answer: ${parsed.error.message}`);
  },
});

async function within<T>(ms: number, cellId: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new HoldfastError('TIMEOUT', `cell ${cellId} did not say within ${ms} ms whom it holds`);
    timer = setTimeout(() => reject(error), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

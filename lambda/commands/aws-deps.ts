import { randomUUID } from 'node:crypto';
import { HoldfastError } from '../../core/errors.ts';
import { deliverAnswerSchema } from '../../core/routes/frames.ts';
import type { CellDirectory } from '../aws/cell-directory.ts';
import { invokeFunction } from '../aws/invoke.ts';
import type { Cells, Clock } from './ports.ts';

export const systemClock: Clock = { now: () => Date.now(), newId: () => randomUUID() };

/** The cells of the directory, reached by invoking each one's Deliver function. */
export const lambdaCells = (directory: CellDirectory, invoke = invokeFunction): Cells => ({
  list: async () => (await directory.list()).map(({ cellId }) => cellId),
  async deliver(cellId, request) {
    const cell = (await directory.list()).find((each) => each.cellId === cellId);
    if (!cell) throw new HoldfastError('NOT_FOUND', `no cell ${cellId} has published itself`);
    return deliverAnswerSchema.parse(await invoke(cell.deliverFunctionName, request));
  },
});

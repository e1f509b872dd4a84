import type { z } from 'zod';
import { HoldfastError } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { CellsItem, Principal } from '../../core/model.ts';
import {
  cellsScope,
  decideDrain,
  drainAnswerSchema,
  drainLimits,
  isDraining,
  type CellsView,
  type DrainCellAnswer,
  type drainCellSchema,
  type DrainRequest,
} from '../../core/routes/drain-rules.ts';
import { typed } from '../../core/typed.ts';
import type { CellDirectory } from '../aws/cell-directory.ts';
import type { invokeFunction } from '../aws/invoke.ts';
import type { CellsStore } from '../commands/ports.ts';

export interface CellsDeps {
  readonly cells: CellsStore;
  readonly directory: CellDirectory;
  readonly invoke: typeof invokeFunction;
  readonly now: () => number;
}
export interface AskedOfCell {
  readonly principal: Principal;
  readonly cellId: string;
  readonly log: Log;
}

const triesMax = 5;

export async function listCells({ cells, directory }: CellsDeps): Promise<CellsView> {
  const [known, item] = await Promise.all([directory.list(), cells.get(cellsScope)]);
  return {
    cells: known.map(({ cellId, webSocketUrl }) => ({
      cellId,
      webSocketUrl,
      ...(isDraining(item, cellId) ? { draining: item?.draining[cellId] } : {}),
    })),
  };
}

/**
 * First nobody is let in any more, then those who are there are told; both may be repeated. Throws NOT_FOUND,
 * CONFLICT where no other cell would be left, BUSY, and what the cell does.
 */
export async function drainCell(
  deps: CellsDeps,
  asked: AskedOfCell,
  { deadlineMs = drainLimits.deadlineMs, next }: z.infer<typeof drainCellSchema>,
): Promise<DrainCellAnswer> {
  const { deliverFunctionName } = await mark(deps, asked, false);
  const request: DrainRequest = { drain: { deadlineMs, ...(next === undefined ? {} : { after: next }) } };
  const answer = drainAnswerSchema.safeParse(await deps.invoke(deliverFunctionName, request));
  if (answer.success) return { cellId: asked.cellId, ...answer.data };
  throw new HoldfastError('PROTOCOL', `cell ${asked.cellId} answered what is no answer`, {
    hint: 'try again',
  });
}

/** It lets gateways in again; those who left come back as their connections are renewed. */
export async function undrainCell(deps: CellsDeps, asked: AskedOfCell): Promise<{ cellId: string }> {
  await mark(deps, asked, true);
  return { cellId: asked.cellId };
}

async function mark({ cells, directory, now }: CellsDeps, asked: AskedOfCell, isUndone: boolean) {
  const { cellId, principal, log } = asked;
  const known = await directory.list();
  const cell = known.find((each) => each.cellId === cellId);
  if (!cell) throw noSuchCell(cellId);
  const cellIds = known.map((each) => each.cellId);
  for (let tries = 0; tries < triesMax; tries++) {
    const item: CellsItem | undefined = await cells.get(cellsScope);
    const decision = decideDrain(item, { cellId, cellIds, isUndone, by: principal.id, at: now() });
    if (decision.do === 'refuse') throw lastCell(cellId);
    if (decision.do === 'nothing') return cell;
    if (!(await cells.update(cellsScope, decision.update))) continue;
    log('info', isUndone ? 'cell.undrained' : 'cell.draining', { cellId, by: principal.id });
    return cell;
  }
  throw new HoldfastError('BUSY', 'which cells are emptied changes too fast', { hint: 'try again' });
}

const noSuchCell = (cellId: string) =>
  new HoldfastError('NOT_FOUND', `there is no cell ${cellId}`, {
    hint: `\`${typed('holdfast fleet cells')}\` shows those there are`,
  });
const lastCell = (cellId: string) =>
  new HoldfastError('CONFLICT', `${cellId} is the only cell that lets gateways in`, {
    hint: `deploy another one, or let one in again with \`${typed('holdfast fleet drain CELL --undo')}\``,
  });

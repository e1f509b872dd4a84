import type { CellsItem } from '../../../core/model.ts';
import { decideDrain, isDraining } from '../../../core/routes/drain-rules.ts';
import { applied } from '../../../core/routes/guarded-update.ts';

const cellIds = ['cell-1', 'cell-2', 'cell-3'];
const ask = (cellId: string, isUndone = false) => ({ cellId, cellIds, isUndone, by: 'op', at: 7 });

function after(item: CellsItem | undefined, cellId: string, isUndone = false): CellsItem | undefined {
  const decision = decideDrain(item, ask(cellId, isUndone));
  if (decision.do !== 'write') throw new Error(decision.do);
  return applied(decision.update, item, { scope: 'fleet' });
}

it('empties a cell and lets it in again', () => {
  const draining = after(undefined, 'cell-1');
  expect(draining).toEqual({ scope: 'fleet', version: 1, draining: { 'cell-1': { since: 7, by: 'op' } } });
  expect([isDraining(draining, 'cell-1'), isDraining(draining, 'cell-2')]).toEqual([true, false]);
  expect(after(draining, 'cell-1', true)).toEqual({ scope: 'fleet', version: 2, draining: {} });
});

it('changes nothing where it is so already', () => {
  expect(decideDrain(after(undefined, 'cell-1'), ask('cell-1'))).toEqual({ do: 'nothing' });
  expect(decideDrain(undefined, ask('cell-1', true))).toEqual({ do: 'nothing' });
});

it('always leaves a cell that lets gateways in', () => {
  const two = after(after(undefined, 'cell-1'), 'cell-2');
  expect(decideDrain(two, ask('cell-3'))).toEqual({ do: 'refuse' });
  expect(decideDrain(undefined, { ...ask('cell-1'), cellIds: ['cell-1'] })).toEqual({ do: 'refuse' });
});

it('of two who read the same lets one write: together they might leave none', () => {
  const before = after(undefined, 'cell-1');
  const [one, other] = ['cell-2', 'cell-3'].map((cellId) => decideDrain(before, ask(cellId)));
  if (one?.do !== 'write' || other?.do !== 'write') throw new Error('both may, on their own');
  const written = applied(one.update, before, { scope: 'fleet' });
  expect(applied(other.update, written, { scope: 'fleet' })).toBeUndefined();
  const [first, second] = ['cell-1', 'cell-2'].map((cellId) => decideDrain(undefined, ask(cellId)));
  if (first?.do !== 'write' || second?.do !== 'write') throw new Error('both may, on their own');
  expect(applied(second.update, applied(first.update, undefined, { scope: 'fleet' }), {})).toBeUndefined();
});

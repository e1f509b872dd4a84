import type { CellEntry } from '../../../core/env.ts';
import { lambdaCells } from '../../../lambda/commands/aws-deps.ts';

const entry = (cellId: string): CellEntry => ({
  cellId,
  webSocketUrl: 'wss://cell',
  apiUrl: 'https://cell',
  deliverFunctionName: `holdfast-${cellId}-deliver`,
});
const directory = { list: () => Promise.resolve([entry('cell-1'), entry('cell-2')]) };
const cells = (invoke: (name: string, payload: unknown) => Promise<unknown>) =>
  lambdaCells(directory, { invoke, askWithinMs: 1 });
const question = { gatewayId: 'gw-1', frames: [] };

describe('the other cells', () => {
  it('are those of the directory, each asked through its own function', async () => {
    const asked: unknown[] = [];
    const reached = cells((name, payload) => {
      asked.push([name, payload]);
      return Promise.resolve({ outcome: 'not-mine' });
    });
    expect(await reached.list()).toEqual(['cell-1', 'cell-2']);
    expect(await reached.deliver('cell-2', question)).toEqual({ outcome: 'not-mine' });
    expect(asked).toEqual([['holdfast-cell-2-deliver', question]]);
  });

  it('have to be in the directory, whatever a route says', async () => {
    const invoked = cells(() => Promise.reject(new Error('never called')));
    await expect(invoked.deliver('cell-9', question)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('are not waited for when they do not say whom they hold', async () => {
    const silent = cells(() => new Promise(() => undefined));
    await expect(silent.deliver('cell-1', question)).rejects.toMatchObject({ code: 'TIMEOUT' });
  });

  it('are not believed what is no answer', async () => {
    const strange = cells(() => Promise.resolve({ outcome: 'maybe' }));
    await expect(strange.deliver('cell-1', question)).rejects.toMatchObject({ code: 'PROTOCOL' });
  });
});

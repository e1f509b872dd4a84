import type { GatewayItem } from '../../core/model.ts';
import { getCommand, submitCommand } from '../../lambda/commands/command-service.ts';
import { sweep } from '../../lambda/commands/sweep.ts';
import { answer } from '../support/child.ts';
import { startMemoryCell } from './memory-cell.ts';
import { tenant } from './server.ts';

/** The process that a load over the store in memory runs against; its parent is the generator. */
const cell = await startMemoryCell();
const sweepEveryMs = 60_000;
const sweeper = setInterval(() => void sweep(cell.home, Date.now() + sweepEveryMs), sweepEveryMs);

const answers = {
  cells: () => [{ cellId: 'cell-1', webSocketUrl: cell.webSocketUrl }],
  register: (gateways: GatewayItem[]) => {
    for (const gateway of gateways) cell.stores.gateways.set(gateway.gatewayId, gateway);
  },
  submit: async (gatewayId: string, idempotencyKey: string, echo: string) => {
    const submit = { kind: 'probe', params: { echo }, whenOffline: 'queue', idempotencyKey } as const;
    await submitCommand(cell.home, tenant, gatewayId, submit);
  },
  state: async (gatewayId: string, commandId: string) =>
    (await getCommand(cell.home, tenant, gatewayId, commandId)).command.state,
  /** Of live objects, once what is not in use any more was collected. */
  memory: () => {
    for (let i = 0; i < 3; i++) globalThis.gc?.();
    const { rss, heapUsed, external } = process.memoryUsage();
    return { rssBytes: rss, heapBytes: heapUsed + external };
  },
};
export type MemoryAnswers = typeof answers;

answer(answers, async () => {
  clearInterval(sweeper);
  await cell.close();
});

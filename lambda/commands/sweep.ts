import pLimit from 'p-limit';
import { transition } from '../../core/commands/machine.ts';
import { commandShards } from '../../core/commands/submission.ts';
import { errorFields } from '../aws/invocation.ts';
import { endCommands } from './end-commands.ts';
import { deliverOpen, perform, reconcile, type DeliveryDeps } from './delivery.ts';

const pageCountMax = 500;
const concurrency = 8;

export interface SweepReport {
  gatewayCount: number;
  failureCount: number;
  /** False where the time was over first; the next run goes on. */
  finished: boolean;
}

/**
 * Looks at the gateways of all commands whose time has come: expires and times out, posts again what nobody acked,
 * and finishes what a crash left half-done. `deadline`: Unix ms after which no further gateway is begun.
 */
export async function sweep(deps: DeliveryDeps, deadline: number): Promise<SweepReport> {
  const report: SweepReport = { gatewayCount: 0, failureCount: 0, finished: true };
  const limit = pLimit(concurrency);
  for (let shard = 0; shard < commandShards; shard++) {
    const due = await deps.commands.listDue(String(shard), { at: deps.clock.now(), countMax: pageCountMax });
    if (due.length === pageCountMax) report.finished = false;
    const gatewayIds = [...new Set(due.map(({ gatewayId }) => gatewayId))];
    await Promise.all(
      gatewayIds.map((gatewayId) =>
        limit(async () => {
          if (deps.clock.now() >= deadline) {
            report.finished = false;
            return;
          }
          report.gatewayCount += 1;
          try {
            await sweepGateway(deps, gatewayId);
          } catch (cause) {
            // One gateway's trouble must not keep the others waiting.
            report.failureCount += 1;
            deps.log('error', 'sweep.gateway-failed', { gatewayId, ...errorFields(cause) });
          }
        }),
      ),
    );
  }
  return report;
}

/** One gateway: what time does to its commands, then what its connection needs. */
export async function sweepGateway(deps: DeliveryDeps, gatewayId: string): Promise<void> {
  const { commands, gateways, clock, log } = deps;
  const gateway = await gateways.get(gatewayId);
  if (gateway?.status === 'revoked') return endCommands(deps, gatewayId);
  const online = gateway?.route !== undefined;
  for (const item of await commands.listOpen(gatewayId)) {
    const { next, effects } = transition(item, { type: 'tick', at: clock.now(), online });
    // A write that fails means that the command just moved; the next run looks again.
    if (!next || !(await commands.replace(next))) continue;
    if (next.state !== item.state)
      log('info', 'sweep.command', {
        gatewayId,
        commandId: item.commandId,
        from: item.state,
        state: next.state,
      });
    await perform(deps, next, effects.filter((effect) => effect.do !== 'advance-lane')); // prettier-ignore
  }
  await reconcile(deps, gatewayId);
  await deliverOpen(deps, gatewayId);
}

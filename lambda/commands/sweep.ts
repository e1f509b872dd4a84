import pLimit from 'p-limit';
import { transition } from '../../core/commands/machine.ts';
import { isFinal } from '../../core/commands/states.ts';
import { commandShards } from '../../core/commands/submission.ts';
import { recordFinal } from '../audit/record-final.ts';
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
    const byGateway = Map.groupBy(due, ({ gatewayId }) => gatewayId);
    await Promise.all(
      [...byGateway].map(([gatewayId, commands]) =>
        limit(async () => {
          if (deps.clock.now() >= deadline) {
            report.finished = false;
            return;
          }
          report.gatewayCount += 1;
          try {
            await sweepGateway(deps, gatewayId, commands);
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

/** One gateway: what time does to its commands, audit entries that a crash left out, then what its connection needs. */
export async function sweepGateway(
  deps: DeliveryDeps,
  gatewayId: string,
  due: readonly { commandId: string }[],
): Promise<void> {
  const { commands, gateways, clock, log } = deps;
  const open = await commands.listOpen(gatewayId);
  for (const { commandId } of due)
    if (!open.some((item) => item.commandId === commandId)) await recordEnd(deps, gatewayId, commandId);
  const gateway = await gateways.get(gatewayId);
  if (gateway?.status === 'revoked') return endCommands(deps, gatewayId);
  const online = gateway?.route !== undefined;
  for (const item of open) {
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

/** Due and not open: it is final, and whoever made it so did not live to put that on record. */
async function recordEnd(deps: DeliveryDeps, gatewayId: string, commandId: string): Promise<void> {
  const item = await deps.commands.get(gatewayId, commandId);
  if (item && isFinal(item.state)) await recordFinal(deps, item);
}

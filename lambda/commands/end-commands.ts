import pLimit from 'p-limit';
import type { Log } from '../../core/log.ts';
import { recordFinal } from '../audit/record-final.ts';
import type { AuditTrail } from '../audit/trail.ts';
import { applyEvent } from './apply.ts';
import type { Clock, CommandStore } from './ports.ts';

export interface EndDeps {
  commands: CommandStore;
  audit: AuditTrail;
  clock: Pick<Clock, 'now'>;
  log: Log;
}

const concurrency = 8;

/**
 * Ends every open command of a gateway that was revoked, since nothing that it says is taken any more. To be called
 * after the revocation is written; repeatable, and what a crash leaves open the sweeper ends.
 */
export async function endCommands(deps: EndDeps, gatewayId: string): Promise<void> {
  const { commands, clock, log } = deps;
  const limit = pLimit(concurrency);
  const open = await commands.listOpen(gatewayId);
  await Promise.all(
    open.map((item) =>
      limit(async () => {
        const applied = await applyEvent(commands, item, { type: 'revoked', at: clock.now() });
        if (!applied?.changed) return;
        const { commandId, kind, state, attempt } = applied.item;
        log('info', 'command.final', { gatewayId, commandId, kind, state, attempt });
        await recordFinal(deps, applied.item);
      }),
    ),
  );
}

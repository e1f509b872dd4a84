import { finalEntry } from '../../core/audit/entry.ts';
import type { Log } from '../../core/log.ts';
import type { CommandItem } from '../../core/model.ts';
import type { CommandStore } from '../commands/ports.ts';
import type { AuditTrail } from './trail.ts';

export interface RecordDeps {
  audit: AuditTrail;
  commands: CommandStore;
  log: Log;
}

/**
 * Writes a final command's entry and takes the command out of the sweeper's index, in this order: whatever keeps either
 * from happening, the sweeper finds the command and does both again. It must not keep the next command waiting.
 */
export async function recordFinal({ audit, commands, log }: RecordDeps, item: CommandItem): Promise<void> {
  if (item.openShard === undefined) return;
  try {
    await audit.append(finalEntry(item));
    await commands.settle(item);
  } catch (cause) {
    const { gatewayId, commandId } = item;
    log('error', 'audit.late', { gatewayId, commandId, error: String(cause) });
  }
}

import { transition, type CommandEvent, type Transition } from '../../core/commands/machine.ts';
import { HoldfastError } from '../../core/errors.ts';
import type { CommandItem } from '../../core/model.ts';
import type { CommandStore } from './ports.ts';

const triesMax = 8;

export interface Applied {
  item: CommandItem;
  changed: boolean;
  effects: Transition['effects'];
}

/**
 * Applies an event to the command as it is stored: read, decide, write if unchanged since, else again. Undefined
 * where there is no such command. The effects are the caller's to perform.
 */
export async function applyEvent(
  commands: CommandStore,
  key: { gatewayId: string; commandId: string },
  event: CommandEvent,
): Promise<Applied | undefined> {
  for (let tries = 0; tries < triesMax; tries++) {
    const item = await commands.get(key.gatewayId, key.commandId);
    if (!item) return undefined;
    const { next, effects } = transition(item, event);
    if (!next) return { item, changed: false, effects };
    if (await commands.replace(next)) return { item: next, changed: true, effects };
  }
  throw new HoldfastError('BUSY', `command ${key.commandId} changes too fast`, { hint: 'try again' });
}

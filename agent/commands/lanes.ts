import { commandSpecs, type CommandKind } from '../../core/command-kinds.ts';
import type { CommandEntry } from './command-book.ts';

/** Unfinished commands by lane, each lane in the order in which its commands were taken. */
export class Lanes {
  private readonly queues = new Map<string, string[]>();

  get names(): string[] {
    return [...this.queues.keys()];
  }
  get count(): number {
    return [...this.queues.values()].reduce((sum, queue) => sum + queue.length, 0);
  }

  first(lane: string): string | undefined {
    return this.queues.get(lane)?.[0];
  }
  /** Gives the command's lane. */
  add(entry: CommandEntry): string {
    const lane = laneOf(entry);
    this.queues.set(lane, [...(this.queues.get(lane) ?? []), entry.commandId]);
    return lane;
  }
  /** Gives the lane that the command has left. */
  remove(entry: CommandEntry): string {
    const lane = laneOf(entry);
    const rest = (this.queues.get(lane) ?? []).filter((id) => id !== entry.commandId);
    if (rest.length) this.queues.set(lane, rest);
    else this.queues.delete(lane);
    return lane;
  }
}

export function laneOf({ kind, params, commandId }: CommandEntry): string {
  const spec: { params: (typeof commandSpecs)[CommandKind]['params']; lane: (params: never) => string } =
    commandSpecs[kind];
  const parsed = spec.params.safeParse(params);
  return parsed.success ? spec.lane(parsed.data as never) : `invalid/${commandId}`;
}

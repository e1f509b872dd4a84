import { isFinal } from '../../../core/commands/states.ts';
import { isReached, type Cloud, type Host, type World } from './world.ts';

const lookEveryMs = 20_000;
/** Longer than a hello or a submit takes. */
const patienceMs = 40_000;

/**
 * While there is no sweeper: looks for commands that wait, first of their lane, though their gateway is connected and
 * has been for a while. Submit or hello missed them, and only by chance would something else find them.
 */
export class StrandedLook {
  readonly #world: World;
  readonly #cloud: Cloud;
  readonly #hosts: readonly Host[];
  /** Since when a gateway is reached by the same connection. */
  readonly #since = new Map<string, { connectionId: string; at: number }>();
  readonly #found = new Set<string>();
  #isOver = false;

  constructor(world: World, cloud: Cloud, hosts: readonly Host[]) {
    this.#world = world;
    this.#cloud = cloud;
    this.#hosts = hosts;
  }

  begin(): void {
    this.#world.scheduler.after(lookEveryMs, '', () => {
      if (this.#isOver) return;
      for (const host of this.#hosts) this.#look(host);
      this.begin();
    });
  }

  end(): void {
    this.#isOver = true;
  }

  #look(host: Host): void {
    const { nowMs } = this.#world.scheduler;
    const { gatewayId, connection } = host;
    if (!connection || !isReached(this.#cloud, host) || connection.isCut || connection.saidGone)
      return void this.#since.delete(gatewayId);
    const known = this.#since.get(gatewayId);
    if (known?.connectionId !== connection.id)
      return void this.#since.set(gatewayId, { connectionId: connection.id, at: nowMs });
    const open = this.#cloud
      .commands()
      .filter(
        (command) =>
          command.gatewayId === gatewayId && (command.state === 'QUEUED' || command.state === 'SENT'),
      )
      .sort((a, b) => (a.openSeq ?? 0) - (b.openSeq ?? 0));
    const lanes = new Set<string>();
    for (const { lane, state, commandId, kind, createdAt, expiresAt, cancelRequested } of open) {
      const isFirst = !lanes.has(lane);
      lanes.add(lane);
      const isWanted = !isFinal(state) && !cancelRequested && expiresAt > nowMs;
      const waitsSince = Math.max(createdAt, known.at);
      if (!isFirst || state !== 'QUEUED' || !isWanted || nowMs - waitsSince < patienceMs) continue;
      if (this.#found.has(commandId)) continue;
      this.#found.add(commandId);
      this.#world.tally.fail('stranded', `${kind} ${commandId.slice(0, 4)} of ${gatewayId}`);
    }
  }
}

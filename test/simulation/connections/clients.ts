import { HoldfastError } from '../../../core/errors.ts';
import type { CommandKind } from '../../../core/command-kinds.ts';
import type { Cloud, SendCommand, World } from './world.ts';

const kinds: readonly CommandKind[] = [
  'restore.start',
  'snapshot.create',
  'snapshot.create',
  'volume.check',
  'probe',
  'status.get',
  'service.restart',
];
const answerWithinMs = 25_000;
const triesMax = 6;
const minutes = 60_000;

export interface Promised {
  gatewayId: string;
  commandId: string;
  kind: CommandKind;
}

interface Waiting {
  gatewayId: string;
  send: SendCommand;
  cancelTimer: () => void;
}

/** People and programs that send commands, ask again where they got no answer, and cancel some of them. */
export class Clients {
  readonly #world: World;
  readonly #cloud: Cloud;
  readonly #eagerMs: () => number;
  readonly #waiting = new Set<Waiting>();
  /** Commands whose submit was answered, by idempotency key. */
  readonly promised = new Map<string, Promised>();

  /** `eagerMs`: the time after which a client acts on a gateway's coming back. */
  constructor(world: World, cloud: Cloud, eagerMs: () => number) {
    this.#world = world;
    this.#cloud = cloud;
    this.#eagerMs = eagerMs;
  }

  /** Sends `count` commands within `withinMs` from now. */
  sendOver(withinMs: number, count: number): void {
    const { scheduler } = this.#world;
    for (let i = 0; i < count; i++) {
      const send = this.#command(`key-${i}`);
      const gatewayId = scheduler.pick(this.#world.gatewayIds);
      const delayMs = scheduler.random() * withinMs;
      const waiting = {
        gatewayId,
        send,
        cancelTimer: scheduler.after(delayMs, '', () => this.#first(waiting)),
      };
      this.#waiting.add(waiting);
    }
  }

  /** Somebody watches for a gateway to come back: some commands are sent in the moment in which it does. */
  gatewayOpened(gatewayId: string): void {
    const { scheduler } = this.#world;
    const waiting = [...this.#waiting].find((each) => each.gatewayId === gatewayId);
    if (!waiting || !scheduler.chance(0.7)) return;
    waiting.cancelTimer();
    scheduler.after(this.#eagerMs(), '', () => this.#first(waiting));
  }

  #first(waiting: Waiting): void {
    const { scheduler } = this.#world;
    if (!this.#waiting.delete(waiting)) return;
    const { gatewayId, send } = waiting;
    this.#try(gatewayId, send, 1);
    // A program that was told to send it by two people at once.
    if (scheduler.chance(0.05))
      scheduler.after(scheduler.spread(1_000), '', () => this.#try(gatewayId, send, 1));
  }

  #command(idempotencyKey: string): SendCommand {
    const { scheduler } = this.#world;
    const kind = scheduler.pick(kinds);
    const ofVolume = kind.startsWith('volume') || kind.startsWith('snapshot') || kind.startsWith('restore');
    return {
      kind,
      params: ofVolume ? { volumeId: scheduler.pick(['v1', 'v2', 'v3', 'v4']) } : {},
      idempotencyKey,
      whenOffline: scheduler.chance(0.1) ? 'refuse' : 'queue',
      expiresInMs: scheduler.pick([2, 20, 60, 240]) * minutes,
    };
  }

  /** The same key until there is an answer: whoever asks does not know how far the last try got. */
  #try(gatewayId: string, send: SendCommand, tries: number): void {
    const { scheduler } = this.#world;
    let isOver = false;
    const again = (): void => {
      if (isOver) return;
      isOver = true;
      if (tries < triesMax)
        scheduler.after(scheduler.spread(5_000), '', () => this.#try(gatewayId, send, tries + 1));
    };
    scheduler.after(answerWithinMs, '', again);
    const failed = (why: unknown): void => {
      if (why instanceof HoldfastError && why.code === 'OFFLINE') isOver = true;
      again();
    };
    const answered = (commandId: string): void => {
      if (isOver) return;
      isOver = true;
      this.promised.set(send.idempotencyKey, { gatewayId, commandId, kind: send.kind });
      if (scheduler.chance(0.08))
        scheduler.after(scheduler.spread(20_000), '', () => this.#cloud.cancel(gatewayId, commandId));
    };
    scheduler.note(`a client sends ${send.kind} ${send.idempotencyKey}, try ${tries}`);
    this.#cloud.submit(gatewayId, send, answered, failed);
  }
}

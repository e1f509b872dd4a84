import type { Host, World } from './world.ts';

const minutes = 60_000;

/** What happens to the machines and the cables: each trouble comes at random times, on average so often. */
export class Troubles {
  readonly #world: World;
  readonly #hosts: readonly Host[];
  readonly #clones: readonly Host[];
  readonly #isBearable: boolean;
  #isOver = false;

  constructor(world: World, over: { hosts: readonly Host[]; clones: readonly Host[]; isBearable: boolean }) {
    this.#world = world;
    this.#hosts = over.hosts;
    this.#clones = over.clones;
    this.#isBearable = over.isBearable;
  }

  begin(forMs: number): void {
    const { scheduler } = this.#world;
    for (const host of this.#hosts) {
      scheduler.after(scheduler.spread(minutes), '', () => host.start());
      this.#every(12 * minutes, () => this.crash(host));
    }
    this.#every(6 * minutes, () => this.#cut());
    if (this.#isBearable) return;
    if (scheduler.chance(0.4)) scheduler.after(scheduler.random() * forMs, '', () => this.#loseJournal());
    if (scheduler.chance(0.4)) scheduler.after(scheduler.random() * forMs, '', () => this.#clone());
  }

  /** No more trouble: of each gateway one machine is left, with its power on. */
  end(): Host[] {
    this.#isOver = true;
    const { scheduler } = this.#world;
    return this.#hosts.map((host, i) => {
      const clone = this.#clones[i]!;
      const survivor = clone.isOn && scheduler.chance(0.5) ? clone : host;
      (survivor === host ? clone : host).crash('power');
      survivor.start();
      return survivor;
    });
  }

  #every(meanMs: number, happen: () => void): void {
    const { scheduler } = this.#world;
    const next = () => {
      if (this.#isOver) return;
      happen();
      scheduler.after(scheduler.spread(meanMs), '', next);
    };
    scheduler.after(scheduler.spread(meanMs), '', next);
  }

  crash(host: Host): void {
    const { scheduler } = this.#world;
    // One that was on its way when the trouble ended: nobody would start the machine again.
    if (this.#isOver) return;
    host.crash(scheduler.chance(0.5) ? 'power' : 'process');
    // Mostly a restart; now and then it stays away for long.
    const awayMs = scheduler.chance(0.2) ? scheduler.spread(10 * minutes) : scheduler.spread(20_000);
    scheduler.after(awayMs, '', () => this.#isOver || host.start());
  }

  #cut(): void {
    const { scheduler, network } = this.#world;
    const { open } = network;
    if (open.length > 0) network.cut(scheduler.pick(open));
  }

  #loseJournal(): void {
    if (this.#isOver) return;
    const host = this.#world.scheduler.pick(this.#hosts);
    host.loseJournal();
    host.start();
  }

  /** A copy of a gateway's disk is started elsewhere; for a while both are there. */
  #clone(): void {
    const { scheduler, tally } = this.#world;
    if (this.#isOver) return;
    const clone = scheduler.pick(this.#clones);
    tally.clones++;
    clone.start();
    scheduler.after(scheduler.spread(20 * minutes), '', () => this.#isOver || clone.crash('process'));
  }
}

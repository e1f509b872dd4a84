import { sectorBytes } from './sim-disk.ts';
import type { Life, World } from './world.ts';

/** Issues requests that do not overlap one another and compares what comes back. */
export class Client {
  readonly #world: World;
  readonly #life: Life;
  readonly #busy = new Set<number>();
  #failure: Error | undefined;
  #count = 0;

  constructor(world: World, life: Life) {
    this.#world = world;
    this.#life = life;
  }

  get isBusy(): boolean {
    return this.#count > 0;
  }

  check(): void {
    if (this.#failure) throw this.#failure;
  }

  issue(): void {
    const { random, model } = this.#world;
    if (this.#count >= 6) return;
    const kind = random.pick(['read', 'read', 'write', 'write', 'write', 'trim', 'flush'] as const);
    if (kind === 'flush') return this.#track([], this.#flush());
    const [first, count] = this.#range();
    const sectors = Array.from({ length: count }, (_, i) => first + i);
    if (sectors.some((sector) => this.#busy.has(sector)) || first + count > model.sectorCount) return;
    if (kind === 'read') return this.#track(sectors, this.#read(first, count));
    const name = kind === 'write' ? `w${++this.#world.writes}` : undefined;
    this.#track(sectors, this.#write(first, count, name, random.chance(0.15)));
  }

  #range(): [number, number] {
    const { random, model, snapshot } = this.#world;
    const perBlock = snapshot.chunkBytes / sectorBytes;
    const block = random.below(Math.ceil(model.sectorCount / perBlock)) * perBlock;
    const left = model.sectorCount - block;
    if (random.chance(0.4)) return [block, Math.min(perBlock * (1 + random.below(2)), left)];
    if (random.chance(0.3)) return [block, 1];
    return [random.below(model.sectorCount), 1 + random.below(4)];
  }

  #track(sectors: number[], work: Promise<void>): void {
    this.#count++;
    for (const sector of sectors) this.#busy.add(sector);
    void work
      .catch((thrown: unknown) => (this.#failure ??= thrown as Error))
      .finally(() => {
        this.#count--;
        for (const sector of sectors) this.#busy.delete(sector);
      });
  }

  async #read(first: number, count: number): Promise<void> {
    const bytes = Buffer.alloc(count * sectorBytes);
    try {
      await this.#life.engine.device.read(bytes, first * sectorBytes);
    } catch {
      return;
    }
    for (let i = 0; i < count; i++) {
      const wrong = this.#world.model.read(first + i, bytes.subarray(i * sectorBytes, (i + 1) * sectorBytes));
      if (wrong) throw new Error(wrong);
    }
  }

  async #write(first: number, count: number, name: string | undefined, fua: boolean): Promise<void> {
    const { model } = this.#world;
    const { engine } = this.#life;
    const { contents } = this.#world;
    const parts = Array.from({ length: count }, (_, i) =>
      name === undefined ? contents.zeroes : contents.named(`${name}-${first + i}`),
    );
    const id = ++this.#world.writes;
    model.begin(id, first, parts);
    try {
      if (name === undefined) await engine.device.trim(first * sectorBytes, count * sectorBytes, { fua });
      else await engine.device.write(Buffer.concat(parts), first * sectorBytes, { fua });
      model.acknowledge(id, fua);
    } catch {
      model.fail(id);
    }
  }

  async #flush(): Promise<void> {
    const { model } = this.#world;
    const before = model.sequence;
    try {
      await this.#life.engine.device.flush();
    } catch {
      return;
    }
    model.flushed(before);
  }
}

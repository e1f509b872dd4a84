import type { EngineMakers } from '../../../agent/restore/engine-parts.ts';
import { RestoreEngine } from '../../../agent/restore/restore-engine.ts';
import type { Descriptor } from '../../../core/restore/descriptor.ts';
import { content, Model } from './model.ts';
import { Random } from './random.ts';
import { Scheduler, type Session } from './scheduler.ts';
import { sectorBytes, SimDisk, simTarget, type DiskFaults } from './sim-disk.ts';
import { simSource, type SimSnapshot } from './sim-source.ts';
import { SimDescriptorFile } from './sim-store.ts';

export interface SimulationOptions {
  seed: number;
  makers?: Partial<EngineMakers>;
  /** Images of each power loss that are recovered in full. */
  imagesPerCrash?: number;
}

interface World {
  random: Random;
  disk: SimDisk;
  file: SimDescriptorFile;
  model: Model;
  snapshot: SimSnapshot;
  volumeBytes: number;
  arity: number;
  makers: Partial<EngineMakers> | undefined;
  writes: number;
  fetches: number;
}

/** One life of the process: its engine, and what may go wrong in it. */
interface Life {
  scheduler: Scheduler;
  session: Session;
  faults: DiskFaults;
  engine: RestoreEngine;
}

const lifeStepsMax = 300;
const endStepsMax = 20_000;

/**
 * Random reads, writes, trims, flushes, failures and crashes of one volume being restored, compared with a plain
 * array. Throws with the replay command where they differ.
 */
export async function simulate({ seed, makers, imagesPerCrash = 3 }: SimulationOptions): Promise<void> {
  const world = makeWorld(seed, makers);
  try {
    const lives = 1 + world.random.below(4);
    for (let i = 0; i < lives; i++) await live(world, imagesPerCrash);
    await complete(world);
    await powerLoss(world, imagesPerCrash);
    await complete(world);
  } catch (cause) {
    throw new Error(
      `seed ${seed}: ${(cause as Error).message}\n  replay: HOLDFAST_SEED=${seed} npm test -- test/simulation/disk`,
      { cause },
    );
  }
}

function makeWorld(seed: number, makers: Partial<EngineMakers> | undefined): World {
  const random = new Random(seed);
  const chunkBytes = random.pick([4096, 4096, 8192]);
  const perChunk = chunkBytes / sectorBytes;
  const sectors = perChunk * (1 + random.below(14)) + random.pick([0, 0, 1, 3]);
  const extra = random.pick([0, 0, 1, perChunk, perChunk * 3 + 2]);
  const holes = new Set(Array.from({ length: 20 }, (_, i) => i).filter(() => random.chance(0.2)));
  const plain = Array.from({ length: sectors }, (_, i) =>
    holes.has(Math.floor(i / perChunk)) ? new Uint8Array(sectorBytes) : content(`snap-${i}`),
  );
  const volume = [...plain, ...Array.from({ length: extra }, () => new Uint8Array(sectorBytes))];
  const diskSectors = random.chance(0.5) ? volume.length : Math.ceil(volume.length / 8) * 8;
  return {
    random,
    disk: new SimDisk(Array.from({ length: diskSectors }, (_, i) => content(`garbage-${i}`))),
    file: new SimDescriptorFile(),
    model: new Model(volume),
    snapshot: { bytes: Buffer.concat(plain), chunkBytes },
    volumeBytes: volume.length * sectorBytes,
    arity: random.pick([2, 2, 3, 5]),
    makers,
    writes: 0,
    fetches: 0,
  };
}

/** Opens the volume as a restart does; undefined where the process died before it was served. */
async function open(world: World, stepsMax: number, failing: number): Promise<Life | undefined> {
  const { random, disk, file } = world;
  const scheduler = new Scheduler(random);
  const session: Session = { isDead: false };
  const faults: DiskFaults = { nextBarrierFails: false };
  const store = file.store(scheduler, session);
  const deps = {
    target: simTarget(disk, scheduler, session, faults, random),
    source: simSource(world.snapshot, scheduler, session, { random, failing }, world),
    store,
    clock: scheduler.clock(session),
    cursorEveryBytes: 2 * world.snapshot.chunkBytes,
    makers: world.makers,
  };
  const stored = await store.load();
  let engine: RestoreEngine | undefined;
  const opening = stored
    ? RestoreEngine.resume(deps, stored)
    : RestoreEngine.begin(deps, freshDescriptor(world));
  opening.then(
    (opened) => (engine = opened),
    () => undefined,
  );
  for (let i = 0; i < stepsMax && !engine; i++) await scheduler.step();
  if (!engine) {
    scheduler.kill(session);
    return undefined;
  }
  return { scheduler, session, faults, engine };
}

function freshDescriptor({ random, snapshot, volumeBytes, arity }: World): Descriptor {
  const hex = (bytes: number) =>
    Buffer.from(Array.from({ length: bytes }, () => random.below(256))).toString('hex');
  return {
    frozen: {
      volumeId: 'vol-sim',
      path: '/sim',
      identity: { kind: 'device', serial: 'sim', sizeBytes: volumeBytes },
      snapshotId: 'snap-sim',
      rootHash: '00'.repeat(32),
      snapshotBytes: snapshot.bytes.length,
      volumeBytes,
      blockBytes: snapshot.chunkBytes,
      blockCount: Math.ceil(volumeBytes / snapshot.chunkBytes),
      arity,
      restoreId: hex(16),
      markKey: hex(32),
    },
    moving: { phase: 'starting', cursor: 0, paused: false },
  };
}

async function live(world: World, imagesPerCrash: number): Promise<void> {
  const { random } = world;
  const stepsMax = random.chance(0.2) ? random.below(8) : 100;
  const life = await open(world, stepsMax, random.pick([0, 0, 0.1, 0.5]));
  if (!life) return crash(world, undefined, imagesPerCrash);
  if (random.chance(0.6)) life.engine.startBackground();
  const client = new Client(world, life);
  const steps = random.below(lifeStepsMax);
  if (random.chance(0.15)) setFault(life, random);
  for (let i = 0; i < steps; i++) {
    if (random.chance(0.3)) client.issue();
    if (random.chance(0.02)) void life.engine.pause().catch(() => undefined);
    if (!(await life.scheduler.step())) client.issue();
    client.check();
    if (life.engine.state === 'failed') break;
  }
  client.check();
  await crash(world, life, imagesPerCrash);
}

function setFault(life: Life, _random: Random): void {
  life.faults.nextBarrierFails = true;
}

async function crash(world: World, life: Life | undefined, images: number): Promise<void> {
  const { random } = world;
  const failed = life?.engine.state === 'failed';
  if (life) life.scheduler.kill(life.session);
  // A volume that stopped is opened again with the page cache dropped: what was not durable may be gone.
  if (failed || random.chance(0.6)) return powerLoss(world, images);
  world.disk.kill(random);
  world.model.kill();
  world.file.crash(random);
}

/** Recovers several of the images that the loss of power may leave, and goes on with one of them. */
async function powerLoss(world: World, images: number): Promise<void> {
  const { random } = world;
  world.model.losePower();
  for (let i = 0; i < images; i++) {
    const file = world.file.copy();
    file.crash(random);
    const image = { ...world, disk: world.disk.afterPowerLoss(random), file, model: world.model.copy() };
    await readAll(image, await mustOpen(image));
  }
  world.file.crash(random);
  world.disk = world.disk.afterPowerLoss(random);
}

async function mustOpen(world: World): Promise<Life> {
  const life = await open(world, 1000, 0);
  if (!life) throw new Error('the volume does not open');
  return life;
}

/** Restores to the end and compares every sector, also behind the end of the restore. */
async function complete(world: World): Promise<void> {
  const life = await mustOpen(world);
  const { engine, scheduler } = life;
  if (engine.state === 'paused') void engine.resumeBackground();
  engine.startBackground();
  const client = new Client(world, life);
  for (let i = 0; i < endStepsMax && engine.state !== 'restored'; i++) {
    if (i < 40 && world.random.chance(0.2)) client.issue();
    await scheduler.step();
    client.check();
    if (engine.state === 'failed') throw new Error(`the volume stopped: ${engine.trouble?.message}`);
  }
  if (engine.state !== 'restored') throw new Error(`the restore does not end: ${engine.progress().fraction}`);
  while (client.isBusy) await scheduler.step();
  client.check();
  await readAll(world, life);
  scheduler.kill(life.session);
  world.disk.kill(world.random);
  world.model.kill();
}

async function readAll(world: World, { engine, scheduler }: Life): Promise<void> {
  const all = Buffer.alloc(world.volumeBytes);
  let done = false;
  let failure: unknown;
  engine.device.read(all, 0).then(
    () => (done = true),
    (thrown: unknown) => (failure = thrown),
  );
  for (let i = 0; i < endStepsMax && !done && failure === undefined; i++) await scheduler.step();
  if (failure !== undefined) throw failure;
  if (!done) throw new Error('a read of the whole volume does not end');
  for (let i = 0; i < world.model.sectorCount; i++) {
    const wrong = world.model.read(i, all.subarray(i * sectorBytes, (i + 1) * sectorBytes));
    if (wrong) throw new Error(`after a restart ${wrong}`);
  }
}

/** Issues requests that do not overlap one another and compares what comes back. */
class Client {
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
    const parts = Array.from({ length: count }, (_, i) =>
      name === undefined ? new Uint8Array(sectorBytes) : content(`${name}-${first + i}`),
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

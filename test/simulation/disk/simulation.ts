import type { EngineMakers } from '../../../agent/restore/engine-parts.ts';
import { RestoreEngine } from '../../../agent/restore/restore-engine.ts';
import type { Descriptor } from '../../../core/restore/descriptor.ts';
import { Client } from './client.ts';
import { ClosedForm } from './closed-form.ts';
import { Contents } from './contents.ts';
import { Model } from './model.ts';
import { Random } from './random.ts';
import { Scheduler, type Session } from './scheduler.ts';
import { sectorBytes, SimDisk, simTarget, type DiskFaults, type Loss } from './sim-disk.ts';
import { simSource } from './sim-source.ts';
import { SimDescriptorFile } from './sim-store.ts';
import { emptyTally, type Life, type Tally, type World } from './world.ts';

export interface SimulationOptions {
  seed: number;
  makers?: Partial<EngineMakers>;
  /** Images of each power loss that are recovered in full. */
  imagesPerCrash?: number;
  /** @default the seed chooses */
  arity?: number;
}

const lifeStepsMax = 300;
const endStepsMax = 20_000;

/**
 * Random reads, writes, trims, flushes, failures and crashes of one volume being restored, compared with a plain
 * array. Throws with the replay command where they differ.
 */
export async function simulate(options: SimulationOptions): Promise<Tally> {
  const { seed, imagesPerCrash = 3 } = options;
  const world = makeWorld(options);
  try {
    const lives = 1 + world.random.below(4);
    for (let i = 0; i < lives; i++) await live(world, imagesPerCrash);
    await complete(world);
    await powerLoss(world, imagesPerCrash);
    await complete(world);
    return world.tally;
  } catch (cause) {
    const arity = options.arity === undefined ? '' : ` --arity ${options.arity}`;
    throw new Error(
      `seed ${seed}: ${(cause as Error).message}\n  replay: npm run simulate:restore -- --start ${seed} --seeds 1${arity}`,
      { cause },
    );
  }
}

function makeWorld({ seed, makers, arity }: SimulationOptions): World {
  const random = new Random(seed);
  const contents = new Contents();
  const chunkBytes = random.pick([4096, 4096, 8192]);
  const perChunk = chunkBytes / sectorBytes;
  const sectors = perChunk * (1 + random.below(14)) + random.pick([0, 0, 1, 3]);
  const extra = random.pick([0, 0, 1, perChunk, perChunk * 3 + 2]);
  const holes = new Set(Array.from({ length: 20 }, (_, i) => i).filter(() => random.chance(0.2)));
  const plain = Array.from({ length: sectors }, (_, i) =>
    holes.has(Math.floor(i / perChunk)) ? contents.zeroes : contents.named(`snap-${i}`),
  );
  const volume = [...plain, ...Array.from({ length: extra }, () => contents.zeroes)];
  const diskSectors = random.chance(0.5) ? volume.length : Math.ceil(volume.length / 8) * 8;
  const garbage = Array.from({ length: diskSectors }, (_, i) => contents.named(`garbage-${i}`));
  const drawn = random.pick([2, 2, 3, 5]);
  const hot = Array.from({ length: random.below(4) }, () => random.below(Math.ceil(sectors / perChunk)));
  return {
    random,
    disk: new SimDisk(contents, garbage),
    file: new SimDescriptorFile(),
    model: new Model(volume),
    contents,
    original: volume,
    closedForm: new ClosedForm(),
    judged: { kill: '', power: '' },
    tally: emptyTally(),
    snapshot: { bytes: Buffer.concat(plain), chunkBytes, hot },
    volumeBytes: volume.length * sectorBytes,
    arity: arity ?? drawn,
    makers,
    writes: 0,
    fetches: 0,
  };
}

/** One step of everything, and a look at every image that a crash right after it could leave. */
async function step(world: World, life: Pick<Life, 'scheduler' | 'faults'>): Promise<boolean> {
  const wasStep = await life.scheduler.step();
  world.tally.steps++;
  judge(world, 'power');
  // After a failed barrier the volume is opened again with the page cache dropped, and only so.
  if (!life.faults.barrierFailed) judge(world, 'kill');
  return wasStep;
}

function judge(world: World, loss: Loss): void {
  const { closedForm, tally } = world;
  const revision = `${world.disk.revision} ${world.model.revision} ${world.file.revision}`;
  if (world.judged[loss] === revision) return;
  world.judged[loss] = revision;
  const bits = closedForm.check(world, loss);
  tally.statesJudged++;
  tally.imagesLog2Max = Math.max(tally.imagesLog2Max, Math.round(bits));
}

/** Opens the volume as a restart does; undefined where the process died before it was served. */
async function open(world: World, stepsMax: number, failing: number): Promise<Life | undefined> {
  const { random, disk, file } = world;
  const scheduler = new Scheduler(random);
  const session: Session = { isDead: false };
  const faults: DiskFaults = {
    nextBarrierFails: false,
    barrierFailed: false,
    readsFailing: 0,
    writesFailing: 0,
  };
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
  for (let i = 0; i < stepsMax && !engine; i++) await step(world, { scheduler, faults });
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
  setFaults(life, random);
  for (let i = 0; i < steps; i++) {
    if (random.chance(0.3)) client.issue();
    if (random.chance(0.02)) void life.engine.pause().catch(() => undefined);
    if (!(await step(world, life))) client.issue();
    client.check();
    if (life.engine.state === 'failed') break;
  }
  client.check();
  await crash(world, life, imagesPerCrash);
}

function setFaults({ faults }: Life, random: Random): void {
  faults.nextBarrierFails = random.chance(0.15);
  faults.readsFailing = random.pick([0, 0, 0, 0.02, 0.2]);
  faults.writesFailing = random.pick([0, 0, 0, 0.01, 0.1]);
}

async function crash(world: World, life: Life | undefined, images: number): Promise<void> {
  const { random } = world;
  const failed = life?.engine.state === 'failed' || life?.faults.barrierFailed;
  if (failed) world.tally.failedBarriers++;
  if (life) life.scheduler.kill(life.session);
  // A volume that stopped is opened again with the page cache dropped: what was not durable may be gone.
  if (failed || random.chance(0.6)) return powerLoss(world, images);
  world.tally.kills++;
  world.disk.kill(random);
  world.model.kill();
  world.file.crash(random);
}

/** Recovers several of the images that the loss of power may leave, and goes on with one of them. */
async function powerLoss(world: World, images: number): Promise<void> {
  const { random } = world;
  world.tally.powerLosses++;
  world.model.losePower();
  for (let i = 0; i < images; i++) {
    const file = world.file.copy();
    file.crash(random);
    world.tally.recoveries++;
    const image = {
      ...world,
      disk: world.disk.afterPowerLoss(random),
      file,
      model: world.model.copy(),
      judged: { kill: '', power: '' },
    };
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
    await step(world, life);
    client.check();
    if (engine.state === 'failed') throw new Error(`the volume stopped: ${engine.trouble?.message}`);
  }
  if (engine.state !== 'restored') throw new Error(`the restore does not end: ${engine.progress().fraction}`);
  while (client.isBusy) await step(world, life);
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

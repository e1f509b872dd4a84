import type { HoldfastError } from '../../core/errors.ts';
import { BlockStates } from '../../core/restore/block-states.ts';
import type { Descriptor } from '../../core/restore/descriptor.ts';
import { blockOffset, makeGeometry, type Geometry } from '../../core/restore/geometry.ts';
import { decodeMark, markBytes } from '../../core/restore/mark.ts';
import type { SnapshotSource } from '../../core/snapshot/source.ts';
import { BackgroundFiller } from './background-filler.ts';
import { Bandwidth } from './bandwidth.ts';
import { BarrierOwner } from './barrier-owner.ts';
import { BatchRunner, type BatchDeps } from './batch-runner.ts';
import { ChunkLoader, type FetchErrorPolicy } from './chunk-loader.ts';
import { DescriptorKeeper, type DescriptorStore } from './descriptor-store.ts';
import { MixedDevice } from './mixed-device.ts';
import { Persister } from './persister.ts';
import { PlainDevice } from './plain-device.ts';
import { Settler, type SettlerDeps } from './settler.ts';
import { markContextOf, Starter } from './starter.ts';
import { StateFinder, type StateFinderDeps } from './state-finder.ts';
import type { Clock, TargetDisk } from './target-disk.ts';

export interface EngineDeps {
  target: TargetDisk;
  source: SnapshotSource;
  store: DescriptorStore;
  clock: Clock;
  /** Shared by the volumes of this process. */
  sharedBandwidth?: Bandwidth;
  /** Shared by those of them that have no limit of their own. */
  scheduledBandwidth?: Bandwidth;
  /** @default eio */
  fetchErrorPolicy?: FetchErrorPolicy;
  /** @default 64 MiB */
  cursorEveryBytes?: number;
  /** A trouble that the background goes on in spite of. */
  onTrouble?: (error: HoldfastError, block: number) => void;
  /** Nothing that is left can be restored as things are: all of it is damaged. Told again and again while it is so. */
  onStuck?: (damage: HoldfastError) => void;
  /** The parts that keep the order of writes; tests put broken ones in to see that it is noticed. */
  makers?: Partial<EngineMakers>;
}

export interface EngineMakers {
  barriers: (target: TargetDisk) => BarrierOwner;
  starter: (p: { store: DescriptorStore; target: TargetDisk; barriers: BarrierOwner }) => Starter;
  runner: (deps: BatchDeps) => BatchRunner;
  finder: (deps: StateFinderDeps) => StateFinder;
  settler: (deps: SettlerDeps) => Settler;
}

export interface EngineParts {
  geometry: Geometry;
  states: BlockStates;
  barriers: BarrierOwner;
  keeper: DescriptorKeeper;
  persister: Persister;
  settler: Settler;
  filler: BackgroundFiller;
  bandwidth: Bandwidth;
  /** While it is restored, and from then on. */
  mixed: MixedDevice;
  plain: PlainDevice;
}

export interface EngineHooks {
  /** Ends what waits for S3. */
  stop: AbortSignal;
  onBatch: (restoredCount: number) => void;
  finish: () => Promise<boolean>;
  onTrouble: (error: HoldfastError, block: number) => void;
  /** The background is behind what was promised. */
  isLate: () => boolean;
}

/** Makes what a restore begins with durable: the descriptor and the root mark. */
export async function startEngine(
  deps: EngineDeps,
  descriptor: Descriptor,
): Promise<{ descriptor: Descriptor; barriers: BarrierOwner }> {
  const barriers = makeBarriers(deps);
  const p = { store: deps.store, target: deps.target, barriers };
  const starter = deps.makers?.starter?.(p) ?? new Starter(p);
  return { descriptor: await starter.start(descriptor), barriers };
}

export function makeBarriers({ makers, target }: EngineDeps): BarrierOwner {
  return makers?.barriers?.(target) ?? new BarrierOwner(target);
}

/** Puts the parts of an engine together. `isFresh`: the root mark has just been written, nothing is restored. */
export function makeParts(
  deps: EngineDeps,
  started: { descriptor: Descriptor; barriers: BarrierOwner; isFresh: boolean },
  hooks: EngineHooks,
): EngineParts {
  const { target, source, store, clock, makers } = deps;
  const { descriptor, barriers } = started;
  const { frozen, moving } = descriptor;
  const marks = markContextOf(descriptor);
  const geometry = makeGeometry({ ...frozen, diskBytes: target.sizeBytes });
  const states = new BlockStates(frozen.blockCount, moving.cursor);
  if (started.isFresh) states.set(0, 'tree');
  const readMark = async (block: number) => {
    const bytes = new Uint8Array(markBytes);
    await target.read(bytes, blockOffset(geometry, block));
    return decodeMark(marks, block, bytes);
  };
  const finderDeps = { tree: geometry.tree, states, readMark };
  const finder = makers?.finder?.(finderDeps) ?? new StateFinder(finderDeps);
  const batchDeps = { geometry, states, marks, target, barriers };
  const runner = makers?.runner?.(batchDeps) ?? new BatchRunner(batchDeps);
  const persister = new Persister({ geometry, marks, barriers, runner, onBatch: hooks.onBatch });
  const keeper = new DescriptorKeeper(store, descriptor);
  const settlerDeps = { geometry, states, finder, barriers, keeper, target };
  const settler = makers?.settler?.(settlerDeps) ?? new Settler(settlerDeps);
  const bandwidth = new Bandwidth(clock, moving.bandwidthBytesPerSec);
  const filler = new BackgroundFiller({
    geometry,
    states,
    source,
    finder,
    persister,
    clock,
    get bandwidths() {
      // A limit that somebody chose for this restore stands above the schedule for all.
      const chosen = bandwidth.bytesPerSec ? bandwidth : (deps.scheduledBandwidth ?? bandwidth);
      return deps.sharedBandwidth ? [chosen, deps.sharedBandwidth] : [chosen];
    },
    freeBytes: () => target.freeBytes(),
    finish: hooks.finish,
    failure: () => barriers.failure,
    onTrouble: hooks.onTrouble,
    isLate: hooks.isLate,
    onStuck: (damage) => deps.onStuck?.(damage),
  });
  const plain = new PlainDevice(target, frozen.volumeBytes, barriers);
  const loader = new ChunkLoader({ source, clock, policy: deps.fetchErrorPolicy ?? 'eio' });
  const mixed = new MixedDevice({
    geometry,
    finder,
    persister,
    barriers,
    target,
    marks,
    load: (item) => loader.load(item, hooks.stop),
    isHole: (block) => (block < source.chunkCount ? source.isHole(block) : Promise.resolve(true)),
  });
  return { geometry, states, barriers, keeper, persister, settler, filler, bandwidth, mixed, plain };
}

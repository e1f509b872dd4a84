import { setImmediate } from 'node:timers/promises';
import type { BlockStates } from '../../core/restore/block-states.ts';
import type { Geometry } from '../../core/restore/geometry.ts';
import type { BarrierOwner } from './barrier-owner.ts';
import type { DescriptorKeeper } from './descriptor-store.ts';
import type { StateFinder } from './state-finder.ts';
import type { TargetDisk } from './target-disk.ts';

/** A long look through memory lets others run this often. */
const yieldBlocks = 65_536;

/** What says how far a restore durably is. */
export interface SettlerDeps {
  geometry: Geometry;
  states: BlockStates;
  finder: StateFinder;
  barriers: BarrierOwner;
  keeper: DescriptorKeeper;
  target: TargetDisk;
}

/** The cursor and the end of a restore: what is stored durably is trusted from then on. */
export class Settler {
  readonly deps: SettlerDeps;

  constructor(deps: SettlerDeps) {
    this.deps = deps;
  }

  /** Everything below the cursor is durable before the cursor says so. False where it has not moved. */
  async storeCursor(): Promise<boolean> {
    const cursor = this.deps.states.advanceLow();
    if (cursor <= this.deps.keeper.descriptor.moving.cursor) return false;
    await this.seal();
    await this.deps.keeper.update({ cursor });
    return true;
  }

  /** True when every block was found restored and that is durable; from then on no mark is looked at any more. */
  async finish(): Promise<boolean> {
    const { geometry, keeper, target } = this.deps;
    if (!(await this.recheck(keeper.descriptor.moving.cursor))) return false;
    // A file that was padded to whole pages gets its own size back.
    if (target.sizeBytes > geometry.volumeBytes && keeper.descriptor.frozen.identity.kind === 'file')
      await target.resize(geometry.volumeBytes);
    await this.seal();
    await keeper.update({ phase: 'restored', cursor: geometry.tree.blockCount });
    return true;
  }

  protected async recheck(low: number): Promise<boolean> {
    const { finder, geometry } = this.deps;
    for (let block = low; block < geometry.tree.blockCount; block++) {
      if (block % yieldBlocks === 0) await setImmediate();
      if ((finder.known(block) ?? (await finder.find(block))) !== 'restored') return false;
    }
    return true;
  }

  protected seal(): Promise<void> {
    return this.deps.barriers.barrier();
  }
}

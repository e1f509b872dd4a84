import { asHoldfastError } from '../../core/errors.ts';
import type { BlockStates } from '../../core/restore/block-states.ts';
import { blockOffset, storedBytes, type Geometry } from '../../core/restore/geometry.ts';
import {
  encodeMark,
  headBytes,
  markPageBytes,
  type MarkContext,
  type MarkKind,
} from '../../core/restore/mark.ts';
import { blockedChanges, planBatch, type BatchPlan, type BlockChange } from '../../core/restore/plan.ts';
import { childrenOf } from '../../core/restore/tree.ts';
import type { BarrierOwner } from './barrier-owner.ts';
import type { TargetDisk } from './target-disk.ts';

export interface BatchDeps {
  geometry: Geometry;
  states: BlockStates;
  marks: MarkContext;
  target: TargetDisk;
  barriers: BarrierOwner;
}

/** A block's bytes as long as it is stored, or undefined for zeroes. */
export type Body = Uint8Array | undefined;

/** Shared, so that it costs nothing to hand it to another thread, however often. */
const zeroes = new Uint8Array(new SharedArrayBuffer(markPageBytes));

/**
 * Restores several blocks with one barrier: marks of children and bodies, in any order; the barrier; then the heads,
 * in any order; then the states in memory. Until its head is written a block keeps a mark in its first sector.
 * One batch runs at a time.
 */
export class BatchRunner {
  readonly deps: BatchDeps;
  /** Of the batch that runs. */
  #late = false;

  constructor(deps: BatchDeps) {
    this.deps = deps;
  }

  /**
   * Resolves with the blocks that could not be restored, and why; they are as unrestored as before. Throws when the
   * volume has to stop: the barrier failed, or a head could not be written. `late`: no client waits for it.
   */
  async run(
    bodies: ReadonlyMap<number, Body>,
    options: { late?: boolean } = {},
  ): Promise<Map<number, Error>> {
    this.#late = options.late ?? false;
    const { states, geometry } = this.deps;
    const plan = planBatch(geometry.tree, (block) => states.get(block), [...bodies.keys()]);
    const failed = await this.writeBodies(plan, bodies);
    const blocked = failed.size ? blockedChanges(geometry.tree, plan, failed) : failed;
    const changes = plan.changes.filter((change) => !blocked.has(change.block));
    if (changes.length) {
      await this.seal();
      await this.writeHeads(changes, bodies);
      this.apply(changes);
    }
    return blocked;
  }

  protected seal(): Promise<void> {
    return this.deps.barriers.barrier();
  }

  /** Blocks of which a write failed. */
  protected async writeBodies(
    plan: BatchPlan,
    bodies: ReadonlyMap<number, Body>,
  ): Promise<Map<number, Error>> {
    const failed = new Map<number, Error>();
    const note = (block: number) => (thrown: unknown) => {
      failed.set(block, asHoldfastError(thrown));
    };
    const marks = plan.treeMarks.map((block) => this.writeMark(block, 'tree').catch(note(block)));
    const bodyWrites = plan.changes
      .filter((change) => change.to === 'restored')
      .map((change) => this.writeBody(change, bodies.get(change.block)).catch(note(change.block)));
    await Promise.all([...marks, ...bodyWrites]);
    return failed;
  }

  protected writeMark(block: number, kind: MarkKind): Promise<void> {
    const { target, geometry } = this.deps;
    return target.write(this.#markPage(block, kind), blockOffset(geometry, block), { late: this.#late });
  }

  /** The whole block, its mark still in the first sector. */
  protected async writeBody(change: BlockChange, body: Body): Promise<void> {
    const { target, geometry, marks } = this.deps;
    const offset = blockOffset(geometry, change.block);
    if (body) {
      const mark = encodeMark(marks, change.block, change.ownMark);
      const head = [mark, zeroes.subarray(0, headBytes - mark.length)];
      return target.write([...head, body.subarray(headBytes)], offset, { late: this.#late });
    }
    const page = this.#markPage(change.block, change.ownMark);
    const pageBytes = page.reduce((sum, part) => sum + part.length, 0);
    // In one turn, so that both cross to the other thread together.
    const writing = target.write(page, offset, { late: this.#late });
    const rest = storedBytes(geometry, change.block) - pageBytes;
    const zeroing = rest > 0 ? target.zero(offset + pageBytes, rest, { late: this.#late }) : undefined;
    // Both are over when this is, failed or not.
    for (const one of await Promise.allSettled([writing, zeroing]))
      if (one.status === 'rejected') throw one.reason;
  }

  protected async writeHeads(changes: BlockChange[], bodies: ReadonlyMap<number, Body>): Promise<void> {
    const writes = changes.map((change) =>
      change.to === 'pass'
        ? this.writeMark(change.block, 'pass')
        : this.writeHead(change.block, bodies.get(change.block)),
    );
    const settled = await Promise.allSettled(writes);
    // A head that may be half written leaves the block undecided: stop and read the marks again.
    for (const one of settled) if (one.status === 'rejected') throw this.deps.barriers.fail(one.reason);
    if (this.deps.barriers.failure) throw this.deps.barriers.failure;
  }

  /** Written, never punched. */
  protected writeHead(block: number, body: Body): Promise<void> {
    const { target, geometry } = this.deps;
    const head = body ? body.subarray(0, headBytes) : zeroes.subarray(0, headBytes);
    return target.write([head], blockOffset(geometry, block), { late: this.#late });
  }

  protected apply(changes: BlockChange[]): void {
    const { states, geometry } = this.deps;
    for (const change of changes) {
      states.set(change.block, change.to);
      if (!change.marksChildren) continue;
      const { start, end } = childrenOf(geometry.tree, change.block);
      // Those of this batch come later in the list and overwrite it.
      for (let child = start; child < end; child++) states.set(child, 'tree');
    }
  }

  /** In parts, so that no page is made for each mark. */
  #markPage(block: number, kind: MarkKind): Uint8Array[] {
    const { geometry, marks } = this.deps;
    const pageBytes = Math.min(markPageBytes, storedBytes(geometry, block));
    const mark = encodeMark(marks, block, kind);
    return [mark, zeroes.subarray(0, pageBytes - mark.length)];
  }
}

import { BarrierOwner } from '../../../agent/restore/barrier-owner.ts';
import { BatchRunner, type Body } from '../../../agent/restore/batch-runner.ts';
import type { EngineMakers } from '../../../agent/restore/engine-parts.ts';
import { Settler } from '../../../agent/restore/settler.ts';
import { Starter } from '../../../agent/restore/starter.ts';
import { StateFinder, type StateFinderDeps } from '../../../agent/restore/state-finder.ts';
import type { TargetDisk } from '../../../agent/restore/target-disk.ts';
import type { Descriptor } from '../../../core/restore/descriptor.ts';
import { blockOffset, storedBytes } from '../../../core/restore/geometry.ts';
import type { BatchPlan, BlockChange } from '../../../core/restore/plan.ts';
import { pathTo } from '../../../core/restore/tree.ts';

/** One engine for each rule of docs/restore.md, with that rule broken. A simulation that cannot tell is no test. */
export const mutants: Record<string, Partial<EngineMakers>> = {
  'rule 1: the descriptor says restoring before the root mark is written': {
    starter: (p) =>
      new (class extends Starter {
        override async start(descriptor: Descriptor): Promise<Descriptor> {
          const restoring = await this.savePhase(descriptor, 'restoring');
          await this.writeRootMark(descriptor);
          await this.seal();
          return restoring;
        }
      })(p),
  },
  'rule 1: no barrier behind the root mark': {
    starter: (p) =>
      new (class extends Starter {
        protected override seal = () => Promise.resolve();
      })(p),
  },
  'rule 2: no barrier before the heads': {
    runner: (deps) =>
      new (class extends BatchRunner {
        protected override seal = () => Promise.resolve();
      })(deps),
  },
  'rule 2: heads while the barrier runs': {
    runner: (deps) =>
      new (class extends BatchRunner {
        protected override seal(): Promise<void> {
          void super.seal().catch(() => undefined);
          return Promise.resolve();
        }
      })(deps),
  },
  'rule 2: the head goes out with the body': {
    runner: (deps) =>
      new (class extends BatchRunner {
        protected override async writeBody(change: BlockChange, body: Body): Promise<void> {
          const { target, geometry } = this.deps;
          const bytes = body ?? new Uint8Array(storedBytes(geometry, change.block));
          await target.write([bytes], blockOffset(geometry, change.block));
        }
      })(deps),
  },
  'the lowest mark decides instead of the topmost': { finder: (p) => new LowestMarkFinder(p) },
  'rule 4: acknowledged before the heads have returned': {
    runner: (deps) =>
      new (class extends BatchRunner {
        protected override writeHeads(
          changes: BlockChange[],
          bodies: ReadonlyMap<number, Body>,
        ): Promise<void> {
          void super.writeHeads(changes, bodies).catch(() => undefined);
          return Promise.resolve();
        }
      })(deps),
  },
  'rule 4: a flush joins a barrier that runs already': { barriers: (target) => new JoiningBarriers(target) },
  'rule 5: a trim takes the head away before the barrier': {
    runner: (deps) =>
      new (class extends BatchRunner {
        protected override async writeBody(change: BlockChange, body: Body): Promise<void> {
          if (body) return super.writeBody(change, body);
          const { target, geometry } = this.deps;
          await target.zero(blockOffset(geometry, change.block), storedBytes(geometry, change.block));
        }
      })(deps),
  },
  'rule 5: what needs no chunk does not mark the children': {
    runner: (deps) =>
      new (class extends BatchRunner {
        protected override writeBodies(plan: BatchPlan, bodies: ReadonlyMap<number, Body>) {
          const zeroed = new Set([...bodies].filter(([, body]) => !body).map(([block]) => block));
          const { arity } = this.deps.geometry.tree;
          const treeMarks = plan.treeMarks.filter((child) => !zeroed.has(Math.floor((child - 1) / arity)));
          return super.writeBodies({ ...plan, treeMarks }, bodies);
        }
      })(deps),
  },
  'rule 6: a failed barrier is tried again': {
    barriers: (target) =>
      new (class extends BarrierOwner {
        protected override sync = (disk: TargetDisk) => disk.barrier().catch(() => disk.barrier());
      })(target),
  },
  'rule 7: the cursor is stored without a barrier': {
    settler: (deps) =>
      new (class extends Settler {
        override async storeCursor(): Promise<boolean> {
          const { states, keeper } = this.deps;
          await keeper.update({ cursor: states.advanceLow() });
          return true;
        }
      })(deps),
  },
  'rule 7: done without the last barrier': {
    settler: (deps) =>
      new (class extends Settler {
        override async finish(): Promise<boolean> {
          const { keeper, geometry } = this.deps;
          if (!(await this.recheck(keeper.descriptor.moving.cursor))) return false;
          await keeper.update({ phase: 'restored', cursor: geometry.tree.blockCount });
          return true;
        }
      })(deps),
  },
  'rule 7: done without looking again': {
    settler: (deps) =>
      new (class extends Settler {
        protected override recheck = () => Promise.resolve(true);
      })(deps),
  },
};

class LowestMarkFinder extends StateFinder {
  readonly #p: StateFinderDeps;

  constructor(p: StateFinderDeps) {
    super(p);
    this.#p = p;
  }

  override known(block: number) {
    const own = this.#p.states.get(block);
    return own === 'unknown' ? undefined : super.known(block);
  }

  override async find(block: number) {
    if (this.#p.states.get(block) === 'unknown' && this.#p.states.get(0) === 'unknown') {
      for (const node of pathTo(this.#p.tree, block).reverse()) {
        const reading = await this.#p.readMark(node);
        if (reading === 'tree') break;
        if (reading !== 'pass' || node === block) continue;
        this.#p.states.set(block, 'restored');
        return 'restored';
      }
    }
    return super.find(block);
  }
}

class JoiningBarriers extends BarrierOwner {
  #joined: Promise<void> | undefined;

  override barrier(): Promise<void> {
    const barrier = super.barrier();
    this.#joined ??= barrier.finally(() => (this.#joined = undefined));
    this.#joined.catch(() => undefined);
    return barrier;
  }

  override flush(): Promise<void> {
    return this.#joined ?? this.barrier();
  }
}

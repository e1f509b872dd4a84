import { HoldfastError } from '../../core/errors.ts';
import type { BlockStates } from '../../core/restore/block-states.ts';
import type { MarkReading } from '../../core/restore/mark.ts';
import { parentOf, pathTo, type Tree } from '../../core/restore/tree.ts';

export interface StateFinderDeps {
  tree: Tree;
  states: BlockStates;
  readMark: (block: number) => Promise<MarkReading>;
}

export type Restoredness = 'restored' | 'unrestored';

/**
 * Finds out whether a block is restored: from memory, or after a restart from the marks on the path to it. The
 * topmost tree mark decides; what lies below it is arbitrary and is not even read.
 */
export class StateFinder {
  readonly #tree: Tree;
  readonly #states: BlockStates;
  readonly #readMark: (block: number) => Promise<MarkReading>;
  readonly #reading = new Map<number, Promise<void>>();

  constructor(p: StateFinderDeps) {
    this.#tree = p.tree;
    this.#states = p.states;
    this.#readMark = p.readMark;
  }

  /** Undefined where a mark has to be read first. */
  known(block: number): Restoredness | undefined {
    const own = this.#states.get(block);
    if (own !== 'unknown') return own === 'restored' ? 'restored' : 'unrestored';
    for (let node = parentOf(this.#tree, block); node !== undefined; node = parentOf(this.#tree, node)) {
      const state = this.#states.get(node);
      if (state !== 'unknown') return state === 'tree' ? 'unrestored' : undefined;
    }
    return undefined;
  }

  /** Throws IO where a mark on the path cannot be read: then the block is neither restored nor unrestored. */
  async find(block: number): Promise<Restoredness> {
    const known = this.known(block);
    if (known) return known;
    for (const node of pathTo(this.#tree, block)) {
      if (this.#states.get(node) === 'unknown') await this.#learn(node);
      if (this.#states.get(node) === 'tree') return 'unrestored';
    }
    return this.#states.get(block) === 'restored' ? 'restored' : 'unrestored';
  }

  /** Its parent carries no tree mark, so the node's own mark counts. */
  #learn(node: number): Promise<void> {
    const running = this.#reading.get(node);
    if (running) return running;
    const learning = this.#readMark(node)
      .then((reading) => {
        if (reading === 'damaged')
          throw new HoldfastError('IO', `the mark of block ${node} is damaged`, {
            hint: 'the disk returns wrong data: replace it and restore the volume again',
          });
        // While the mark was read the block may have moved on; what memory says is newer.
        if (this.#states.get(node) === 'unknown')
          this.#states.set(node, reading === 'none' ? 'restored' : reading);
      })
      .finally(() => this.#reading.delete(node));
    this.#reading.set(node, learning);
    return learning;
  }
}

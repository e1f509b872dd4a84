/**
 * What is known of each block while a restore runs. A known state says that no ancestor carries a tree mark:
 *
 * - `unknown`: below a tree mark, or not looked at since the last start;
 * - `tree`: carries a tree mark that counts: it and everything below it is unrestored;
 * - `pass`: carries a pass mark: it alone is unrestored;
 * - `restored`.
 */
export type BlockState = 'unknown' | 'restored' | 'tree' | 'pass';

const names: readonly BlockState[] = ['unknown', 'restored', 'tree', 'pass'];
const codes = { unknown: 0, restored: 1, tree: 2, pass: 3 } as const;
const pageBlocks = 16_384;

/** One byte a block, in pages that come into being when they are touched: starting costs nothing. */
export class BlockStates {
  readonly blockCount: number;
  readonly #pages = new Map<number, Uint8Array>();
  #restoredCount: number;
  #lowCount: number;

  /** Blocks below `cursor` are restored, and known to be. */
  constructor(blockCount: number, cursor: number) {
    this.blockCount = blockCount;
    this.#lowCount = cursor;
    this.#restoredCount = cursor;
  }

  get(block: number): BlockState {
    if (block < this.#lowCount) return 'restored';
    const page = this.#pages.get(Math.floor(block / pageBlocks));
    return names[page?.[block % pageBlocks] ?? 0] ?? 'unknown';
  }

  set(block: number, state: BlockState): void {
    if (block < this.#lowCount) return;
    const index = Math.floor(block / pageBlocks);
    let page = this.#pages.get(index);
    if (!page) this.#pages.set(index, (page = new Uint8Array(pageBlocks)));
    const at = block % pageBlocks;
    if (page[at] === codes.restored) this.#restoredCount--;
    if (state === 'restored') this.#restoredCount++;
    page[at] = codes[state];
  }

  /** Blocks known to be restored. */
  get restoredCount(): number {
    return this.#restoredCount;
  }

  /** Every block below it is known to be restored; pages behind it are dropped. */
  advanceLow(): number {
    const before = Math.floor(this.#lowCount / pageBlocks);
    let low = this.#lowCount;
    while (low < this.blockCount && this.get(low) === 'restored') low++;
    this.#lowCount = low;
    for (let index = before; index < Math.floor(low / pageBlocks); index++) this.#pages.delete(index);
    return low;
  }
}

import { HoldfastError } from '../errors.ts';

/**
 * The implicit k-ary tree over block indices, in level order: root 0, children k·i+1 … k·i+k below n, parent
 * ⌊(i−1)/k⌋. It is never stored; a mark on a block speaks for the block's whole subtree.
 */
export interface Tree {
  readonly blockCount: number;
  readonly arity: number;
}

/** Wider trees would make one cold access write too many marks. */
export const arityMax = 256;
export const arityDefault = 4;

/** Throws INVALID_INPUT. */
export function makeTree(blockCount: number, arity: number): Tree {
  if (!Number.isSafeInteger(blockCount) || blockCount < 1)
    throw new HoldfastError('INVALID_INPUT', `a volume has at least one block, not ${blockCount}`);
  if (!Number.isSafeInteger(arity) || arity < 2 || arity > arityMax)
    throw new HoldfastError('INVALID_INPUT', `arity ${arity} is not an integer from 2 to ${arityMax}`, {
      hint: `leave it out for ${arityDefault}`,
    });
  return { blockCount, arity };
}

/** Undefined for the root. */
export function parentOf(tree: Tree, block: number): number | undefined {
  return block === 0 ? undefined : Math.floor((block - 1) / tree.arity);
}

/** Half-open range of the children; empty for a leaf. */
export function childrenOf(tree: Tree, block: number): { start: number; end: number } {
  const start = Math.min(tree.arity * block + 1, tree.blockCount);
  return { start, end: Math.min(start + tree.arity, tree.blockCount) };
}

/** From the root to the block, both included. */
export function pathTo(tree: Tree, block: number): number[] {
  const path = [block];
  for (let above = parentOf(tree, block); above !== undefined; above = parentOf(tree, above))
    path.push(above);
  return path.reverse();
}

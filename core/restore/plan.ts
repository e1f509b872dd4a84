import type { BlockState } from './block-states.ts';
import type { MarkKind } from './mark.ts';
import { childrenOf, pathTo, type Tree } from './tree.ts';

/**
 * One batch of restores: which marks and bodies go out before the barrier, and which heads after it. Several blocks
 * share the barrier; a parent and its child may be in one batch, because the parent's tree mark outranks whatever
 * becomes of the child until the parent's own head is durable.
 */
export interface BatchPlan {
  /** Blocks that change, parents before their children. */
  changes: BlockChange[];
  /** Blocks that get a tree mark of their own before the barrier; those with a body carry it in their body. */
  treeMarks: number[];
}

export interface BlockChange {
  block: number;
  to: 'restored' | 'pass';
  /** The mark that the block carries until its head is written. */
  ownMark: MarkKind;
  /** False where an earlier batch has marked the children: marking them again would unrestore them. */
  marksChildren: boolean;
}

/**
 * Restores `blocks` (distinct, each unrestored, its path known down to the tree mark that decides), passing the
 * ancestors that stand in between without fetching them.
 */
export function planBatch(tree: Tree, stateOf: (block: number) => BlockState, blocks: number[]): BatchPlan {
  const bodies = new Set(blocks);
  const changes = new Map<number, BlockChange>();
  for (const block of blocks) {
    for (const change of changesFor(tree, stateOf, block, bodies)) changes.set(change.block, change);
  }
  const ordered = [...changes.values()].sort((a, b) => a.block - b.block);
  return { changes: ordered, treeMarks: treeMarksOf(tree, ordered, bodies) };
}

function changesFor(
  tree: Tree,
  stateOf: (block: number) => BlockState,
  block: number,
  bodies: ReadonlySet<number>,
): BlockChange[] {
  if (stateOf(block) === 'pass') return [{ block, to: 'restored', ownMark: 'pass', marksChildren: false }];
  const path = pathTo(tree, block);
  const frontier = path.findIndex((node) => stateOf(node) === 'tree');
  if (frontier < 0) throw new Error(`block ${block} is ${stateOf(block)} and has no tree mark above it`);
  return path.slice(frontier).map((node) => ({
    block: node,
    to: bodies.has(node) ? 'restored' : 'pass',
    ownMark: 'tree',
    marksChildren: true,
  }));
}

function treeMarksOf(tree: Tree, changes: BlockChange[], bodies: ReadonlySet<number>): number[] {
  const marks: number[] = [];
  for (const change of changes) {
    if (!change.marksChildren) continue;
    const children = childrenOf(tree, change.block);
    for (let child = children.start; child < children.end; child++) if (!bodies.has(child)) marks.push(child);
  }
  return marks;
}

/**
 * The changes that must not be made, because a write before the barrier failed: a block whose mark or body did not
 * get written, its parent where the parent would stop speaking for it, and everything below those in this batch.
 */
export function blockedChanges(
  tree: Tree,
  plan: BatchPlan,
  failedBlocks: ReadonlyMap<number, Error>,
): Map<number, Error> {
  const blocked = new Map<number, Error>();
  const childrenFirst = plan.changes.toReversed();
  for (const change of childrenFirst) {
    let error = failedBlocks.get(change.block);
    if (change.marksChildren) {
      const children = childrenOf(tree, change.block);
      for (let child = children.start; child < children.end; child++) error ??= failedBlocks.get(child);
    }
    if (error) blocked.set(change.block, error);
  }
  for (const change of plan.changes) {
    const above = pathTo(tree, change.block).slice(0, -1);
    const cause = above.map((node) => blocked.get(node)).find((error) => error !== undefined);
    if (cause && !blocked.has(change.block)) blocked.set(change.block, cause);
  }
  return blocked;
}

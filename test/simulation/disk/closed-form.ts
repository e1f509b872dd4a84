import { decodeDescriptor, type Descriptor } from '../../../core/restore/descriptor.ts';
import { decodeMark, type MarkReading } from '../../../core/restore/mark.ts';
import { parentOf } from '../../../core/restore/tree.ts';
import { markContextOf } from '../../../agent/restore/starter.ts';
import { label } from './contents.ts';
import type { Model } from './model.ts';
import { sectorBytes, type Loss, type SimDisk } from './sim-disk.ts';
import type { SimDescriptorFile } from './sim-store.ts';

export interface CrashState {
  disk: SimDisk;
  file: SimDescriptorFile;
  model: Model;
  /** What the volume holds where nothing was written: the snapshot's sectors, then zeroes. */
  original: readonly Uint8Array[];
}

/** What the first sector of a block may say after a crash. */
type Heads = ReadonlySet<MarkReading>[];

/**
 * Judges every image that a crash may leave now, without making one. Sectors survive independently of one another,
 * and what a client may read is judged sector by sector, so it is enough to know for each block whether *some* image
 * shows it as restored and whether *some* image shows it as unrestored:
 *
 * - restored, if every ancestor's head may carry something other than a tree mark and its own may carry no mark. Then
 *   each content that each of its sectors may have must be one that the client may find there;
 * - unrestored, if an ancestor that can be reached may carry a tree mark, or its own head a mark. Then the snapshot's
 *   content must be one that the client may find.
 *
 * Throws where a rule is broken. Returns how many images that were, as the logarithm to base 2.
 */
export class ClosedForm {
  #restoreId = '';
  #readings = new Map<Uint8Array, Map<number, MarkReading>>();

  check(state: CrashState, loss: Loss): number {
    const possible = state.disk.possible(loss);
    for (const text of state.file.possible()) {
      const descriptor = text === undefined ? undefined : decodeDescriptor(text, 'the descriptor');
      const wrong = this.#judge(state, loss, possible, descriptor);
      if (wrong) throw new Error(`after ${loss === 'kill' ? 'SIGKILL' : 'power loss'} here ${wrong}`);
    }
    return possible.reduce((bits, versions) => bits + Math.log2(new Set(versions).size), 0);
  }

  #judge(
    state: CrashState,
    loss: Loss,
    possible: Uint8Array[][],
    descriptor: Descriptor | undefined,
  ): string | undefined {
    const { model, original } = state;
    const perBlock = (descriptor?.frozen.blockBytes ?? 0) / sectorBytes;
    const reach = descriptor && this.#reach(descriptor, possible);
    for (let sector = 0; sector < model.sectorCount; sector++) {
      const block = reach ? Math.floor(sector / perBlock) : 0;
      const isHead = reach && sector === block * perBlock && block >= reach.markedFrom;
      if (!reach || reach.unrestored[block]) {
        if (!model.allows(sector, original[sector]!, loss))
          return `sector ${sector} may be the snapshot's again, allowed: ${model.allowed(sector, loss)}`;
      }
      if (!reach?.restored[block]) continue;
      for (const bytes of possible[sector]!) {
        // A head that carries a mark shows the block as unrestored.
        if (isHead && this.#reading(descriptor!, block, bytes) !== 'none') continue;
        if (!model.allows(sector, bytes, loss))
          return `sector ${sector} may read ${label(bytes)}, allowed: ${model.allowed(sector, loss)}`;
      }
    }
    return undefined;
  }

  /** Which blocks some image shows as restored, and which some image shows as unrestored. */
  #reach(descriptor: Descriptor, possible: Uint8Array[][]) {
    const { blockCount, blockBytes, arity } = descriptor.frozen;
    const { phase, cursor } = descriptor.moving;
    const restored = new Array<boolean>(blockCount).fill(phase === 'restored');
    const unrestored = new Array<boolean>(blockCount).fill(phase === 'starting');
    const markedFrom = phase === 'restored' ? blockCount : cursor;
    if (phase !== 'restoring') return { restored, unrestored, markedFrom };
    const heads: Heads = Array.from({ length: blockCount }, (_, block) =>
      block < cursor
        ? new Set<MarkReading>(['none'])
        : new Set(
            possible[(block * blockBytes) / sectorBytes]!.map((bytes) =>
              this.#reading(descriptor, block, bytes),
            ),
          ),
    );
    /** Some image has no tree mark on the path down to the block, the block's own head left out. */
    const open = new Array<boolean>(blockCount).fill(true);
    /** Some image has a tree mark above the block that a reader comes to. */
    const under = new Array<boolean>(blockCount).fill(false);
    for (let block = 0; block < blockCount; block++) {
      const parent = parentOf({ blockCount, arity }, block);
      if (parent !== undefined) {
        const head = heads[parent]!;
        open[block] = open[parent]! && (head.has('none') || head.has('pass'));
        under[block] = under[parent]! || (open[parent]! && head.has('tree'));
      }
      if (block < cursor) {
        restored[block] = true;
        continue;
      }
      const own = heads[block]!;
      if (open[block] && own.has('damaged')) throw new Error(`the mark of block ${block} may be damaged`);
      restored[block] = open[block]! && own.has('none');
      unrestored[block] = under[block]! || (open[block]! && (own.has('tree') || own.has('pass')));
    }
    return { restored, unrestored, markedFrom };
  }

  #reading(descriptor: Descriptor, block: number, bytes: Uint8Array): MarkReading {
    if (descriptor.frozen.restoreId !== this.#restoreId) {
      this.#restoreId = descriptor.frozen.restoreId;
      this.#readings = new Map();
    }
    let byBlock = this.#readings.get(bytes);
    if (!byBlock) this.#readings.set(bytes, (byBlock = new Map()));
    let reading = byBlock.get(block);
    if (reading === undefined) {
      reading = decodeMark(markContextOf(descriptor), block, bytes);
      byBlock.set(block, reading);
    }
    return reading;
  }
}

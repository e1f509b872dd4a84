import { plainBytesOf } from '../../../core/snapshot/geometry.ts';
import { keys } from '../../../core/snapshot/names.ts';
import { decodeLeaf } from '../../../core/snapshot/page-codec.ts';
import { decodeRoot } from '../../../core/snapshot/root-codec.ts';
import { MemoryBucket } from '../../support/memory-bucket.ts';
import { snapshotOf } from '../../support/snapshots.ts';
import { KeySet } from './key-set.ts';
import { isWrite, Machine, type MachineRequest, type Program } from './machine.ts';
import type { Outcome } from './program-run.ts';
import { bytesOf, collector, parentBytes } from './programs.ts';

/** What has to be true of a repository, as bits: a listed snapshot is whole, and in the end nothing is left over. */
export class Repository {
  readonly keySet = new KeySet();
  readonly parentId: string;
  readonly before: number;
  readonly #needs = new Map<string, number>();
  #snapshots: { root: number; tombstone: number; needs: number; id: string }[] = [];
  /** A key may be known, as one that was looked for, before anybody has written its object. */
  #bodyCount = 0;
  #collected = new Map<number, number>();
  #collector: Machine | undefined;

  private constructor(bucket: MemoryBucket, parentId: string) {
    this.parentId = parentId;
    this.before = this.keySet.maskOf(bucket);
  }

  /** With one snapshot, the parent of what is uploaded. */
  static async prepare(): Promise<Repository> {
    const bucket = new MemoryBucket();
    const { snapshotId } = await snapshotOf(bucket, parentBytes, { now: () => 1, random: bytesOf(1) });
    return new Repository(bucket, snapshotId);
  }

  /** Throws where a snapshot that is listed lacks something. */
  check = (mask: number): void => {
    if (this.#bodyCount !== this.keySet.bodies.size) this.#lookAtRoots();
    for (const { root, tombstone, needs, id } of this.#snapshots)
      if (mask & root && !(mask & tombstone) && (mask & needs) !== needs)
        throw new Error(`snapshot ${id} is listed and lacks ${this.keySet.keysIn(needs & ~mask).join(', ')}`);
  };

  /**
   * A pack that arrives may heal a listed snapshot that lacks it; a tombstone or the removal of a root hides that it
   * lacks something. Where it is not listed and nobody else lists it, nobody can tell.
   */
  judgedWith = (requests: MachineRequest[]): number => {
    if (this.#bodyCount !== this.keySet.bodies.size) this.#lookAtRoots();
    let judged = 0;
    for (const { operation, mask } of requests.filter(isWrite))
      for (const { root, tombstone, needs } of this.#snapshots)
        if (mask & (operation === 'put' ? needs | tombstone : root)) judged |= root;
    return judged;
  };

  checkOutcome = ({ name }: Program, outcome: Outcome, mask: number): void => {
    if (outcome === 'succeeded') {
      if (!name.startsWith('uploader')) return;
      const own = this.keySet
        .keysIn(mask)
        .filter((key) => key.startsWith('snapshots/') && !key.includes(this.parentId));
      if (own.length === 0) throw new Error(`${name} succeeded and its snapshot is not there`);
      return;
    }
    const code = (outcome.failed as { code?: string }).code ?? String(outcome.failed);
    const allowed = name.startsWith('uploader')
      ? ['GONE', 'NOT_FOUND', 'CONFLICT', 'UNAVAILABLE', 'CORRUPT']
      : name.endsWith('collector')
        ? ['BUSY']
        : [];
    if (!allowed.includes(code)) throw new Error(`${name} failed: ${String(outcome.failed)}`);
  };

  /** Two more collections leave what is listed, and no object that nothing needs. */
  checkEnd = async (mask: number): Promise<void> => {
    let left = mask;
    for (let round = 0; round < 2; round += 1) left = await this.#afterCollection(left);
    this.check(left);
    const needed = this.#snapshots.reduce(
      (bits, { root, tombstone, needs }) => (left & root && !(left & tombstone) ? bits | needs : bits),
      0,
    );
    const objects = left & this.#objects;
    if (objects & ~needed) throw new Error(`left over: ${this.keySet.keysIn(objects & ~needed).join(', ')}`);
  };

  get #objects(): number {
    return ['packs/', 'pages/', 'hot/'].reduce((bits, folder) => bits | this.keySet.under(folder), 0);
  }

  async #afterCollection(before: number): Promise<number> {
    const known = this.#collected.get(before);
    if (known !== undefined) return known;
    this.#collector ??= new Machine(collector({ isHasty: true }), this.keySet);
    let mask = before;
    let node = await this.#collector.start();
    for (let request = node.requests[0]; request; request = node.requests[0]) {
      const bits = this.#collector.answerBits(request, mask);
      node = request.next.get(bits) ?? (await this.#collector.expand(node, request, bits));
      if (request.operation === 'put') mask |= request.mask;
      if (request.operation === 'delete') mask &= ~request.mask;
    }
    this.#collected.set(before, mask);
    return mask;
  }

  #lookAtRoots(): void {
    this.#bodyCount = this.keySet.bodies.size;
    const ids = this.keySet.keys
      .filter((key) => key.startsWith('snapshots/') && this.keySet.bodies.has(key))
      .map((key) => key.slice('snapshots/'.length));
    this.#snapshots = ids.map((id) => ({
      id,
      root: this.keySet.bit(keys.root(id)),
      tombstone: this.keySet.bit(keys.tombstone(id)),
      needs: this.#needsOf(id),
    }));
  }

  /** The pages and packs that a snapshot's manifest names, and its hot list where it was made with one. */
  #needsOf(id: string): number {
    const known = this.#needs.get(id);
    if (known !== undefined) return known;
    const { bodies } = this.keySet;
    const root = decodeRoot(bodies.get(keys.root(id))!, 'root');
    const page = keys.page(root.refs[0]!.name);
    const leaf = decodeLeaf(bodies.get(page)!, 2, (entry) => plainBytesOf(root.geometry, entry), page);
    const all = [page, ...leaf.map((entry) => keys.pack(entry!.pack))];
    if (bodies.has(keys.hot(id))) all.push(keys.hot(id));
    const needs = all.reduce((bits, key) => bits | this.keySet.bit(key), 0);
    this.#needs.set(id, needs);
    return needs;
  }
}

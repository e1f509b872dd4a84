import type { Descriptor } from '../../core/restore/descriptor.ts';
import { makeGeometry } from '../../core/restore/geometry.ts';
import { encodeMark, makeMarkContext, markPageBytes, type MarkContext } from '../../core/restore/mark.ts';
import type { BarrierOwner } from './barrier-owner.ts';
import type { DescriptorStore } from './descriptor-store.ts';
import type { TargetDisk } from './target-disk.ts';

/**
 * The beginning of a restore: a handful of writes, whatever the volume's size. Once the descriptor says `starting`,
 * a restart knows that the root mark may be missing and writes it again; only once it says `restoring` is anything
 * acknowledged. The target is created, sized and durable before.
 */
export class Starter {
  readonly #store: DescriptorStore;
  readonly #target: TargetDisk;
  readonly #barriers: BarrierOwner;

  constructor(p: { store: DescriptorStore; target: TargetDisk; barriers: BarrierOwner }) {
    this.#store = p.store;
    this.#target = p.target;
    this.#barriers = p.barriers;
  }

  async start(descriptor: Descriptor): Promise<Descriptor> {
    await this.savePhase(descriptor, 'starting');
    await this.#pad(descriptor);
    await this.writeRootMark(descriptor);
    await this.seal();
    return this.savePhase(descriptor, 'restoring');
  }

  protected async savePhase(descriptor: Descriptor, phase: 'starting' | 'restoring'): Promise<Descriptor> {
    const next = { ...descriptor, moving: { ...descriptor.moving, phase } };
    await this.#store.save(next);
    return next;
  }

  /** Not before the descriptor knows the volume's own size: a restart would take the padded one for it. */
  async #pad({ frozen }: Descriptor): Promise<void> {
    const { diskBytes } = makeGeometry(frozen);
    if (frozen.identity.kind === 'file' && this.#target.sizeBytes < diskBytes)
      await this.#target.resize(diskBytes);
  }

  protected writeRootMark(descriptor: Descriptor): Promise<void> {
    const page = new Uint8Array(Math.min(markPageBytes, this.#target.sizeBytes));
    page.set(encodeMark(markContextOf(descriptor), 0, 'tree'));
    return this.#target.write([page], 0);
  }

  protected seal(): Promise<void> {
    return this.#barriers.barrier();
  }
}

export function markContextOf({ frozen }: Descriptor): MarkContext {
  return makeMarkContext({
    volumeId: frozen.volumeId,
    snapshotId: frozen.snapshotId,
    restoreId: Buffer.from(frozen.restoreId, 'hex'),
    markKey: Buffer.from(frozen.markKey, 'hex'),
  });
}

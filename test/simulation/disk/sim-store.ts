import type { DescriptorStore } from '../../../agent/restore/descriptor-store.ts';
import { decodeDescriptor, encodeDescriptor } from '../../../core/restore/descriptor.ts';
import type { Random } from './random.ts';
import type { Scheduler, Session } from './scheduler.ts';

/** The descriptor's file: a crash while it is replaced leaves the old one or the new one. */
export class SimDescriptorFile {
  durable: string | undefined;
  saving: string | undefined;
  revision = 0;

  crash(random: Random): void {
    if (this.saving !== undefined && random.chance(0.5)) this.durable = this.saving;
    this.saving = undefined;
  }

  /** What a crash may leave now. */
  possible(): (string | undefined)[] {
    return this.saving === undefined ? [this.durable] : [this.durable, this.saving];
  }

  copy(): SimDescriptorFile {
    const copy = new SimDescriptorFile();
    copy.durable = this.durable;
    copy.saving = this.saving;
    return copy;
  }

  store(scheduler: Scheduler, session: Session): DescriptorStore {
    return {
      load: () =>
        Promise.resolve(this.durable === undefined ? undefined : decodeDescriptor(this.durable, 'd')),
      save: async (descriptor) => {
        if (session.isDead) return new Promise<void>(() => undefined);
        this.saving = encodeDescriptor(descriptor);
        this.revision++;
        await scheduler.wait(session);
        this.durable = this.saving;
        this.saving = undefined;
        this.revision++;
      },
      remove: () => Promise.reject(new Error('not used')),
    };
  }
}

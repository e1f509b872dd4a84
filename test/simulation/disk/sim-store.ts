import type { DescriptorStore } from '../../../agent/restore/descriptor-store.ts';
import { decodeDescriptor, encodeDescriptor } from '../../../core/restore/descriptor.ts';
import type { Random } from './random.ts';
import type { Scheduler, Session } from './scheduler.ts';

/** The descriptor's file: a crash while it is replaced leaves the old one or the new one. */
export class SimDescriptorFile {
  durable: string | undefined;
  saving: string | undefined;

  crash(random: Random): void {
    if (this.saving !== undefined && random.chance(0.5)) this.durable = this.saving;
    this.saving = undefined;
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
        await scheduler.wait(session);
        this.durable = this.saving;
        this.saving = undefined;
      },
      remove: () => Promise.reject(new Error('not used')),
    };
  }
}

import { open, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { decodeDescriptor, encodeDescriptor, type Descriptor } from '../../core/restore/descriptor.ts';
import { errnoOf, ioError, syncDirectory, writeDurably } from '../state/versioned-file.ts';

/** Where a volume's descriptor is kept. */
export interface DescriptorStore {
  /** Durable before it resolves, whoever wrote it. Undefined where there is none. Throws CORRUPT, IO. */
  load(): Promise<Descriptor | undefined>;
  /** After a crash there is the old one or the new one; the new one for certain once this has resolved. */
  save(descriptor: Descriptor): Promise<void>;
  remove(): Promise<void>;
}

/** A file, mode 0600, replaced as a whole. */
export function fileDescriptorStore(path: string): DescriptorStore {
  return {
    load: async () => {
      let text: string;
      try {
        // A process killed between rename and fsync left a file that power loss would take back: trust comes after.
        await using file = await open(path, 'r+');
        await file.sync();
        await syncDirectory(dirname(path));
        text = await readFile(path, 'utf8');
      } catch (cause) {
        if (errnoOf(cause) === 'ENOENT') return undefined;
        throw ioError('read', path, cause);
      }
      return decodeDescriptor(text, path);
    },
    save: (descriptor) => writeDurably(path, Buffer.from(encodeDescriptor(descriptor))),
    remove: async () => {
      await rm(path, { force: true });
      await syncDirectory(dirname(path)).catch((cause) => {
        throw ioError('remove', path, cause);
      });
    },
  };
}

/** The descriptor of a running restore; changes of its moving part go to the store one after the other. */
export class DescriptorKeeper {
  readonly #store: DescriptorStore;
  #descriptor: Descriptor;
  #saving: Promise<void> = Promise.resolve();

  constructor(store: DescriptorStore, descriptor: Descriptor) {
    this.#store = store;
    this.#descriptor = descriptor;
  }

  get descriptor(): Descriptor {
    return this.#descriptor;
  }

  /** Resolves when the change is durable. */
  update(change: Partial<Descriptor['moving']>): Promise<void> {
    const saving = this.#saving
      .catch(() => undefined)
      .then(async () => {
        const next = { ...this.#descriptor, moving: { ...this.#descriptor.moving, ...change } };
        await this.#store.save(next);
        this.#descriptor = next;
      });
    this.#saving = saving;
    return saving;
  }
}

import type { BlockDevice, Extent } from '../../../core/block-device.ts';

/** A device in memory that records its calls; `hooks` let a test hold or fail them. */
export interface MemoryDevice extends BlockDevice {
  bytes: Buffer;
  calls: string[];
  hooks: { before?: (call: string) => Promise<void> | void; extents?: Extent[] };
}

export function memoryDevice(
  sizeBytes: number,
  options: { readOnly?: boolean; minBytes?: number; maxBytes?: number; bare?: boolean } = {},
): MemoryDevice {
  const bytes = Buffer.alloc(sizeBytes);
  const calls: string[] = [];
  const hooks: MemoryDevice['hooks'] = {};
  const note = async (call: string): Promise<void> => {
    calls.push(call);
    await hooks.before?.(call);
  };
  const fuaOf = (o?: { fua?: boolean; noHole?: boolean }) =>
    `${o?.fua ? ' fua' : ''}${o?.noHole ? ' no-hole' : ''}`;
  const device: MemoryDevice = {
    bytes,
    calls,
    hooks,
    sizeBytes,
    readOnly: options.readOnly ?? false,
    blockSize: {
      minBytes: options.minBytes ?? 1,
      preferredBytes: 4096,
      maxBytes: options.maxBytes ?? 1024 * 1024,
    },
    read: async (into, offset) => {
      await note(`read ${offset}+${into.length}`);
      into.set(bytes.subarray(offset, offset + into.length));
    },
    write: async (from, offset, o) => {
      await note(`write ${offset}+${from.length}${fuaOf(o)}`);
      bytes.set(from, offset);
    },
    flush: () => note('flush'),
    trim: async (offset, length, o) => {
      await note(`trim ${offset}+${length}${fuaOf(o)}`);
      bytes.fill(0, offset, offset + length);
    },
    writeZeroes: async (offset, length, o) => {
      await note(`zero ${offset}+${length}${fuaOf(o)}`);
      bytes.fill(0, offset, offset + length);
    },
    close: () => note('close'),
  };
  if (!options.bare) {
    device.prefetch = (offset, length) => note(`cache ${offset}+${length}`);
    device.blockStatus = async (context, offset, length, maxExtents) => {
      await note(`status ${context} ${offset}+${length} max ${maxExtents}`);
      return hooks.extents ?? [{ lengthBytes: length, flags: context === 'holdfast:restore' ? 1 : 0 }];
    };
  }
  return device;
}

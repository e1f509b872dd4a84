import type { BlockDevice, StatusContext } from '../../core/block-device.ts';
import { transmissionFlag } from './wire.ts';

export interface NbdExport {
  /** What a client asks for; '' is the default export. At most 4,096 bytes. */
  name: string;
  /** Shown by `nbdinfo --list`. */
  description?: string;
  device: BlockDevice;
}

/** Asked anew by each client, so that exports may come and go while the server runs. */
export type ListExports = () => Iterable<NbdExport>;

/** No client needs more at once; it is also the protocol's default for servers that state no maximum. */
export const payloadMaxBytes = 32 * 1024 * 1024;

/** The export of that name; a lone export also answers to '', so that a client need not know its name. */
export function findExport(exports: ListExports, name: string): NbdExport | undefined {
  const all = [...exports()];
  return all.find((entry) => entry.name === name) ?? (name === '' && all.length === 1 ? all[0] : undefined);
}

/** Largest read or write that an export takes. */
export function requestMaxBytes(device: BlockDevice): number {
  return Math.min(device.blockSize.maxBytes, payloadMaxBytes);
}

export interface MetaContext {
  id: number;
  name: StatusContext;
}

const allocation: MetaContext = { id: 1, name: 'base:allocation' };
const restore: MetaContext = { id: 2, name: 'holdfast:restore' };

/** A device without block status has one answer for `base:allocation` (all data) and none for the other. */
export function metaContextsOf(device: BlockDevice): MetaContext[] {
  return device.blockStatus ? [allocation, restore] : [allocation];
}

/** What the export can do. Every connection reaches the same device, so multi-conn always holds. */
export function transmissionFlagsOf(device: BlockDevice, structured: boolean): number {
  const { hasFlags, sendFlush, canMultiConn, readOnly, sendDontFragment, sendCache } = transmissionFlag;
  const { sendFua, sendTrim, sendWriteZeroes, sendFastZero } = transmissionFlag;
  return (
    hasFlags |
    sendFlush |
    canMultiConn |
    (structured ? sendDontFragment : 0) |
    (device.prefetch ? sendCache : 0) |
    (device.readOnly ? readOnly : sendFua | sendTrim | sendWriteZeroes | sendFastZero)
  );
}

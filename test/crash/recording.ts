import type { CallEvent, SystemCall } from './strace-calls.ts';

/** What one life of a restoring process did that a crash or a client could see. */
export type Recorded =
  | { kind: 'write'; offsetBytes: number; bytes: Buffer }
  | { kind: 'zero'; offsetBytes: number; lengthBytes: number }
  | { kind: 'barrier' }
  | { kind: 'resize'; lengthBytes: number }
  /** The descriptor's temporary file was written, synced, and renamed into place; then its folder was synced. */
  | { kind: 'describe'; text: string }
  | { kind: 'sync-description' }
  | { kind: 'publish' }
  | { kind: 'sync-folder' }
  /** Bytes that left for an NBD client. */
  | { kind: 'reply'; bytes: Buffer };

export interface RecordedEvent {
  step: 'begin' | 'end';
  /** The same object for begin and end. */
  call: Recorded;
}

export interface RecordedPaths {
  target: string;
  descriptor: string;
  folder: string;
}

/** What has to be traced. */
export const tracedCalls =
  'pwrite64,pwritev,write,writev,fdatasync,fsync,fallocate,ftruncate,rename,renameat,renameat2';

const greeting = Buffer.from('NBDMAGIC');

/** Throws where a call on the target failed, or is one that this file does not know. */
export function recordingOf(calls: readonly CallEvent[], paths: RecordedPaths): RecordedEvent[] {
  const clients = new Set<string>();
  const known = new Map<SystemCall, Recorded | undefined>();
  return calls.flatMap(({ step, call }) => {
    if (call.file.startsWith('socket:') && call.bytes.subarray(0, greeting.length).equals(greeting))
      clients.add(call.file);
    if (!known.has(call)) known.set(call, meaningOf(call, paths, clients));
    const recorded = known.get(call);
    return recorded ? [{ step, call: recorded }] : [];
  });
}

function meaningOf(
  call: SystemCall,
  paths: RecordedPaths,
  clients: ReadonlySet<string>,
): Recorded | undefined {
  const { name, file, numbers, result = 0 } = call;
  // Fewer bytes than were asked for is what happened, also of a socket.
  const bytes =
    name.includes('write') && call.result !== undefined ? call.bytes.subarray(0, result) : call.bytes;
  if (name.startsWith('rename') && result === 0 && bytes.toString().endsWith(paths.descriptor))
    return { kind: 'publish' };
  if (file === `${paths.descriptor}.tmp`) {
    if (name === 'fsync') return { kind: 'sync-description' };
    return name === 'write' || name === 'pwrite64' ? { kind: 'describe', text: bytes.toString() } : undefined;
  }
  if (file === paths.folder && name === 'fsync') return { kind: 'sync-folder' };
  if (clients.has(file)) return result < 0 ? undefined : { kind: 'reply', bytes };
  if (file !== paths.target) return undefined;
  if (result < 0) throw new Error(`${name} on the target failed`);
  if (name === 'fdatasync' || name === 'fsync') return { kind: 'barrier' };
  if (name === 'ftruncate') return { kind: 'resize', lengthBytes: numbers.at(-1)! };
  if (name === 'fallocate') {
    const [offsetBytes, lengthBytes] = numbers.slice(-2) as [number, number];
    return { kind: 'zero', offsetBytes, lengthBytes };
  }
  if (name === 'pwrite64' || name === 'pwritev')
    return { kind: 'write', offsetBytes: numbers.at(-1)!, bytes };
  throw new Error(`${name} on the target: its place is not known`);
}

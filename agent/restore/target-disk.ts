import type { HoldfastError } from '../../core/errors.ts';

/**
 * The disk under a volume, as the restore engine sees it: a file, a block device, or a simulation of one. Offsets
 * and lengths are bytes. Errors are HoldfastErrors (IO, NO_SPACE).
 */
export interface TargetDisk {
  /** Resolves when somebody else has taken a part of the disk away: nothing it says can be relied on any more. */
  readonly lost?: Promise<HoldfastError>;
  readonly sizeBytes: number;
  /** Fills `into`; a disk that ends before that is an IO error, never zeroes. */
  read(into: Uint8Array, offsetBytes: number): Promise<void>;
  /** `read` at once, where it waits for nothing; false where it would, and `into` holds anything then. */
  readNow?(into: Uint8Array, offsetBytes: number): boolean;
  /**
   * Writes the parts one behind the other. Resolved: the operating system has it, it survives SIGKILL. `late`: no
   * client waits for it, so it may take its time beside what serves them.
   */
  write(parts: readonly Uint8Array[], offsetBytes: number, options?: { late?: boolean }): Promise<void>;
  /** The range reads as zero afterwards; its space may be given back unless `noHole`. */
  zero(
    offsetBytes: number,
    lengthBytes: number,
    options?: { noHole?: boolean; late?: boolean },
  ): Promise<void>;
  /** fdatasync: what had returned before the call survives power loss. Never call it again after it failed. */
  barrier(): Promise<void>;
  /** Files only. */
  resize(sizeBytes: number): Promise<void>;
  /** Space left on the file system below; undefined where that is no limit. */
  freeBytes(): Promise<number | undefined>;
  close(): Promise<void>;
}

export interface Clock {
  /** Unix time in milliseconds. */
  now(): number;
  /** Rejects with the signal's reason when it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/**
 * What the block server exports and what the restore engine, a plain file and a snapshot each implement.
 * Offsets and lengths are bytes; callers keep them inside `sizeBytes`. Every method may be called concurrently.
 * Buffers are the caller's again once the promise resolves; after a rejection they may still be in use.
 * Errors are HoldfastErrors: IO → EIO, NO_SPACE → ENOSPC, INVALID_INPUT → EINVAL, FORBIDDEN → EPERM (read-only).
 */
export interface BlockDevice {
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  /** Smallest, preferred and largest request that is served well; powers of two. */
  readonly blockSize: { minBytes: number; preferredBytes: number; maxBytes: number };
  /** Fills `into` from `offsetBytes`. */
  read(into: Uint8Array, offsetBytes: number): Promise<void>;
  /** `read` without a promise, where it waits for nothing; false where it would, and `into` holds anything then. */
  readNow?(into: Uint8Array, offsetBytes: number): boolean;
  /** Resolves when the write survives the process's death; with `fua` when it survives power loss. */
  write(from: Uint8Array, offsetBytes: number, options?: { fua?: boolean }): Promise<void>;
  /** `write` without FUA and without a promise; false where it would wait or fail, and then `write` has to follow. */
  writeNow?(from: Uint8Array, offsetBytes: number): boolean;
  /** Everything acknowledged before this call survives power loss once it resolves. */
  flush(): Promise<void>;
  trim(offsetBytes: number, lengthBytes: number, options?: { fua?: boolean }): Promise<void>;
  writeZeroes(
    offsetBytes: number,
    lengthBytes: number,
    options?: { fua?: boolean; noHole?: boolean },
  ): Promise<void>;
  /** Brings the range onto the device now (NBD_CMD_CACHE). */
  prefetch?(offsetBytes: number, lengthBytes: number): Promise<void>;
  /** Extents from `offsetBytes`, contiguous, at least one, at most `maxExtents`; may stop before the range's end. */
  blockStatus?(
    context: StatusContext,
    offsetBytes: number,
    lengthBytes: number,
    maxExtents: number,
  ): Promise<Extent[]>;
  close(): Promise<void>;
}

/** `base:allocation` flags: 1 hole, 2 reads as zero. `holdfast:restore` flags: 0 restored, 1 unrestored. */
export type StatusContext = 'base:allocation' | 'holdfast:restore';

export interface Extent {
  lengthBytes: number;
  flags: number;
}

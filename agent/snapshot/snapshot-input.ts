/**
 * What a snapshot is taken of: a point in time that does not change while it is read. A volume that is being
 * written gives a view of its own (copy-before-write); its failure, for example for want of space, rejects
 * `readChunk` and thereby fails the snapshot.
 */
export interface SnapshotInput {
  readonly sizeBytes: number;
  /**
   * The plain bytes of [offsetBytes, offsetBytes + lengthBytes), never past the end; undefined where they are known
   * to be zero. The buffer belongs to the caller from then on. Called for several chunks at a time, in order.
   */
  readChunk(chunk: {
    index: number;
    offsetBytes: number;
    lengthBytes: number;
    /** Memory for just so many bytes, for an input that has none of its own. */
    into?: () => Uint8Array;
  }): Promise<Uint8Array | undefined>;
  /** True where the range is known to be zero without being read: lets large sparse volumes pass quickly. */
  isZero?(offsetBytes: number, lengthBytes: number): Promise<boolean>;
  /**
   * Called once when everything has been read and before the snapshot becomes visible: rejects where what was read
   * turns out not to be one point in time.
   */
  finish?(): Promise<void>;
}

/** Which parts of a volume were written since the last snapshot, in grains of 256 KiB. */
export const grainBytes = 256 * 1024;

export class ChangedGrains {
  #bits: Uint8Array;
  readonly #grainCount: number;

  constructor(sizeBytes: number, bits?: Uint8Array) {
    this.#grainCount = Math.ceil(sizeBytes / grainBytes);
    this.#bits = bits ?? new Uint8Array(Math.ceil(this.#grainCount / 8));
  }

  /** Undefined where the text is not of a volume of this size. */
  static decode(sizeBytes: number, text: string): ChangedGrains | undefined {
    const bits = new Uint8Array(Buffer.from(text, 'base64'));
    const expected = Math.ceil(Math.ceil(sizeBytes / grainBytes) / 8);
    return bits.length === expected ? new ChangedGrains(sizeBytes, bits) : undefined;
  }

  encode(): string {
    return Buffer.from(this.#bits).toString('base64');
  }

  add(offsetBytes: number, lengthBytes: number): void {
    const end = Math.ceil((offsetBytes + lengthBytes) / grainBytes);
    for (let grain = Math.floor(offsetBytes / grainBytes); grain < Math.min(end, this.#grainCount); grain++)
      this.#bits[grain >> 3]! |= 1 << (grain & 7);
  }

  /** True where any byte of the range may have changed. */
  has(offsetBytes: number, lengthBytes: number): boolean {
    const end = Math.min(Math.ceil((offsetBytes + lengthBytes) / grainBytes), this.#grainCount);
    for (let grain = Math.floor(offsetBytes / grainBytes); grain < end; grain++)
      if ((this.#bits[grain >> 3]! & (1 << (grain & 7))) !== 0) return true;
    return false;
  }

  merge(other: ChangedGrains): void {
    for (let i = 0; i < this.#bits.length; i++) this.#bits[i]! |= other.#bits[i] ?? 0;
  }
}

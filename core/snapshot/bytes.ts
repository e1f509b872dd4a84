import { HoldfastError } from '../errors.ts';

/** Big-endian fields of untrusted bytes in order; everything that does not fit is CORRUPT and names `subject`. */
export class FieldReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #subject: string;
  #position = 0;

  constructor(bytes: Uint8Array, subject: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#subject = subject;
  }

  fail(why: string): never {
    throw new HoldfastError('CORRUPT', `${this.#subject}: ${why}`);
  }

  check(holds: boolean, why: string): void {
    if (!holds) this.fail(why);
  }

  /** A view, not a copy. */
  bytes(length: number): Uint8Array {
    return this.#bytes.subarray(this.#advance(length), this.#position);
  }

  text(length: number): string {
    return Buffer.from(this.bytes(length)).toString('latin1');
  }

  uint8 = (): number => this.#view.getUint8(this.#advance(1));
  uint16 = (): number => this.#view.getUint16(this.#advance(2));
  uint32 = (): number => this.#view.getUint32(this.#advance(4));

  /** A 64-bit field; values above 2^53 − 1 are refused. */
  uint64(): number {
    const value = this.#view.getBigUint64(this.#advance(8));
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) this.fail(`a number (${value}) is too large`);
    return Number(value);
  }

  end(): void {
    const rest = this.#bytes.length - this.#position;
    if (rest > 0) this.fail(`${rest} bytes follow the end`);
  }

  #advance(length: number): number {
    const start = this.#position;
    if (start + length > this.#bytes.length)
      this.fail(`ends at byte ${this.#bytes.length}, inside the field at ${start}`);
    this.#position = start + length;
    return start;
  }
}

/** Appends big-endian fields. */
export class FieldWriter {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  bytes(bytes: Uint8Array): this {
    const start = this.#grow(bytes.length);
    this.#bytes.set(bytes, start);
    return this;
  }

  text(text: string): this {
    return this.bytes(Buffer.from(text, 'latin1'));
  }

  uint8(value: number): this {
    const start = this.#grow(1);
    this.#view.setUint8(start, value);
    return this;
  }

  uint16(value: number): this {
    const start = this.#grow(2);
    this.#view.setUint16(start, value);
    return this;
  }

  uint32(value: number): this {
    const start = this.#grow(4);
    this.#view.setUint32(start, value);
    return this;
  }

  uint64(value: number): this {
    const start = this.#grow(8);
    this.#view.setBigUint64(start, BigInt(value));
    return this;
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** Makes room for a field and returns where it starts. */
  #grow(length: number): number {
    const start = this.#length;
    this.#length += length;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return start;
  }
}

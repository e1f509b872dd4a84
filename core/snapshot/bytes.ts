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
  readonly #parts: Uint8Array[] = [];

  bytes(bytes: Uint8Array): this {
    this.#parts.push(bytes);
    return this;
  }

  text(text: string): this {
    return this.bytes(Buffer.from(text, 'latin1'));
  }

  uint8 = (value: number): this => this.#field(1, (view) => view.setUint8(0, value));
  uint16 = (value: number): this => this.#field(2, (view) => view.setUint16(0, value));
  uint32 = (value: number): this => this.#field(4, (view) => view.setUint32(0, value));
  uint64 = (value: number): this => this.#field(8, (view) => view.setBigUint64(0, BigInt(value)));

  finish(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.#parts));
  }

  #field(length: number, set: (view: DataView) => void): this {
    const bytes = new Uint8Array(length);
    set(new DataView(bytes.buffer));
    return this.bytes(bytes);
  }
}

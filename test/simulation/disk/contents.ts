/** Contents of sectors, one object for each: whoever holds the same bytes holds the same object. */
export class Contents {
  readonly #known = new Map<string, Uint8Array>();

  same(bytes: Uint8Array): Uint8Array {
    const key = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
    const known = this.#known.get(key);
    if (known) return known;
    const kept = new Uint8Array(bytes);
    this.#known.set(key, kept);
    return kept;
  }

  /** A content that is recognisable in a failure's message. */
  named(name: string): Uint8Array {
    return this.same(
      Buffer.from(`${name};`.repeat(Math.ceil(512 / (name.length + 1))).slice(0, 512), 'latin1'),
    );
  }

  readonly zeroes: Uint8Array = this.same(new Uint8Array(512));
}

export function label(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.subarray(0, 24)).toString('latin1').split(';')[0] ?? '';
  return /^[ -~]+$/.test(text) ? text : `0x${Buffer.from(bytes.subarray(0, 12)).toString('hex')}`;
}

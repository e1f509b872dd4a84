/** Codes of texts in the order of their first appearance; `first` has code 0. */
export class Codes {
  readonly names: string[];
  readonly #codes = new Map<string, number>();
  constructor(first?: string) {
    this.names = [];
    if (first !== undefined) this.of(first);
  }
  of(text: string): number {
    const known = this.#codes.get(text);
    if (known !== undefined) return known;
    this.#codes.set(text, this.names.length);
    return this.names.push(text) - 1;
  }
}

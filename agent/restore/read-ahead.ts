const streamsMax = 8;
const blocksMax = 8;

/** Notices sequential reads (several at once) and says how many of the blocks behind them to fetch. */
export class ReadAhead {
  #streams: { next: number; count: number }[] = [];

  /** Blocks to fetch ahead of a read of [offset, offset + length). */
  after(offsetBytes: number, lengthBytes: number, blockBytes: number): { start: number; end: number } {
    const end = offsetBytes + lengthBytes;
    const start = Math.ceil(end / blockBytes);
    const index = this.#streams.findIndex((stream) => stream.next === offsetBytes);
    const [stream] = index < 0 ? [{ next: end, count: 0 }] : this.#streams.splice(index, 1);
    if (!stream) return { start, end: start };
    stream.count += index < 0 ? 0 : 1;
    stream.next = end;
    this.#streams.unshift(stream);
    this.#streams.length = Math.min(this.#streams.length, streamsMax);
    // The window doubles while the stream lasts: 0, 1, 2, 4, 8 blocks.
    const blocks = stream.count === 0 ? 0 : Math.min(2 ** Math.min(stream.count - 1, 10), blocksMax);
    return { start, end: start + blocks };
  }
}

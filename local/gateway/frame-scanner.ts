/**
 * Follows the frame headers of a WebSocket byte stream (RFC 6455, 5.2) and nothing else: payloads are skipped. `ws`
 * limits whole messages; API Gateway also limits single frames, so somebody has to read their lengths.
 */
export class FrameScanner {
  readonly #onFrame: (payloadBytes: number) => void;
  #header: number[] = [];
  #skipBytes = 0;

  /** `onFrame` hears the payload length of each frame as soon as its header is complete. */
  constructor(onFrame: (payloadBytes: number) => void) {
    this.#onFrame = onFrame;
  }

  push(chunk: Uint8Array): void {
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#skipBytes > 0) {
        const skipped = Math.min(this.#skipBytes, chunk.length - offset);
        this.#skipBytes -= skipped;
        offset += skipped;
        continue;
      }
      this.#header.push(chunk[offset] as number);
      offset += 1;
      if (this.#header.length === headerBytes(this.#header)) this.#finishHeader();
    }
  }

  #finishHeader(): void {
    const lengthBytes = payloadLength(this.#header);
    this.#header = [];
    this.#skipBytes = lengthBytes;
    this.#onFrame(lengthBytes);
  }
}

function headerBytes([, second]: readonly number[]): number {
  if (second === undefined) return Number.POSITIVE_INFINITY;
  const extended = (second & 0x7f) === 127 ? 8 : (second & 0x7f) === 126 ? 2 : 0;
  return 2 + extended + (second & 0x80 ? 4 : 0);
}

function payloadLength(header: readonly number[]): number {
  const short = (header[1] ?? 0) & 0x7f;
  if (short < 126) return short;
  const extended = header.slice(2, short === 127 ? 10 : 4);
  return extended.reduce((length, byte) => length * 256 + byte, 0);
}

import type { LateWrite, LateWriter, OpenFile, WriteFault } from '../transfer/late-writes.ts';

interface Waiting {
  write: LateWrite;
  resolve: (fault: WriteFault | undefined) => void;
  reject: (reason: unknown) => void;
}

/** Gathers the writes of one turn, as a batch makes them, so that they cross to the other thread together. */
export class LateQueue {
  readonly #writer: LateWriter;
  readonly #file: () => OpenFile;
  #waiting: Waiting[] = [];

  constructor(writer: LateWriter, file: () => OpenFile) {
    this.#writer = writer;
    this.#file = file;
  }

  /** Why it could not be done, if so. Throws as `LateWriter`. */
  write(write: LateWrite): Promise<WriteFault | undefined> {
    if (this.#waiting.length === 0) queueMicrotask(() => this.#send());
    return new Promise((resolve, reject) => this.#waiting.push({ write, resolve, reject }));
  }

  #send(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    const writes = waiting.map(({ write }) => write);
    this.#writer.write(this.#file(), writes).then(
      (faults) => waiting.forEach(({ resolve }, i) => resolve(faults[i])),
      (thrown: unknown) => waiting.forEach(({ reject }) => reject(thrown)),
    );
  }
}

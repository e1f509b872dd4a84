import { Agent, request } from 'node:http';

/** Range GETs over one warm connection: what no restore can be faster than. */
export class PlainGets {
  readonly #url: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(url: string) {
    this.#url = url;
  }

  /** How long the whole range takes. */
  ms(offsetBytes: number, lengthBytes: number): Promise<number> {
    const startedAt = performance.now();
    const range = `bytes=${offsetBytes}-${offsetBytes + lengthBytes - 1}`;
    return new Promise((resolve, reject) => {
      const sent = request(this.#url, { agent: this.#agent, headers: { range } }, (response) => {
        response.resume();
        response.once('end', () => resolve(performance.now() - startedAt));
        response.once('error', reject);
      });
      sent.once('error', reject);
      sent.end();
    });
  }
}

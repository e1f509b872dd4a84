import { Agent, request } from 'node:http';
import type { Answers } from '../../core/api.ts';
import { Child } from '../support/child.ts';
import { cpuSecOf, rssBytesOf } from '../support/processes.ts';
import type { EmbeddedAnswers } from './embedded-server.ts';
import type { LoadedServer } from './server.ts';

const batchCount = 25;

/** Starts what `holdfast up` starts; commands go through its HTTP API with a tenant’s token. */
export async function startEmbedded(cellCount: number): Promise<LoadedServer> {
  const file = new URL('./embedded-server.ts', import.meta.url);
  const child = new Child<EmbeddedAnswers>(file, [String(cellCount)]);
  const { apiUrl, token, cells, processIds, cellProcessIds } = await child.ask('addresses');
  const api = new ApiConnection(apiUrl, token);
  return {
    cells,
    async register(gateways) {
      for (let at = 0; at < gateways.length; at += batchCount)
        await child.ask('register', gateways.slice(at, at + batchCount));
    },
    async submit(gatewayId, idempotencyKey, echo) {
      const body = { kind: 'probe', params: { echo }, idempotencyKey };
      await api.call<Answers['submitCommand']>('POST', `/v1/gateways/${gatewayId}/commands`, body);
    },
    async state(gatewayId, commandId) {
      const path = `/v1/gateways/${gatewayId}/commands/${commandId}`;
      return (await api.call<Answers['getCommand']>('GET', path)).command.state;
    },
    retries: () => api.retries,
    cpuSec: () => processIds.reduce((sum, pid) => sum + cpuSecOf(pid), 0),
    memory: async () => ({ rssBytes: cellProcessIds.reduce((sum, pid) => sum + rssBytesOf(pid), 0) }),
    async stop() {
      api.close();
      await child.end();
    },
  };
}

const triesMax = 5;

/** A tenant’s program that keeps its connections: `fetch` would cost the generator as much as all of the agents. */
class ApiConnection {
  retries = 0;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #url: URL;
  readonly #token: string;

  constructor(url: string, token: string) {
    this.#url = new URL(url);
    this.#token = token;
  }

  /** Asks again where the API failed, as every client may: a command has its idempotency key. */
  async call<T>(method: string, path: string, body?: object): Promise<T> {
    for (let tries = 1; ; tries++) {
      const { status, text } = await this.#send(method, path, body).catch((cause: unknown) => ({
        status: 503, // As a connection that the server had just closed for being idle.
        text: String(cause),
      }));
      if (status === 200) return JSON.parse(text) as T;
      if (status < 500 || tries === triesMax)
        throw new Error(`${method} ${path}: ${status} ${text.slice(0, 300)}`);
      this.retries++;
    }
  }

  #send(method: string, path: string, body?: object): Promise<{ status: number; text: string }> {
    const headers = { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json' };
    return new Promise((resolve, reject) => {
      const sent = request(
        { host: this.#url.hostname, port: this.#url.port, agent: this.#agent, method, path, headers },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (part: string) => (text += part));
          response.once('error', reject).once('end', () => {
            resolve({ status: response.statusCode ?? 0, text });
          });
        },
      );
      sent.once('error', reject).end(body && JSON.stringify(body));
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { clientCommand } from '../support/clients.ts';
import { inhibitRules } from './inhibit-rules.ts';

type Labels = Readonly<Record<string, string>>;
/** What an API client posts; times in ISO 8601. Without an end it fires until it is posted with one. */
export interface PostedAlert {
  labels: Labels;
  startsAt: string;
  endsAt?: string;
}
/** A message to the webhook. */
export interface Notification {
  groupLabels: Labels;
  alerts: { status: 'firing' | 'resolved'; labels: Labels }[];
}
/** One group as the API has it now, with what is muted in it. */
export interface AlertGroup {
  labels: Labels;
  alerts: { labels: Labels; fingerprint: string; status: { inhibitedBy: string[] } }[];
}

/** Much more than anything takes. */
const limitMs = 60_000;

/** The real Alertmanager on a free loopback port, and the webhook that it notifies. */
export class Alertmanager {
  readonly notifications: Notification[] = [];
  /** When groups were flushed, whether or not a message came of it. */
  readonly flushedAt: number[] = [];
  readonly #server: Server;
  readonly #folder: string;
  #child: ChildProcess | undefined;
  #url = '';
  #log = '';
  readonly #waiting = new Set<() => void>();

  private constructor(server: Server, folder: string) {
    this.#server = server;
    this.#folder = folder;
  }

  /** One group for each customer of each scene; a group is flushed in each `intervalMs`. */
  static async start(intervalMs: number): Promise<Alertmanager> {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-alertmanager-'));
    const server = createServer((request, response) => {
      void text(request).then((body) => {
        self.notifications.push(JSON.parse(body) as Notification);
        response.end();
        self.#wake();
      });
    });
    const self = new Alertmanager(server, folder);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      await self.#run(intervalMs);
      return self;
    } catch (thrown) {
      await self.stop();
      throw thrown;
    }
  }

  async #run(intervalMs: number): Promise<void> {
    const { port } = this.#server.address() as AddressInfo;
    const config = {
      global: { resolve_timeout: '1h' },
      route: {
        receiver: 'test',
        group_by: ['scene', 'tenant'],
        group_wait: `${intervalMs}ms`,
        group_interval: `${intervalMs}ms`,
        repeat_interval: '24h',
      },
      receivers: [{ name: 'test', webhook_configs: [{ url: `http://127.0.0.1:${port}/` }] }],
      inhibit_rules: inhibitRules,
    };
    // JSON is YAML.
    await writeFile(join(this.#folder, 'config.yml'), JSON.stringify(config));
    const [command, ...first] = clientCommand('alertmanager');
    this.#child = spawn(command, [
      ...first,
      ...[`--config.file=${this.#folder}/config.yml`, `--storage.path=${this.#folder}`, '--log.level=debug'],
      ...['--web.listen-address=127.0.0.1:0', '--cluster.listen-address='],
    ]);
    this.#child.stderr!.setEncoding('utf8').on('data', (part: string) => this.#read(part));
    this.#child.once('close', () => this.#wake());
    await this.until('Alertmanager’s address', () => this.#url !== '');
  }

  /** Its log is the only thing that tells of flushes without a message, and where it listens. */
  #read(part: string): void {
    this.#log += part;
    const end = this.#log.lastIndexOf('\n') + 1;
    for (const line of this.#log.slice(0, end).split('\n')) {
      const [, at = '', message = ''] = /^ts=(\S+) .*? msg="?(Listening on|flushing)\b/.exec(line) ?? [];
      if (message === 'flushing') this.flushedAt.push(Date.parse(at));
      if (message === 'Listening on') this.#url = `http://${/address=(\S+)/.exec(line)?.[1] ?? ''}/api/v2`;
    }
    this.#log = this.#log.slice(end);
    this.#wake();
  }

  async post(alerts: readonly PostedAlert[]): Promise<void> {
    const response = await fetch(`${this.#url}/alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(alerts),
    });
    if (!response.ok) throw new Error(`Alertmanager said ${response.status}: ${await response.text()}`);
  }

  async groups(): Promise<AlertGroup[]> {
    return (await (await fetch(`${this.#url}/alerts/groups`)).json()) as AlertGroup[];
  }

  /** Asks again whenever a notification came or the log went on, and now and then besides: for what the API says. */
  async until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = Date.now() + limitMs;
    while (!(await isSo())) {
      if (this.#child?.exitCode !== null || Date.now() > deadline)
        throw new Error(`waited in vain for ${what}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => (this.#waiting.delete(go), resolve()), 20);
        const go = (): void => (clearTimeout(timer), resolve());
        this.#waiting.add(go);
      });
    }
  }

  #wake(): void {
    for (const go of [...this.#waiting]) go();
    this.#waiting.clear();
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child && child.exitCode === null) {
      const closed = new Promise((resolve) => child.once('close', resolve));
      child.kill('SIGKILL');
      await closed;
    }
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await rm(this.#folder, { recursive: true });
  }
}

import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CaseBook, type CaseStore } from '../../admin/case-book.ts';
import type { Case } from '../../admin/decide.ts';
import type { Playbook } from '../../admin/playbook-schema.ts';
import { sqsQueue, type AlertQueue } from '../../admin/queue.ts';
import { runAdmin, type AdminReport } from '../../admin/run-admin.ts';
import type { LogFields } from '../../core/log.ts';
import type { TestSqs } from '../support/sqs.ts';
import { alertKey, ControlPlane, playbook } from './admin-world.ts';

/** What stands between the process and a port of it. */
export type Mortal = <T extends object>(port: T) => T;
const immortal: Mortal = (port) => port;

export interface Place {
  cloud: ControlPlane;
  sqs: TestSqs;
  queueUrl: string;
  book: CaseBook;
}
export interface RunOptions {
  mortal?: Mortal;
  plays?: Playbook;
  once?: boolean;
  now?: () => number;
}

/** A queue, a state directory below `dir` and a control plane of its own. */
export async function placeIn(dir: string, sqs: TestSqs) {
  const name = `holdfast-alerts-${++places}`;
  const stateDir = join(dir, name);
  const [queueUrl, book] = await Promise.all([sqs.createQueue(name), CaseBook.open(stateDir)]);
  return { sqs, queueUrl, book, stateDir, cloud: new ControlPlane() };
}
let places = 0;

/** One admin process: its end, its log, and a wait for a line of the log. */
export class Run {
  readonly lines: { event: string; fields: LogFields }[] = [];
  readonly stopping = new AbortController();
  readonly ended: Promise<AdminReport>;
  #waiting: (() => void)[] = [];

  constructor(
    { cloud, sqs, queueUrl, book }: Place,
    { mortal = immortal, plays = playbook, once = false, now = Date.now }: RunOptions = {},
  ) {
    this.ended = runAdmin(
      {
        api: mortal(cloud.api),
        queue: mortal<AlertQueue>(sqsQueue(sqs.client, queueUrl, { hiddenSec: 1, waitSec: 1 })),
        book: mortal<CaseStore>({
          get: (key) => book.get(key),
          open: () => book.open(),
          lastTryAt: (key, episode) => book.lastTryAt(key, episode),
          gatewaysAtWork: (condition, kind) => book.gatewaysAtWork(condition, kind),
          put: (one) => book.put(one),
        }),
        playbook: plays,
        now,
        once,
        sleep: (ms, signal) => delay(ms, undefined, { signal }).catch(() => undefined),
        log: (_level, event, fields = {}) => {
          this.lines.push({ event, fields });
          this.#waiting.splice(0).forEach((wake) => wake());
        },
        pollMs: { command: 10, alert: 10, retry: 10 },
      },
      this.stopping.signal,
    );
  }

  async until(event: string): Promise<LogFields> {
    for (;;) {
      const line = this.lines.find((one) => one.event === event);
      if (line) return line.fields;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
  async stop(): Promise<AdminReport> {
    this.stopping.abort(new Error('stopped'));
    return this.ended;
  }
}

/** Looks again until it holds; a test that waits in vain fails instead of hanging. */
export async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let look = 0; look < 400; look++) {
    if (await holds()) return;
    await delay(50);
  }
  throw new Error('waited in vain');
}
export const someCase: Case = {
  alertKey,
  episode: 1,
  gatewayId: 'gw-1',
  conditionId: 'VolumeIrrecoverable',
  component: 'vol-1',
  phase: 'open',
  updatedAt: 1,
  tries: [],
};

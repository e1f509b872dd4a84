import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { HoldfastError } from '../core/errors.ts';
import { refuseProcPath } from '../core/file-path.ts';
import type { CommandKind } from '../core/command-kinds.ts';
import { caseKey, caseSchema, isUnderWay, type Case } from './decide.ts';
import { plainIssues } from '../core/plain-issues.ts';

const fileName = 'cases.json';
/** Closed cases are kept this long, for the cooldown and for those who ask. */
const keepClosedMs = 30 * 24 * 3_600_000;
const bookSchema = z.object({ version: z.literal(1), cases: z.array(caseSchema) });

/** What a case's work needs of the book. */
export type CaseStore = Pick<CaseBook, 'get' | 'open' | 'lastTryAt' | 'gatewaysAtWork' | 'put'>;

/** The admin process's memory: one file, replaced as a whole and on the disk before `put` resolves. */
export class CaseBook {
  readonly #dir: string;
  readonly #cases: Map<string, Case>;
  #writing: Promise<void> = Promise.resolve();

  private constructor(dir: string, cases: readonly Case[]) {
    this.#dir = dir;
    this.#cases = new Map(cases.map((one) => [caseKey(one), one]));
  }

  /** Makes the directory if needed. Throws CORRUPT for a damaged file, IO where the directory cannot be used. */
  static async open(dir: string): Promise<CaseBook> {
    refuseProcPath(resolve(dir), '--state-dir');
    await mkdir(dir, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
      throw new HoldfastError('IO', `the state directory ${dir} cannot be made`, {
        hint: 'check --state-dir',
        cause,
      });
    });
    return CaseBook.look(dir);
  }

  /** What is written there, if there is anything; makes nothing. */
  static async look(dir: string): Promise<CaseBook> {
    const file = join(dir, fileName);
    let text: string;
    try {
      text = await readFile(file, 'utf8');
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return new CaseBook(dir, []);
      throw new HoldfastError('IO', `the state directory ${dir} cannot be used`, {
        hint: 'check --state-dir',
        cause,
      });
    }
    const json = parseJson(text);
    const parsed = bookSchema.safeParse(json);
    if (!parsed.success)
      throw new HoldfastError(
        'CORRUPT',
        `${file} is damaged: ${json === undefined ? 'it is not JSON' : plainIssues(parsed.error, json)}`,
        {
          hint: 'move it away; alerts that fire are then answered anew, under the same idempotency keys',
        },
      );
    return new CaseBook(dir, parsed.data.cases);
  }

  get(key: string): Case | undefined {
    return this.#cases.get(key);
  }

  open(): Case[] {
    return [...this.#cases.values()].filter(({ phase }) => phase === 'open');
  }

  /** When the newest try for this alert outside the given episode was decided. */
  lastTryAt(alertKey: string, exceptEpisode: number): number {
    const others = [...this.#cases.values()].filter(
      (one) => one.alertKey === alertKey && one.episode !== exceptEpisode,
    );
    return Math.max(-Infinity, ...others.flatMap(({ tries }) => tries.map(({ decidedAt }) => decidedAt)));
  }

  /** Gateways on which a command of this kind was sent for this condition, or is about to be, and awaits its effect. */
  gatewaysAtWork(conditionId: string, kind: CommandKind): Set<string> {
    const atWork = this.open().filter(
      (one) => one.conditionId === conditionId && one.tries.at(-1)?.kind === kind && isUnderWay(one),
    );
    return new Set(atWork.map(({ gatewayId }) => gatewayId));
  }

  /** Resolves when it is on the disk. */
  async put(one: Case): Promise<void> {
    this.#cases.set(caseKey(one), one);
    for (const [key, { phase, updatedAt }] of this.#cases)
      if (phase !== 'open' && one.updatedAt - updatedAt > keepClosedMs) this.#cases.delete(key);
    // One write at a time, each with everything that is known when it begins.
    this.#writing = this.#writing.catch(() => undefined).then(() => this.#write());
    await this.#writing;
  }

  async #write(): Promise<void> {
    const text = JSON.stringify({ version: 1, cases: [...this.#cases.values()] });
    const file = join(this.#dir, fileName);
    try {
      const handle = await open(`${file}.new`, 'w', 0o600);
      try {
        await handle.writeFile(text);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(`${file}.new`, file);
      const directory = await open(this.#dir, 'r');
      await directory.sync().finally(() => directory.close());
    } catch (cause) {
      throw new HoldfastError('IO', `${file} cannot be written`, {
        hint: 'check the disk of --state-dir',
        cause,
      });
    }
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

import { commandSpecs, type CommandKind } from '../../../core/command-kinds.ts';
import type { Connection } from './network.ts';
import type { Run } from './runs.ts';
import type { Tally } from './tally.ts';

/** Which commands hosts started, and whether they were told to by a connection that still counted. */
export class Starts {
  readonly #tally: Tally;
  readonly #counts = new Map<string, number>();
  /** Per host and command: whether one of the frames that let it start was posted while its connection counted. */
  readonly #permits = new Map<string, boolean>();
  #isOutdated: (connection: Connection, run: Run) => boolean = () => false;

  constructor(tally: Tally) {
    this.#tally = tally;
  }

  set judge(isOutdated: (connection: Connection, run: Run) => boolean) {
    this.#isOutdated = isOutdated;
  }

  countOf(commandId: string): number {
    return this.#counts.get(commandId) ?? 0;
  }

  /** A frame reaches a host: the command itself, or the go that it waits for. */
  permitted(host: string, frame: string, connection: Connection, postedBy: Run): void {
    const permit = /^\{"v":1,"t":"(cmd|cmd\.go)".*?"commandId":"(\w+)"/.exec(frame);
    if (!permit) return;
    const key = `${host} ${permit[2]} ${permit[1]}`;
    this.#permits.set(key, (this.#permits.get(key) ?? false) || !this.#isOutdated(connection, postedBy));
  }

  started(host: string, commandId: string, kind: CommandKind): void {
    const count = this.countOf(commandId) + 1;
    this.#counts.set(commandId, count);
    this.#tally.starts++;
    const mustNotRunTwice = !commandSpecs[kind].idempotent;
    const name = `${kind} ${commandId.slice(0, 4)}`;
    if (mustNotRunTwice && count > 1) this.#tally.fail('startedTwice', `${name} by ${host}`);
    const permit = this.#permits.get(`${host} ${commandId} ${mustNotRunTwice ? 'cmd.go' : 'cmd'}`);
    if (permit === undefined)
      this.#tally.fail('superseded', `${name} was started by ${host}, and not allowed`);
    else if (!permit)
      this.#tally.fail('superseded', `${name} was started by ${host} for a replaced connection`);
  }
}

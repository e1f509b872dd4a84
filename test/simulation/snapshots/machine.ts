import type { Bucket } from '../../../agent/s3/bucket.ts';
import type { KeySet } from './key-set.ts';
import { labelOf, ProgramRun, type Answer, type Outcome, type Request, type Step } from './program-run.ts';

/** A real program, and what the search may know of it. */
export interface Program {
  name: string;
  run(bucket: Bucket): Promise<void>;
  /** The answers of its writes may get lost, one in each run: the write happened, happens later, or never. */
  mayLoseAnswers?: boolean;
  /**
   * What the program still knows of what it was told: two histories with the same knowledge have the same future.
   * All of it by default. `onwards` says what it asks next if every object is there, up to its next listing.
   */
  knowledge?: (history: Step[], requests: string[], onwards: () => Promise<string[]>) => Promise<string>;
}

export interface MachineRequest extends Request {
  label: string;
  /** Bits of the keys; of a listing none. */
  mask: number;
  /** By the bits that it was answered with. */
  next: Map<number, MachineNode>;
}

/** What a program is waiting for after a history of answers. */
export interface MachineNode {
  id: number;
  history: Step[];
  requests: MachineRequest[];
  outcome: Outcome | undefined;
}

export const lostBits = -1;

/** A program as an automaton: each transition is found once, by running the real program with the answers so far. */
export class Machine {
  readonly program: Program;
  readonly #keySet: KeySet;
  readonly #nodes = new Map<string, MachineNode>();
  #start: Promise<MachineNode> | undefined;

  constructor(program: Program, keySet: KeySet) {
    this.program = program;
    this.#keySet = keySet;
  }

  get nodeCount(): number {
    return this.#nodes.size;
  }

  /** The keys that the program writes or deletes in any history that is known by now, as bits. */
  get writtenMask(): number {
    let mask = 0;
    for (const { requests } of this.#nodes.values())
      for (const request of requests) if (isWrite(request)) mask |= request.mask;
    return mask;
  }

  start(): Promise<MachineNode> {
    return (this.#start ??= this.#nodeAfter([]));
  }

  /** The bits of the bucket that a request's answer depends on. */
  answerBits({ operation, keys, mask }: MachineRequest, bucketMask: number): number {
    if (operation === 'list') return bucketMask & this.#keySet.under(keys[0]!);
    return operation === 'get' || operation === 'has' ? bucketMask & mask : 0;
  }

  async expand(node: MachineNode, request: MachineRequest, bits: number): Promise<MachineNode> {
    const { operation, keys } = request;
    const step: Step = { request: { operation, keys }, answer: this.#answer(request, bits) };
    const next = await this.#nodeAfter([...node.history, step]);
    request.next.set(bits, next);
    return next;
  }

  #answer({ operation }: MachineRequest, bits: number): Answer {
    if (bits === lostBits) return 'lost';
    if (operation === 'list') return this.#keySet.keysIn(bits);
    return operation === 'get' || operation === 'has' ? bits !== 0 : undefined;
  }

  async #nodeAfter(history: Step[]): Promise<MachineNode> {
    const run = await this.#runTo(history);
    const requests = await run.requests();
    const { knowledge } = this.program;
    const known =
      knowledge && run.outcome === undefined
        ? await knowledge(history, requests.map(labelOf), () => this.#onwards(history))
        : JSON.stringify(history.map(({ request, answer }) => [labelOf(request), answer ?? null]));
    const outcome = run.outcome && (run.outcome === 'succeeded' ? 'ok' : codeOf(run.outcome.failed));
    const key = outcome ? `ended ${outcome}` : `${known} → ${requests.map(labelOf).sort().join('; ')}`;
    let node = this.#nodes.get(key);
    if (!node) {
      node = {
        id: this.#nodes.size,
        history,
        requests: requests.map((request) => this.#machineRequest(request)),
        outcome: run.outcome,
      };
      this.#nodes.set(key, node);
    }
    return node;
  }

  #machineRequest(request: Request): MachineRequest {
    const mask =
      request.operation === 'list' ? 0 : request.keys.reduce((bits, key) => bits | this.#keySet.bit(key), 0);
    return { ...request, label: labelOf(request), mask, next: new Map() };
  }

  async #runTo(history: Step[]): Promise<ProgramRun> {
    const run = new ProgramRun(this.#keySet, (bucket) => this.program.run(bucket));
    for (const step of history) await run.answer(step);
    await run.requests();
    return run;
  }

  async #onwards(history: Step[]): Promise<string[]> {
    const run = await this.#runTo(history);
    const labels: string[] = [];
    for (;;) {
      const [request] = await run.requests();
      if (!request || request.operation === 'list') return labels;
      labels.push(labelOf(request));
      const isRead = request.operation === 'get' || request.operation === 'has';
      await run.answer({ request, answer: isRead ? true : undefined });
    }
  }
}

export const isWrite = ({ operation }: Request): boolean => operation === 'put' || operation === 'delete';

const codeOf = (failed: unknown): string => (failed as { code?: string }).code ?? String(failed);

import { Random } from '../disk/random.ts';
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

/** Keys, as bits. */
export interface Access {
  reads: number;
  writes: number;
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
  /** How many other histories were told alike. */
  merges: number;
  /** What its requests look at and write, and what the program does from here on, as far as it was known. */
  next: Access;
  future: Access;
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

  /** Brings `next` and `future` of every node up to what is known by now. False where they were. */
  reckon(): boolean {
    const nodes = [...this.#nodes.values()].reverse();
    for (const node of nodes) node.next = this.#accessOf(node.requests);
    let isNews = false;
    for (let hasChanged = true; hasChanged; isNews ||= hasChanged) {
      hasChanged = false;
      for (const node of nodes) {
        const future = { ...node.next };
        for (const request of node.requests)
          for (const next of request.next.values()) {
            future.reads |= next.future.reads;
            future.writes |= next.future.writes;
          }
        hasChanged ||= future.reads !== node.future.reads || future.writes !== node.future.writes;
        node.future = future;
      }
    }
    return isNews;
  }

  #accessOf(requests: MachineRequest[]): Access {
    const access = { reads: 0, writes: 0 };
    for (const request of requests) {
      if (isWrite(request)) access.writes |= request.mask;
      else if (request.operation === 'list') access.reads |= this.#keySet.under(request.keys[0]!);
      else access.reads |= request.mask;
    }
    return access;
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
        merges: 0,
        next: { reads: 0, writes: 0 },
        future: { reads: 0, writes: 0 },
      };
      this.#nodes.set(key, node);
    } else if (!node.outcome && isPowerOfTwo((node.merges += 1))) {
      const [known, other] = [await this.#future(node, node.history), await this.#future(node, history)];
      if (known !== other)
        throw new Error(
          `${this.program.name}: told alike as “${key}”, and goes on so: ${known}\nor so: ${other}`,
        );
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

  /** What it does with answers that are drawn by chance, the same for each history of a node. */
  async #future({ id, merges }: MachineNode, history: Step[]): Promise<string> {
    const run = await this.#runTo(history);
    const random = new Random(id * 64 + Math.log2(merges));
    const labels: string[] = [];
    for (;;) {
      const requests = (await run.requests()).sort((a, b) => (labelOf(a) < labelOf(b) ? -1 : 1));
      labels.push(requests.map(labelOf).join(', '));
      const [request] = requests;
      if (!request)
        return [...labels, run.outcome === 'succeeded' ? 'ok' : codeOf(run.outcome!.failed)].join('; ');
      const { operation, keys } = request;
      const existing = this.#keySet.keysIn(operation === 'list' ? this.#keySet.under(keys[0]!) : 0);
      const bits = existing
        .filter(() => random.chance(0.5))
        .reduce((mask, key) => mask | this.#keySet.bit(key), 0);
      const answer = this.#answer(
        this.#machineRequest(request),
        operation === 'list' ? bits : Number(random.chance(0.8)),
      );
      await run.answer({ request, answer });
    }
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

const isPowerOfTwo = (count: number): boolean => (count & (count - 1)) === 0;

export const isWrite = ({ operation }: Request): boolean => operation === 'put' || operation === 'delete';

const codeOf = (failed: unknown): string => (failed as { code?: string }).code ?? String(failed);

import type { KeySet } from './key-set.ts';
import {
  isWrite,
  lostBits,
  Machine,
  type MachineNode,
  type MachineRequest,
  type Program,
} from './machine.ts';
import type { Outcome } from './program-run.ts';
import { SeenStates } from './seen-states.ts';

export interface Search {
  keySet: KeySet;
  /** Keys that are there before. */
  before: number;
  /** Equal programs stand together; which of two equal programs did what makes no difference. */
  programs: Program[];
  /** Throws where a bucket must not look so. Called for every state. */
  check(mask: number): void;
  /** Throws where a program must not have ended so, with the bucket as it is when it ends. */
  checkOutcome(program: Program, outcome: Outcome, mask: number): void;
  /**
   * Keys, as bits, beside which these requests could make something right that `check` throws at, so that it must be
   * seen before them as well.
   */
  judgedWith(requests: MachineRequest[]): number;
  /** After all programs have ended. */
  checkEnd?(mask: number): Promise<void>;
  /** @default no limit */
  statesMax?: number;
  /** Nobody waits because it makes no difference. */
  isUnreduced?: boolean | undefined;
  /** How often a program that could go on may have to wait while another one does. @default no limit */
  preemptionsMax?: number;
}

export interface SearchResult {
  states: number;
  transitions: number;
  /** States in which every program has ended. */
  ends: number;
  /** Histories of the programs that made a difference. */
  nodes: number;
  /** False where the limit came first. */
  isComplete: boolean;
}

/** A request that happens now, or one of the ways in which its answer gets lost, or a late arrival. */
type Move =
  | { kind: 'perform' | 'lose-answer' | 'lose-request' | 'delay'; actor: number; request: MachineRequest }
  | { kind: 'arrive'; request: MachineRequest };

interface State {
  mask: number;
  nodes: MachineNode[];
  /** The one write whose answer got lost and that may still arrive. */
  late: MachineRequest | undefined;
  hasLost: boolean;
  /** With a limit of preemptions: who went last, and how many there were. */
  last: number;
  preemptions: number;
}

interface Frame {
  state: State;
  moves: Move[];
  taken: number;
}

/**
 * Every order in which the requests of several programs can happen on one bucket, depth first, no state twice. A
 * program that died cannot be told from one that sleeps, and every state is judged: so the death of each program at
 * each step is among what is searched. Throws with the steps where something is wrong.
 *
 * Where what some programs do next comes out the same whatever the others do from then on, and the other way round,
 * the others wait (a persistent set): no order of it makes a difference to anybody. What a program may do from a point
 * on is only known at the end, so the search is repeated until it has met nothing that it had not reckoned with. That
 * is enough: before the first such thing of any order the others rightly waited, so an order of this search leads to
 * it as well.
 */
export async function searchOrders(search: Search): Promise<SearchResult> {
  if (search.programs.filter(({ mayLoseAnswers }) => mayLoseAnswers).length > 1)
    throw new Error('only one program may lose answers: the search loses one in each run');
  const machines = new Map(search.programs.map((program) => [program, new Machine(program, search.keySet)]));
  const { preemptionsMax } = search;
  const isReduced = preemptionsMax === undefined && !search.isUnreduced;
  const searchAll = async (programs: Program[]): Promise<SearchResult> => {
    for (;;) {
      const result = await searchOnce(
        { ...search, programs },
        programs.map((program) => machines.get(program)!),
        isReduced,
      );
      const news = [...machines.values()].map((machine) => machine.reckon());
      if (!isReduced || !news.includes(true)) return result;
    }
  };
  // With one of each, most of what there is to reckon with is found sooner.
  if (isReduced && machines.size < search.programs.length) await searchAll([...machines.keys()]);
  return searchAll(search.programs);
}

async function searchOnce(search: Search, machines: Machine[], isReduced: boolean): Promise<SearchResult> {
  const seen = new SeenStates();
  const result: SearchResult = { states: 0, transitions: 0, ends: 0, nodes: 0, isComplete: true };
  const nodes = await Promise.all(machines.map((machine) => machine.start()));
  const frames: Frame[] = [];
  const { preemptionsMax } = search;
  const coder = new StateCoder(machines, preemptionsMax !== undefined);
  /** True where every program has ended. */
  const enter = (state: State): boolean => {
    if (!seen.add(coder.codeOf(state))) return false;
    search.check(state.mask);
    const actors = isReduced ? persistentSet(state, search) : everybody;
    const moves = movesFrom(state, machines, actors, preemptionsMax);
    frames.push({ state, moves, taken: 0 });
    return state.nodes.every(({ outcome }) => outcome !== undefined);
  };
  try {
    enter({ mask: search.before, nodes, late: undefined, hasLost: false, last: -1, preemptions: 0 });
    while (frames.length > 0 && seen.size < (search.statesMax ?? Infinity)) {
      const frame = frames[frames.length - 1]!;
      const move = frame.moves[frame.taken++];
      if (!move) {
        frames.pop();
        continue;
      }
      result.transitions++;
      const moved = after(frame.state, move, machines);
      const next = moved instanceof Promise ? await moved : moved;
      if (move.kind !== 'arrive') {
        const { outcome } = next.nodes[move.actor]!;
        if (outcome) search.checkOutcome(search.programs[move.actor]!, outcome, next.mask);
      }
      if (!enter(next)) continue;
      result.ends++;
      for (const [at, { outcome }] of next.nodes.entries())
        if (outcome) search.checkOutcome(search.programs[at]!, outcome, next.mask);
      await search.checkEnd?.(next.mask);
    }
    result.isComplete = frames.length === 0;
  } catch (thrown) {
    throw withSteps(thrown, frames, search.programs);
  }
  result.states = seen.size;
  result.nodes = [...new Set(machines)].reduce((sum, machine) => sum + machine.nodeCount, 0);
  return result;
}

const everybody = -1;

/**
 * The programs, as bits, that go first while the others wait: the fewest requests that nothing of what the others do
 * from here on touches.
 */
function persistentSet(state: State, search: Search): number {
  const { nodes } = state;
  let found = everybody;
  let fewest = Infinity;
  for (let first = 0; first < nodes.length; first++) {
    if (nodes[first]!.requests.length === 0) continue;
    const actors = closureOf(1 << first, state, search);
    if (actors === everybody) continue;
    let count = 0;
    for (let actor = 0; actor < nodes.length; actor++)
      if (actors & (1 << actor)) count += nodes[actor]!.requests.length;
    if (count < fewest) [found, fewest] = [actors, count];
  }
  return found;
}

function closureOf(start: number, { nodes, mask, late }: State, search: Search): number {
  let actors = start;
  for (let known = 0; known !== actors;) {
    known = actors;
    for (let actor = 0; actor < nodes.length; actor++) {
      if (!(known & (1 << actor))) continue;
      const { reads, writes } = nodes[actor]!.next;
      const judged = writes === 0 ? 0 : search.judgedWith(nodes[actor]!.requests);
      if (judged & mask) return everybody;
      if (late && late.mask & (reads | writes | judged)) return everybody;
      for (let other = 0; other < nodes.length; other++) {
        const { future } = nodes[other]!;
        if ((reads | writes | judged) & future.writes || writes & future.reads) actors |= 1 << other;
      }
    }
  }
  return actors;
}

/** States as lists of numbers; equal programs that have changed places make no other state. */
class StateCoder {
  readonly #machines: Machine[];
  readonly #isLastKept: boolean;
  readonly #lateIds = new Map<MachineRequest, number>();

  constructor(machines: Machine[], isLastKept: boolean) {
    this.#machines = machines;
    this.#isLastKept = isLastKept;
  }

  codeOf({ mask, nodes, late, hasLost, last, preemptions }: State): number[] {
    if (late && !this.#lateIds.has(late)) this.#lateIds.set(late, this.#lateIds.size + 1);
    const code = [mask, hasLost ? 1 : 0, late ? this.#lateIds.get(late)! : 0];
    if (this.#isLastKept) return [...code, last, preemptions, ...nodes.map(({ id }) => id)];
    const machines = this.#machines;
    for (let at = 0; at < nodes.length;) {
      let end = at + 1;
      while (end < nodes.length && machines[end] === machines[at]) end++;
      if (end === at + 1) code.push(nodes[at]!.id);
      else
        code.push(
          ...nodes
            .slice(at, end)
            .map(({ id }) => id)
            .sort((a, b) => a - b),
        );
      at = end;
    }
    return code;
  }
}

function movesFrom(state: State, machines: Machine[], actors: number, preemptionsMax = Infinity): Move[] {
  const { nodes, late, hasLost } = state;
  const moves: Move[] = late && actors === everybody ? [{ kind: 'arrive', request: late }] : [];
  const isExhausted = state.preemptions >= preemptionsMax && isWaiting(state, state.last);
  for (const [actor, node] of nodes.entries()) {
    if (!(actors & (1 << actor)) || (isExhausted && actor !== state.last)) continue;
    const isDouble = nodes.some(
      (other, at) => at < actor && actors & (1 << at) && other === node && machines[at] === machines[actor],
    );
    if (isDouble) continue;
    for (const request of node.requests) {
      moves.push({ kind: 'perform', actor, request });
      if (!machines[actor]!.program.mayLoseAnswers || hasLost || !isWrite(request)) continue;
      for (const kind of ['lose-answer', 'lose-request', 'delay'] as const)
        moves.push({ kind, actor, request });
    }
  }
  return moves;
}

const isWaiting = ({ nodes }: State, actor: number): boolean =>
  nodes[actor] !== undefined && nodes[actor].outcome === undefined;

function after(state: State, move: Move, machines: Machine[]): State | Promise<State> {
  const { request } = move;
  if (move.kind === 'arrive') return { ...state, mask: written(state.mask, request), late: undefined };
  const isLost = move.kind !== 'perform';
  const happens = move.kind === 'perform' || move.kind === 'lose-answer';
  const machine = machines[move.actor]!;
  const bits = isLost ? lostBits : machine.answerBits(request, state.mask);
  const arrived = (node: MachineNode): State => ({
    mask: happens ? written(state.mask, request) : state.mask,
    nodes: state.nodes.map((other, at) => (at === move.actor ? node : other)),
    late: move.kind === 'delay' ? request : state.late,
    hasLost: state.hasLost || isLost,
    last: move.actor,
    preemptions: state.preemptions + (move.actor !== state.last && isWaiting(state, state.last) ? 1 : 0),
  });
  const known = request.next.get(bits);
  return known ? arrived(known) : machine.expand(state.nodes[move.actor]!, request, bits).then(arrived);
}

function written(mask: number, { operation, mask: keys }: MachineRequest): number {
  if (operation === 'put') return mask | keys;
  return operation === 'delete' ? mask & ~keys : mask;
}

function withSteps(thrown: unknown, frames: Frame[], programs: Program[]): Error {
  const steps = frames.map(({ moves, taken }) => {
    const move = moves[taken - 1];
    if (!move) return '';
    if (move.kind === 'arrive') return `late arrives ${move.request.label}`;
    const how = move.kind === 'perform' ? '' : `${move.kind} of `;
    return `${programs[move.actor]!.name}: ${how}${move.request.label}`;
  });
  const why = thrown instanceof Error ? thrown.message : String(thrown);
  return new Error(`${why}\nafter:\n  ${steps.filter(Boolean).join('\n  ')}`, { cause: thrown });
}

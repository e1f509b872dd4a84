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
  /** After all programs have ended. */
  checkEnd?(mask: number): Promise<void>;
  /** @default no limit */
  statesMax?: number;
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
 * A look at what no other program ever writes is taken at once, whoever else could go on: no order of it makes a
 * difference to anybody (a persistent set of one). Who writes what is only known at the end, so the search is repeated
 * until it has met no write that it had not reckoned with. That is enough: before the first such write of any order
 * the looks were rightly taken, so an order of this search leads to it as well.
 */
export async function searchOrders(search: Search): Promise<SearchResult> {
  const machines = machinesOf(search);
  for (let reckonedWith = machines.map(() => 0); ;) {
    const result = await searchOnce(search, machines, reckonedWith);
    const met = machines.map((machine) => machine.writtenMask);
    if (search.preemptionsMax !== undefined || met.every((mask, actor) => mask === reckonedWith[actor]))
      return result;
    reckonedWith = met;
  }
}

async function searchOnce(
  search: Search,
  machines: Machine[],
  writtenMasks: number[],
): Promise<SearchResult> {
  const foreignMasks = machines.map((_, actor) => foreignMask(machines, writtenMasks, actor));
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
    const quiet = preemptionsMax === undefined ? quietLook(state, foreignMasks) : undefined;
    const moves = quiet ? [quiet] : movesFrom(state, machines, preemptionsMax);
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

/** What others write while a program waits; of one that loses answers, what it wrote itself may come late as well. */
function foreignMask(machines: Machine[], writtenMasks: number[], actor: number): number {
  const own = machines[actor]!.program.mayLoseAnswers ? writtenMasks[actor]! : 0;
  return writtenMasks.reduce((mask, written, at) => (at === actor ? mask : mask | written), own);
}

/** A look that comes out the same whenever it is taken, by a program that waits for nothing else. */
function quietLook({ nodes }: State, foreignMasks: number[]): Move | undefined {
  for (const [actor, { requests }] of nodes.entries()) {
    const [request] = requests;
    if (!request || requests.length > 1) continue;
    const isLook = request.operation === 'get' || request.operation === 'has';
    if (isLook && (request.mask & foreignMasks[actor]!) === 0) return { kind: 'perform', actor, request };
  }
  return undefined;
}

/** Equal programs share one machine. */
function machinesOf({ programs, keySet }: Search): Machine[] {
  const machines = new Map<Program, Machine>();
  for (const program of programs)
    if (!machines.has(program)) machines.set(program, new Machine(program, keySet));
  return programs.map((program) => machines.get(program)!);
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

function movesFrom(state: State, machines: Machine[], preemptionsMax = Infinity): Move[] {
  const { nodes, late, hasLost } = state;
  const moves: Move[] = late ? [{ kind: 'arrive', request: late }] : [];
  const isExhausted = state.preemptions >= preemptionsMax && isWaiting(state, state.last);
  for (const [actor, node] of nodes.entries()) {
    if (isExhausted && actor !== state.last) continue;
    const isDouble = nodes.some(
      (other, at) => at < actor && other === node && machines[at] === machines[actor],
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

import type { Downstream } from '../../core/messages.ts';
import type { LogFields, LogLevel } from '../../core/log.ts';

/** Durations of the connection's rules, in milliseconds. Tests and simulations may shrink them. */
export interface LinkTimes {
  /** From dialing to `welcome`. */
  attemptMs: number;
  /** Make-before-break rollover: uniform between the two, inside API Gateway's two hours. */
  rolloverFromMs: number;
  rolloverToMs: number;
  /** Next try after a rollover that failed. */
  rolloverRetryMs: number;
  /** A connection is not left for a drain before it is so old. */
  drainFromMs: number;
  /** The replaced connection may finish for so long. */
  drainMs: number;
  pingEveryMs: number;
  pongWithinMs: number;
  /** Status frames that may go by without any answer of the server. */
  silentHeartbeats: number;
  /** Growth of the waits ends here: after failures, and after refusals. */
  failureCapMs: number;
  refusalCapMs: number;
  /** A refusal that tells the time is no failure, once in so long. */
  clockAgainMs: number;
  /** Least wait after somebody else took over with this gateway's key; doubles up to the cap. */
  supersededMs: number;
  supersededCapMs: number;
  /** A connection that lasted this long forgets earlier take-overs. */
  settledMs: number;
  /** One that did not last this long is one more failure in a row. */
  steadyMs: number;
  /** A hello without its welcome is said again. */
  helloAgainMs: number;
  /** Least time between hellos that the server asks for on one connection. */
  helloEveryMs: number;
  /** Mean wait before what a busy server did not handle is said again, a hello included; doubles up to the cap. */
  sayAgainMs: number;
  sayAgainCapMs: number;
}

/** How many of its own sequence numbers a process remembers. */
export const recentSeqsMax = 16;

const minutes = 60_000;
export const linkTimes: LinkTimes = {
  attemptMs: 30_000,
  rolloverFromMs: 90 * minutes,
  rolloverToMs: 110 * minutes,
  rolloverRetryMs: minutes,
  drainFromMs: 5_000,
  drainMs: 10_000,
  pingEveryMs: minutes,
  pongWithinMs: 20_000,
  silentHeartbeats: 2,
  failureCapMs: minutes,
  refusalCapMs: 5 * minutes,
  clockAgainMs: 5 * minutes,
  supersededMs: 5 * minutes,
  supersededCapMs: 60 * minutes,
  settledMs: 60 * minutes,
  steadyMs: 10_000,
  helloAgainMs: 4_000,
  helloEveryMs: 5_000,
  sayAgainMs: 1_000,
  sayAgainCapMs: 15_000,
};

/** What survives the process: the highest epoch that was welcomed and the server's reconnect window. */
export interface LinkMemory {
  welcomedSeq: number;
  reconnectWindowMs: number;
}

/**
 * The key that is to follow the one in use: `made` is on our disk, and whether the server knows it is open; `accepted`
 * is in force there.
 */
export type NextKey = 'none' | 'made' | 'accepted';
export type DialKey = 'current' | 'next';

/** A connection being opened: not usable before its `welcome`. */
export interface Attempt {
  dialId: number;
  cellIndex: number;
  seq: number;
  /** The key that signed its token. */
  key: DialKey;
  greeted: boolean;
  /** When the hello is repeated; not before it is said. */
  helloAt: number;
  /** Hellos that no function took, or that came too fast, and whether the last of them is one. */
  notHandled: number;
  isAskedAgain: boolean;
  giveUpAt: number;
  /** Frames that overtook the `welcome`. */
  early: Downstream[];
}

/** The connection in use. */
export interface Live {
  dialId: number;
  cellIndex: number;
  epoch: number;
  since: number;
  /** Failures in a row before it was welcomed. */
  failuresBefore: number;
  rolloverAt: number;
  /** Not before this time, whatever a drain says. */
  rolloverFrom: number;
  /** Cell to roll over to. */
  rolloverCell: number;
  /** This cell is being emptied: whatever is dialed instead goes to another one. */
  isDraining: boolean;
  pingAt: number;
  pongBy: number | undefined;
  /** Whether this peer answers pings: only then does an unanswered one mean anything. */
  answersPings: boolean;
  /** How long no answer at all may come: each status has one, whoever answers pings or not. */
  silenceMaxMs: number;
  silentAt: number;
  /** A newer connection of our own took over; it is not welcomed yet. */
  outdated: boolean;
  /** Not before this time is a hello repeated on request. */
  helloAgainAt: number;
  /** Times in a row that frames were not taken; an answer halves it, and not before `wellFrom`. */
  notHandled: number;
  wellFrom: number;
  /** When what has no answer is said again, for such a frame. */
  sayAgainAt: number | undefined;
}

export interface LinkState extends LinkMemory {
  readonly times: LinkTimes;
  readonly cellIds: readonly string[];
  stopped: boolean;
  /** Server's clock minus ours, as last learned. */
  clockOffsetMs: number;
  /** When a refusal last told it, monotonic. */
  clockLearnedAt: number;
  dials: number;
  /** Sequence numbers that this process dialed with, newest last: tells our own take-over from a stranger's. */
  recentSeqs: readonly number[];
  failures: number;
  takeOvers: number;
  /** The cell that was last found down since the last welcome, and how often a dial stayed away from it since. */
  downCell: number | undefined;
  busyStays: number;
  nextCell: number;
  retryAt: number | undefined;
  attempt: Attempt | undefined;
  live: Live | undefined;
  nextKey: NextKey;
  /** What the next dial is signed with. */
  dialKey: DialKey;
  /** What the control plane said when it would have nothing more to do with this gateway; a welcome clears it. */
  disowned: string | undefined;
  /** Why there is no connection, in words. */
  trouble: string | undefined;
}

/** `now` is a monotonic clock for waits, `unixMs` the wall clock for tokens, `random` uniform in [0, 1). */
export type LinkEvent = { now: number; unixMs: number; random: number } & (
  | { type: 'start' | 'tick' | 'stop' }
  /** `not-handled`: a frame of ours reached the server, and no function took it or came to its end. */
  | { type: 'opened' | 'pong' | 'not-handled'; dialId: number }
  | { type: 'refused'; dialId: number; status: number; serverTime: number | undefined }
  | { type: 'closed'; dialId: number; reason: string }
  /** A next key was made, or accepted by the server. */
  | { type: 'key'; nextKey: NextKey }
  | { type: 'frame'; dialId: number; message: Downstream }
);

export type LinkEffect =
  /** `issuedAt` is server time in Unix ms; the answers come as `opened`, `refused` or `closed`. */
  | { do: 'dial'; dialId: number; cellIndex: number; seq: number; issuedAt: number; key: DialKey }
  | { do: 'hello'; dialId: number }
  | { do: 'ping'; dialId: number }
  /** The last ping had no answer, of a peer that has answered others. */
  | { do: 'ping-lost' }
  | { do: 'probe.ok'; dialId: number; probeId: string }
  | { do: 'bye'; dialId: number; reason: string }
  /** Sends what is buffered, closes, and cuts after `graceMs`. No event of this dialId follows. */
  | { do: 'close'; dialId: number; reason: string; graceMs: number }
  | { do: 'remember'; memory: LinkMemory }
  /** The next key opened a connection: it is the current one from now on, and the one before is of no more use. */
  | { do: 'key.welcomed' }
  | { do: 'up'; dialId: number; epoch: number; cellId: string; welcome: Welcome }
  | { do: 'deliver'; message: Downstream }
  /** Whatever has no answer yet is to be said again. */
  | { do: 'say-again' }
  | { do: 'down'; reason: string }
  /** Somebody else has this gateway's key, and is newer. */
  | { do: 'taken-over' }
  | { do: 'log'; level: LogLevel; event: string; fields: LogFields };

export type Welcome = Extract<Downstream, { t: 'welcome' }>['body'];

export function initialLink(
  memory: LinkMemory,
  cellIds: readonly string[],
  times: LinkTimes = linkTimes,
): LinkState {
  return {
    ...memory,
    times,
    cellIds,
    stopped: false,
    clockOffsetMs: 0,
    clockLearnedAt: -Infinity,
    dials: 0,
    recentSeqs: [],
    failures: 0,
    takeOvers: 0,
    downCell: undefined,
    busyStays: 0,
    nextCell: 0,
    nextKey: 'none',
    dialKey: 'current',
    retryAt: undefined,
    attempt: undefined,
    live: undefined,
    disowned: undefined,
    trouble: undefined,
  };
}

/** When the next `tick` is due on the monotonic clock; undefined: when something happens. */
export function nextWakeAt(state: LinkState): number | undefined {
  if (state.stopped) return undefined;
  const { live } = state;
  const rollover = state.attempt || state.retryAt !== undefined ? undefined : live?.rolloverAt;
  const times = [
    state.attempt?.giveUpAt,
    state.attempt?.helloAt,
    state.retryAt,
    rollover,
    live?.pingAt,
    live?.pongBy,
    live?.silentAt,
    live?.sayAgainAt,
  ];
  const due = times.filter((time) => time !== undefined);
  return due.length ? Math.min(...due) : undefined;
}

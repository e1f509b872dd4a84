import type { ApiClient } from '../../cli/api-client.ts';
import type { CommandKind } from '../../core/command-kinds.ts';
import { isFinal } from '../../core/commands/states.ts';
import { HoldfastError } from '../../core/errors.ts';
import type { Random } from '../simulation/disk/random.ts';
import type { Sent } from './judge.ts';
import type { Pace } from './pace.ts';

/** Commands that do no harm, and how often each comes: of 100. */
const shares: readonly [CommandKind, number][] = [
  ['probe', 50],
  ['status.get', 15],
  ['volume.check', 20],
  ['snapshot.create', 13],
  ['service.restart', 2],
];
export const volumeId = 'v1';
/** What becomes of others is judged by when it ran. */
const mustRun: ReadonlySet<CommandKind> = new Set(['service.restart']);
const ofVolume: ReadonlySet<CommandKind> = new Set(['volume.check', 'snapshot.create']);
/** Not longer: a gateway that is away must not keep others from being sent to. */
const patienceMs = 2_000;
const triesMax = 10;

export interface SenderDeps {
  api: ApiClient;
  gatewayId: string;
  random: Random;
  pace: Pace;
  sent: Sent[];
  /** What the API answered that it must not. */
  problems: string[];
  name: string;
}

/** Sends one command after the other to a gateway, through home and through the cells, until it is over. */
export async function keepSending(deps: SenderDeps, isOver: () => boolean): Promise<void> {
  for (let count = 0; !isOver(); count++) {
    const commandId = await submit(deps, `${deps.name}-${count}`).catch((thrown: unknown) => {
      deps.problems.push(`a submit failed: ${String(thrown)}`);
      return undefined;
    });
    deps.pace.step();
    if (commandId !== undefined) await finished(deps, commandId, Date.now() + patienceMs);
    else await pause(patienceMs);
  }
}

async function submit(deps: SenderDeps, idempotencyKey: string): Promise<string> {
  const { api, gatewayId, random, sent, problems } = deps;
  const kind = pickKind(random);
  const params = ofVolume.has(kind) ? { volumeId } : {};
  const viaCell = random.pick([undefined, 'cell-1', 'cell-2']);
  const call = (via: string | undefined) =>
    patiently(() =>
      api.call('submitCommand', {
        params: { gatewayId },
        body: { kind, params, idempotencyKey },
        ...(via ? { viaCell: via } : {}),
      }),
    );
  const { command } = await call(viaCell);
  const one: Sent = { gatewayId, commandId: command.commandId, kind, state: undefined };
  sent.push(one);
  if (!mustRun.has(kind) && random.chance(0.1)) await cancel(deps, one);
  // Who does not know whether a request arrived sends it again, and not necessarily through the same door.
  if (random.chance(0.05)) {
    const again = await call(random.pick([undefined, 'cell-1', 'cell-2']));
    if (again.command.commandId !== command.commandId)
      problems.push(
        `one idempotency key made two commands: ${command.commandId}, ${again.command.commandId}`,
      );
  }
  return command.commandId;
}

/** At once, or while it runs, or when it is done already. */
async function cancel({ api, random, problems }: SenderDeps, command: Sent): Promise<void> {
  const { gatewayId, commandId } = command;
  await pause(random.pick([0, 0, 50, 500]));
  command.isCanceled = true;
  try {
    await patiently(() => api.call('cancelCommand', { params: { gatewayId, commandId } }));
  } catch (thrown) {
    // It is final, and not canceled.
    if (!(thrown instanceof HoldfastError && thrown.code === 'CONFLICT'))
      problems.push(`a cancel failed: ${String(thrown)}`);
  }
}

function pickKind(random: Random): CommandKind {
  let at = random.below(100);
  for (const [kind, share] of shares) if ((at -= share) < 0) return kind;
  return 'probe';
}

/** As callers do: what may be tried again is, with the same key. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++)
    try {
      return await work();
    } catch (thrown) {
      const mayPass =
        thrown instanceof HoldfastError && ['UNAVAILABLE', 'THROTTLED', 'BUSY'].includes(thrown.code);
      if (!mayPass || tries >= triesMax) throw thrown;
      await pause(200 * tries);
    }
}

async function finished({ api, gatewayId }: SenderDeps, commandId: string, until: number): Promise<void> {
  do {
    const { command } = await patiently(() => api.call('getCommand', { params: { gatewayId, commandId } }));
    if (isFinal(command.state)) return;
    await pause(100);
  } while (Date.now() < until);
}

/** Fills in what the cloud says of each command; how many are not final. */
export async function readStates(api: ApiClient, sent: readonly Sent[]): Promise<number> {
  let open = 0;
  for (const command of sent) {
    if (command.state !== undefined && isFinal(command.state)) continue;
    const { gatewayId, commandId } = command;
    try {
      const read = () => api.call('getCommand', { params: { gatewayId, commandId } });
      const { state, outcome } = (await patiently(read)).command;
      command.state = state;
      command.error = outcome?.error && `${outcome.error.code}: ${outcome.error.message}`;
    } catch (thrown) {
      if (!(thrown instanceof HoldfastError && thrown.code === 'NOT_FOUND')) throw thrown;
      command.state = undefined;
      continue;
    }
    if (!isFinal(command.state)) open += 1;
  }
  return open;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

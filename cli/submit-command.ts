import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CommandView } from '../core/api.ts';
import { commandIdOf } from '../core/commands/submission.ts';
import { HoldfastError, type ErrorCode } from '../core/errors.ts';
import type { CallOptions } from './api-client.ts';
import type { Session } from './program.ts';

interface Submission {
  gatewayId: string;
  /** What the route takes, without the key. */
  body: object;
  /** @default a new one */
  idempotencyKey?: string;
  viaCell?: string;
  /** The line that submits it again under the key, where there is one. */
  again?: (idempotencyKey: string) => string;
}

/** Submits a command; an answer that was lost makes no second one. Throws what `untilAnswered` throws. */
export function submitCommand(
  session: Session,
  { gatewayId, body, idempotencyKey = randomUUID(), viaCell, again }: Submission,
): Promise<CommandView> {
  const { api, context, toType } = session;
  const request: CallOptions = { params: { gatewayId }, body: { ...body, idempotencyKey } };
  if (viaCell !== undefined) request.viaCell = viaCell;
  // Whose a token is, only the server knows, and the id holds the tenant.
  const commandId =
    context.identity.kind === 'tenant' ? undefined : commandIdOf(context.tenantId, gatewayId, idempotencyKey);
  return untilAnswered(async () => (await api.call('submitCommand', request)).command, {
    what: commandId === undefined ? 'the command' : `command ${commandId}`,
    look:
      commandId === undefined
        ? toType(`holdfast commands list ${gatewayId}`)
        : toType(`holdfast commands show ${gatewayId} ${commandId}`),
    ...(again ? { again: toType(again(idempotencyKey)) } : {}),
  });
}

/** Somebody sits before it. */
const waitsMs = [250, 500, 1_000, 2_000];
/** What was asked for may be done all the same. */
const uncertain: readonly ErrorCode[] = ['UNAVAILABLE', 'INTERNAL', 'TIMEOUT'];
const passing: readonly ErrorCode[] = [...uncertain, 'THROTTLED', 'BUSY'];
export const isPassing = (thrown: unknown): thrown is HoldfastError =>
  thrown instanceof HoldfastError && passing.includes(thrown.code);

/**
 * Repeats a request that has an idempotency key while what is in its way may pass. Throws the last error, which then
 * says that `what` may be on record, where to `look`, and how to ask once more.
 */
export async function untilAnswered<T>(
  ask: () => Promise<T>,
  { what, look, again }: { what: string; look: string; again?: string },
): Promise<T> {
  let mayBeOnRecord = false;
  for (let tries = 0; ; tries++) {
    try {
      return await ask();
    } catch (thrown) {
      if (!(thrown instanceof HoldfastError)) throw thrown;
      mayBeOnRecord ||= uncertain.includes(thrown.code) && wasSent(thrown);
      const waitMs = waitsMs[tries];
      if (isPassing(thrown) && waitMs !== undefined) {
        await sleep(waitMs);
        continue;
      }
      if (!mayBeOnRecord) throw thrown;
      const repeat = again === undefined ? '' : `; the same once more, and never twice: \`${again}\``;
      throw new HoldfastError(thrown.code, `${thrown.message}; ${what} may be on record`, {
        hint: `look first: \`${look}\`${repeat}`,
        cause: thrown.cause,
      });
    }
  }
}

const neverSent = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

/** False where no connection came about: `fetch` wraps the socket's error. */
const wasSent = ({ cause }: HoldfastError): boolean =>
  !neverSent.has((cause as { cause?: NodeJS.ErrnoException } | undefined)?.cause?.code ?? '');

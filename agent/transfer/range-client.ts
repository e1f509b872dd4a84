import pLimit from 'p-limit';
import { raceSignal } from '../s3/race-signal.ts';
import type { FetchRange } from './general-fetcher.ts';
import { RangeConnection, requestText, type Outcome, type Place } from './range-connection.ts';
import type { SignedRequest } from './transfer.ts';

/** As many as one origin is asked for at the same time; more wait their turn. */
const connectionsMax = 64;

/**
 * GETs over kept connections of its own. `general` is a client that knows all of HTTP: it is asked where an answer is
 * not as S3's are.
 */
export function rangeClient(general: FetchRange): FetchRange {
  const origins = new Map<string, Origin>();
  return async (request, lengthBytes, signal, into) => {
    signal?.throwIfAborted();
    const key = `${request.protocol}//${request.hostname}:${request.port ?? ''}`;
    let origin = origins.get(key);
    if (!origin) origins.set(key, (origin = new Origin()));
    const outcome = await origin.get(request, { lengthBytes, into }, signal);
    signal?.throwIfAborted();
    if (outcome === 'unusual') return general(request, lengthBytes, signal, into);
    if ('failure' in outcome) throw outcome.failure;
    return outcome.bytes;
  };
}

/** The connections to one server. */
class Origin {
  readonly #idle: RangeConnection[] = [];
  readonly #limit = pLimit(connectionsMax);

  get(request: SignedRequest, place: Place, signal?: AbortSignal): Promise<Outcome> {
    const text = requestText(request);
    return raceSignal(
      this.#limit(() => this.#ask(request, text, place, signal)),
      signal,
    );
  }

  async #ask(request: SignedRequest, text: string, place: Place, signal?: AbortSignal): Promise<Outcome> {
    for (;;) {
      signal?.throwIfAborted();
      const connection = this.#take(request);
      const { isFresh } = connection;
      // At once: nothing is written to the place any more from here on.
      const stop = (): void => connection.close();
      signal?.addEventListener('abort', stop, { once: true });
      const outcome = await connection.ask(text, place);
      signal?.removeEventListener('abort', stop);
      if (connection.isUsable) this.#idle.push(connection);
      // A kept connection may have been closed at the moment when it was to be used again.
      const isStale = typeof outcome === 'object' && 'failure' in outcome && outcome.isUnanswered;
      if (isFresh || !isStale) return outcome;
    }
  }

  /** The one used last is the one least likely to be closed by now. */
  #take(request: SignedRequest): RangeConnection {
    for (let kept = this.#idle.pop(); kept; kept = this.#idle.pop()) if (kept.isUsable) return kept;
    const connection: RangeConnection = new RangeConnection(request, () => {
      const at = this.#idle.indexOf(connection);
      if (at >= 0) this.#idle.splice(at, 1);
    });
    return connection;
  }
}

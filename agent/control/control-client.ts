import { connect } from 'node:net';
import { errorCodes, HoldfastError, type ErrorCode } from '../../core/errors.ts';
import { controlSocketPath } from '../state/state-directory.ts';
import { errnoOf, ioError } from '../state/versioned-file.ts';
import { controlAnswerSchema, lineSplitter, type ControlAnswer } from './control-protocol.ts';
import { typed } from '../../core/typed.ts';

export interface CallOptions {
  /** Aborting it ends the call. */
  signal?: AbortSignal;
  onProgress?: (progress: Record<string, unknown>) => void;
}

/**
 * Calls the agent that runs on a state directory. Throws UNAVAILABLE where none does, PROTOCOL, and what the agent
 * answers.
 */
export async function callAgent(
  statePath: string,
  method: string,
  params: Record<string, unknown> = {},
  { signal, onProgress }: CallOptions = {},
): Promise<unknown> {
  const path = controlSocketPath(statePath);
  const socket = connect(path);
  socket.setEncoding('utf8');
  const stop = () => socket.destroy(new HoldfastError('UNAVAILABLE', 'stopped'));
  signal?.addEventListener('abort', stop);
  const split = lineSplitter();
  socket.on('connect', () => socket.write(`${JSON.stringify({ method, params })}\n`));
  try {
    for await (const part of socket) {
      const lines = split(String(part));
      if (!lines) throw new HoldfastError('PROTOCOL', 'the agent’s answer is too long');
      for (const line of lines) {
        const answer = parseAnswer(line);
        if ('progress' in answer) onProgress?.(answer.progress);
        else if ('error' in answer) throw answered(answer.error);
        else return answer.result;
      }
    }
    throw new HoldfastError('UNAVAILABLE', 'the agent stopped before it answered');
  } catch (cause) {
    throw cause instanceof HoldfastError ? cause : unreachable(statePath, path, cause);
  } finally {
    signal?.removeEventListener('abort', stop);
    socket.destroy();
  }
}

function parseAnswer(line: string): ControlAnswer {
  try {
    return controlAnswerSchema.parse(JSON.parse(line));
  } catch (cause) {
    throw new HoldfastError('PROTOCOL', 'the agent answered something that is not valid', {
      hint: 'is it of another version than this command?',
      cause,
    });
  }
}

function answered({ code, message, hint }: { code: string; message: string; hint?: string }): HoldfastError {
  return new HoldfastError(Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : 'INTERNAL', message, {
    hint,
  });
}

function unreachable(statePath: string, path: string, cause: unknown): HoldfastError {
  const errno = errnoOf(cause);
  if (errno !== 'ENOENT' && errno !== 'ECONNREFUSED') return ioError('connect to', path, cause);
  return new HoldfastError('UNAVAILABLE', `no holdfast-agent runs on ${statePath}`, {
    hint: `start it with \`${typed('holdfast-agent run')}\`, or name its --state-dir`,
    cause,
  });
}

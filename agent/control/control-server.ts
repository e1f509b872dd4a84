import { chmod, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import type { z } from 'zod';
import { asHoldfastError, HoldfastError } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { ioError } from '../state/versioned-file.ts';
import {
  controlRequestSchema,
  lineSplitter,
  type ControlAnswer,
  type ControlCall,
  type ControlMethods,
} from './control-protocol.ts';
import { plainIssues } from '../../core/plain-issues.ts';

const connectionsMax = 32;

/** Answers the CLI on a Unix socket for the owner alone. Whoever holds the state directory's lock may call this. */
export async function serveControl(
  path: string,
  methods: ControlMethods,
  log: Log,
): Promise<{ close: () => Promise<void> }> {
  const calls = new Map<Socket, AbortController>();
  const server = createServer((socket) => {
    const controller = new AbortController();
    calls.set(socket, controller);
    socket.setEncoding('utf8');
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      calls.delete(socket);
      controller.abort(new Error('the caller has gone away'));
    });
    serveCall(socket, methods, controller.signal, log);
  });
  server.maxConnections = connectionsMax;
  try {
    // A socket that is still there belongs to an agent that died: we hold the lock.
    await rm(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
    await chmod(path, 0o600);
  } catch (cause) {
    throw ioError('listen on', path, cause);
  }
  return {
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of calls.keys()) socket.destroy();
      await closed;
    },
  };
}

function serveCall(socket: Socket, methods: ControlMethods, signal: AbortSignal, log: Log): void {
  const split = lineSplitter();
  const write = (answer: ControlAnswer) => {
    if (!socket.destroyed) socket.write(`${JSON.stringify(answer)}\n`);
  };
  let isCalled = false;
  socket.on('data', (part: string) => {
    const lines = split(part);
    if (!lines) return socket.destroy();
    const [line] = lines;
    if (line === undefined || isCalled) return;
    isCalled = true;
    const call: ControlCall = { signal, progress: (progress) => write({ progress }) };
    answerTo(line, methods, call, log).then(
      (answer) => {
        write(answer);
        socket.end();
      },
      () => socket.destroy(),
    );
  });
}

async function answerTo(
  line: string,
  methods: ControlMethods,
  call: ControlCall,
  log: Log,
): Promise<ControlAnswer> {
  try {
    const { method, params } = parseRequest(line);
    const found = methods.get(method);
    if (!found) throw new HoldfastError('UNSUPPORTED', `this agent knows no “${method}”`);
    const checked = found.params.safeParse(params);
    if (!checked.success)
      throw new HoldfastError('INVALID_INPUT', plainIssues(checked.error, params, method), {
        hint: 'nothing was changed; correct the value and try again',
      });
    const result = await found.run(checked.data, call);
    return result === undefined ? {} : { result: JSON.parse(JSON.stringify(result)) };
  } catch (thrown) {
    const { code, message, hint } = asHoldfastError(thrown);
    if (code === 'INTERNAL') log('error', 'control.failed', { message });
    return { error: { code, message, ...(hint === undefined ? {} : { hint }) } };
  }
}

function parseRequest(line: string): z.infer<typeof controlRequestSchema> {
  try {
    return controlRequestSchema.parse(JSON.parse(line));
  } catch (cause) {
    throw new HoldfastError('PROTOCOL', 'the request is not valid', { cause });
  }
}

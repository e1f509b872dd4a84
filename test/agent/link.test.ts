import { generateKeyPairSync } from 'node:crypto';
import type { Downstream } from '../../core/messages.ts';
import type { LogFields } from '../../core/log.ts';
import { signDialToken } from '../../agent/connection/dial-token.ts';
import type { Dialer } from '../../agent/connection/dialer.ts';
import type { LinkDeps } from '../../agent/connection/link-ports.ts';
import { Link } from '../../agent/connection/link.ts';
import { linkTimes, type LinkMemory, type LinkTimes } from '../../agent/connection/link-state.ts';
import { wsDialer } from '../../agent/connection/ws-dialer.ts';
import { FakeCell } from './fake-cell.ts';

const { privateKey } = generateKeyPairSync('ed25519');
const publicKey = privateKey.export({ format: 'jwk' }).x!;
let cells: FakeCell[];
let links: Link[];

beforeEach(async () => {
  links = [];
  cells = [new FakeCell('c1', publicKey), new FakeCell('c2', publicKey)];
  for (const cell of cells) await cell.listen();
});
afterEach(async () => {
  for (const link of links) link.stop();
  for (const cell of cells) await cell.close();
});

function newLink(
  options: {
    times?: Partial<LinkTimes>;
    clockOffsetMs?: number;
    memory?: LinkMemory;
    urls?: string[];
    dial?: Dialer;
  } = {},
) {
  const seen = {
    messages: [] as Downstream[],
    downs: [] as string[],
    sayAgains: 0,
    takeOvers: 0,
    ups: [] as { epoch: number; cellId: string }[],
    remembered: [] as LinkMemory[],
    logs: [] as { event: string; fields: LogFields | undefined }[],
  };
  const deps: LinkDeps = {
    dial: options.dial ?? wsDialer(undefined),
    now: () => performance.now(),
    unixMs: () => Date.now() + (options.clockOffsetMs ?? 0),
    random: Math.random,
    setTimer: (run, delayMs) => {
      const timer = setTimeout(run, delayMs);
      return () => clearTimeout(timer);
    },
    log: (_level, event, fields) => void seen.logs.push({ event, fields }),
    signToken: (dial) =>
      signDialToken({ privateKey, publicKey }, { ...dial, gatewayId: 'g1', keyGeneration: 1 }),
    remember: (memory) => {
      seen.remembered.push(memory);
      return Promise.resolve();
    },
    hello: () => ({ bootId: 'b1', journalId: 'j1', agentVersion: '0.1.0' }),
  };
  const addresses = cells.map((cell, i) => ({
    cellId: cell.cellId,
    webSocketUrl: options.urls?.[i] ?? cell.url,
  }));
  const link = new Link(
    options.memory ?? { welcomedSeq: 0, reconnectWindowMs: 0 },
    addresses,
    {
      up: (connection) => seen.ups.push(connection),
      down: (reason) => seen.downs.push(reason),
      sayAgain: () => seen.sayAgains++,
      takenOver: () => seen.takeOvers++,
      message: (message) => seen.messages.push(message),
    },
    deps,
    { ...linkTimes, ...options.times },
  );
  links.push(link);
  link.start();
  return { link, seen };
}
const c1 = () => cells[0]!;
const c2 = () => cells[1]!;

it('connects with a token that the server accepts, says hello and is up at the welcome', async () => {
  const { link, seen } = newLink();
  const hello = await c1().untilFrame('hello');
  expect(hello.body).toMatchObject({ bootId: 'b1', journalId: 'j1', agentVersion: '0.1.0' });
  expect(hello.epoch).toBe(c1().dialed[0]!.seq);
  await c1().until(() => link.view().connected, 'up');
  expect(seen.remembered).toEqual([{ welcomedSeq: hello.epoch, reconnectWindowMs: 0 }]);
  expect(link.send('probe.ok', { probeId: 'x' })).toBe(true);
  await c1().untilFrame('probe.ok');
});

it('finds the right time in the refusal when its clock is a day ahead', async () => {
  const { link } = newLink({ clockOffsetMs: 86_400_000 });
  await c1().untilFrame('hello');
  expect(c1().dialed.map((dial) => dial.status)).toEqual([401, 101]);
  await c1().until(() => link.view().connected, 'up');
  expect(Math.abs(link.serverTime() - Date.now())).toBeLessThan(5_000);
});

it('fails over to the other cell when the first refuses, is dead, or never welcomes', async () => {
  c1().refuseWith = 503;
  newLink();
  await c2().untilFrame('hello');
  newLink({ urls: ['ws://127.0.0.1:1/live', c2().url] });
  await c2().until(() => c2().frames('hello').length === 2, 'the second hello');
  c1().refuseWith = undefined;
  c1().welcomes = false;
  newLink({ times: { attemptMs: 300 } });
  await c2().until(() => c2().frames('hello').length === 3, 'the third hello');
});

it('comes back after each cut with a higher number', async () => {
  const { link, seen } = newLink();
  for (let round = 1; round <= 3; round++) {
    await c1().until(() => seen.ups.length === round && link.view().connected, `round ${round}`);
    c1().cut();
    await c1().until(() => seen.downs.length === round, 'down');
  }
  await c1().until(() => seen.ups.length === 4, 'up again');
  const epochs = seen.ups.map((up) => up.epoch);
  expect(epochs).toEqual([...epochs].sort((a, b) => a - b));
  expect(new Set(epochs).size).toBe(4);
});

it('answers what it cannot read with a reject, and lives', async () => {
  const { link, seen } = newLink();
  await c1().until(() => link.view().connected, 'up');
  const envelope = { v: 1, id: 'x1', epoch: c1().newest.epoch, seq: 9, ts: 1 };
  const bad: [string | Buffer, string][] = [
    ['{', 'NOT_JSON'],
    ['[]', 'BAD_ENVELOPE'],
    [Buffer.from([1, 2, 3]), 'NOT_JSON'],
    [JSON.stringify({ ...envelope, v: 9, t: 'cmd', body: {} }), 'UNKNOWN_VERSION'],
    [JSON.stringify({ ...envelope, t: 'constructor', body: {} }), 'UNKNOWN_TYPE'],
    [JSON.stringify({ ...envelope, t: 'cmd', body: { kind: 'rm -rf' } }), 'BAD_BODY'],
    ['x'.repeat(30_000), 'TOO_LARGE'],
  ];
  for (const [frame] of bad) c1().sendRaw(frame);
  await c1().until(() => c1().frames('reject').length === bad.length, 'the rejects');
  expect(
    c1()
      .frames('reject')
      .map((frame) => frame.body.code),
  ).toEqual(bad.map(([, code]) => code));
  c1().send('result.ack', { commandId: 'a', attempt: 1 });
  await c1().until(() => seen.messages.length === 1, 'a good frame');
});

it('does not answer API Gateway’s own word of a frame that nobody handled, and says again what is open', async () => {
  const { link, seen } = newLink({ times: { sayAgainMs: 1 } });
  await c1().until(() => link.view().connected, 'up');
  c1().sendRaw(JSON.stringify({ message: 'Internal server error', connectionId: 'c=', requestId: 'r=' }));
  await c1().until(() => seen.sayAgains === 1, 'to be asked to say it again');
  expect(c1().frames('reject')).toEqual([]);
});

it('stops answering a peer that sends nothing but rubbish', async () => {
  const { link, seen } = newLink();
  await c1().until(() => link.view().connected, 'up');
  for (let i = 0; i < 150; i++) c1().sendRaw('{');
  c1().send('probe', { probeId: 'after' });
  await c1().untilFrame('probe.ok');
  expect(c1().frames('reject')).toHaveLength(100);
  const logged = seen.logs.map(({ event }) => event);
  expect(logged.filter((event) => event === 'link.frame-rejected')).toHaveLength(100);
  expect(logged.filter((event) => event === 'link.too-many')).toHaveLength(1);
});

it('passes welcomes over that are said again and again', async () => {
  const { link, seen } = newLink();
  await c1().until(() => link.view().connected, 'up');
  const welcome = { gatewayId: 'g1', heartbeatIntervalMs: 60_000, reconnectWindowMs: 0 };
  for (let i = 0; i < 150; i++) c1().send('welcome', { ...welcome, serverTime: Date.now() });
  c1().send('probe', { probeId: 'after' });
  await c1().untilFrame('probe.ok');
  expect(seen.ups).toHaveLength(100);
  const logged = seen.logs.map(({ event }) => event);
  expect(logged.filter((event) => event === 'link.up')).toHaveLength(100);
  expect(logged.filter((event) => event === 'link.too-many')).toHaveLength(1);
  expect(link.view()).toMatchObject({ connects: 1, connected: true });
});

it('closes a connection that floods it, and waits before it dials again', async () => {
  const { link, seen } = newLink();
  c1().welcome = { reconnectWindowMs: 3_600_000 };
  await c1().until(() => link.view().connected, 'up');
  const { closed } = c1().newest;
  for (let i = 0; i < 20_000; i++) c1().send('result.ack', { commandId: 'flood', attempt: 1 });
  await closed;
  expect(seen.downs).toEqual(['the server floods this agent']);
  expect(seen.messages.length).toBeLessThan(20_000);
  expect(link.view().retryInMs).toBeGreaterThan(0);
});

it('drops a frame of another epoch', async () => {
  const { link, seen } = newLink();
  await c1().until(() => link.view().connected, 'up');
  c1().send('result.ack', { commandId: 'old', attempt: 1 }, c1().newest, c1().newest.epoch - 1);
  c1().send('result.ack', { commandId: 'new', attempt: 1 });
  await c1().until(() => seen.messages.length > 0, 'the frame');
  expect(seen.messages.map((message) => message.body)).toEqual([{ commandId: 'new', attempt: 1 }]);
});

it('says why there is no connection and when it tries again', async () => {
  c1().refuseWith = c2().refuseWith = 403;
  const { link } = newLink({ memory: { welcomedSeq: 0, reconnectWindowMs: 60_000 } });
  await c1().until(() => link.view().trouble, 'trouble');
  expect(link.view()).toMatchObject({
    connected: false,
    trouble: expect.stringMatching(/^c1: .*403.*revoked/),
  });
  expect(link.view().retryInMs).toBeGreaterThanOrEqual(0);
});

it('closes and stays away when another agent takes over with its key', async () => {
  const { link, seen } = newLink();
  await c1().until(() => link.view().connected, 'up');
  c1().send('superseded', { byEpoch: c1().newest.epoch + 60_000 });
  await c1().newest.closed;
  expect(seen.downs).toHaveLength(1);
  expect(link.view().connected).toBe(false);
  expect(seen.takeOvers).toBe(1);
  expect(seen.logs.some((line) => line.event === 'link.taken-over')).toBe(true);
});

it('rolls over to a new connection while the old one still stands', async () => {
  const { link, seen } = newLink({ times: { drainFromMs: 0 } });
  await c1().until(() => link.view().connected, 'up');
  const old = c1().newest;
  c2().welcomes = false;
  c1().send('drain', { reason: 'deploy', deadlineMs: 1 });
  await c2().untilFrame('hello');
  expect(link.send('probe.ok', { probeId: 'still here' })).toBe(true);
  await c1().untilFrame('probe.ok');
  c2().send('welcome', {
    gatewayId: 'g1',
    heartbeatIntervalMs: 60_000,
    reconnectWindowMs: 0,
    serverTime: Date.now(),
  });
  await old.closed;
  expect(seen.downs).toEqual([]);
  expect(link.view()).toMatchObject({ connected: true, cellId: 'c2', losses: 0, connects: 2 });
});

it('cuts the oldest connection that still closes when one more would be open', async () => {
  const graces: number[][] = [];
  const dial: Dialer = (...args) => {
    const socket = wsDialer(undefined)(...args);
    const own: number[] = [];
    graces.push(own);
    const close: typeof socket.close = (reason, graceMs) => {
      own.push(graceMs);
      socket.close(reason, graceMs);
    };
    return { ...socket, close };
  };
  const { link, seen } = newLink({ times: { drainFromMs: 0 }, dial });
  for (let round = 1; round <= 4; round++) {
    await c1().until(() => seen.ups.length === round, `connection ${round}`);
    cells[(round + 1) % 2]!.send('drain', { reason: 'again', deadlineMs: 1 });
  }
  await c1().until(() => seen.ups.length === 5, 'the last');
  expect(graces).toEqual([[10_000, 0], [10_000, 0], [10_000], [10_000], []]);
  // A stop waits for none of them.
  link.stop();
  expect(graces).toEqual([[10_000, 0], [10_000, 0], [10_000, 0], [10_000, 0], [2_000]]);
});

it('notices a connection whose other end is gone without a word', async () => {
  const { link, seen } = newLink({ times: { pingEveryMs: 50, pongWithinMs: 200 } });
  await c1().until(() => link.view().rttMs !== undefined, 'a pong');
  // The peer's process is there but reads nothing any more, like a firewall that lost its state.
  (c1().newest.socket as unknown as { _socket: { pause(): void } })._socket.pause();
  await c1().until(() => seen.downs.length > 0, 'down');
  expect(seen.downs[0]).toMatch(/half-open/);
});

it('counts the pings that had no answer among the last ones', async () => {
  const { link, seen } = newLink({ times: { pingEveryMs: 20, pongWithinMs: 200 } });
  await c1().until(() => link.view().pingLoss !== undefined, 'enough pongs');
  expect(link.view().pingLoss).toBe(0);
  (c1().newest.socket as unknown as { _socket: { pause(): void } })._socket.pause();
  await c1().until(() => seen.downs.length > 0, 'down');
  expect(link.view().pingLoss).toBeGreaterThan(0);
});

it('says goodbye when it is stopped', async () => {
  const { link } = newLink();
  await c1().until(() => link.view().connected, 'up');
  link.stop();
  await c1().untilFrame('bye');
  await c1().newest.closed;
});

it('never shows its token in the log', async () => {
  c1().refuseWith = 403;
  const { seen } = newLink();
  await c2().untilFrame('hello');
  expect(JSON.stringify(seen.logs)).not.toContain('eyJ');
});

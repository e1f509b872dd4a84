import { silentLog } from '../../core/log.ts';
import { parseDownstream, protocolVersion, type Downstream, type Upstream } from '../../core/messages.ts';
import { newGateway } from '../../core/identity/activation.ts';
import type { Connections } from '../../lambda/aws/connections.ts';
import { submitCommand } from '../../lambda/commands/command-service.ts';
import { forwarding, forwardingModes, type ForwardingMode } from '../../lambda/commands/forwarding.ts';
import { handOver } from '../../lambda/commands/hand-over.ts';
import type { HolderStore } from '../../lambda/commands/ports.ts';
import { takeReport, type Report } from '../../lambda/commands/report.ts';
import { greet } from '../../lambda/connections/greet.ts';
import { IndexedStores, indexedHolders } from './indexed-stores.ts';
import { tenant } from './server.ts';

/** What one command costs from its submit to its stored result, in calls of AWS. */
export interface Calls {
  /** GetItem and Query. */
  reads: number;
  /** PutItem and UpdateItem. */
  writes: number;
  /** PostToConnection. */
  posts: number;
  /** Invocations of cells’ Deliver functions. */
  deliveries: number;
}

const reading = new Set(['get', 'list', 'listOpen', 'listDue']);
const cellCounts = [1, 4, 16, 64];
const epoch = 1_790_000_000_000;
const socket = {
  gatewayId: 'gw-1',
  tenantId: tenant.tenantId,
  epoch,
  keyGeneration: 1,
  connectionId: 'connection-1',
};

/**
 * Sends one command through home to a gateway of the last of `cellCount` cells and lets it succeed, with the real
 * handlers over stores that count.
 */
export async function callsPerCommand(mode: ForwardingMode, cellCount: number): Promise<Calls> {
  const calls: Calls = { reads: 0, writes: 0, posts: 0, deliveries: 0 };
  const stores = new IndexedStores();
  const clock = { now: () => epoch, newId: () => 'id' };
  const posted: Downstream[] = [];
  const connections: Connections = {
    post: async (_connectionId, frame) => {
      calls.posts++;
      const parsed = parseDownstream(frame);
      if (parsed.ok) posted.push(parsed.message);
      return 'sent';
    },
    close: () => Promise.resolve(),
  };
  const rows = new Map<string, HolderStore>();
  for (let i = 1; i <= cellCount; i++) rows.set(`cell-${i}`, counted(indexedHolders(), calls));
  const shared = {
    gateways: counted(stores.gatewayStore(), calls),
    commands: counted(stores.commandStore(), calls),
    audit: counted(stores.auditTrail(), calls),
    clock,
    log: silentLog,
    connections,
    cells: {
      list: () => Promise.resolve([...rows.keys()]),
      deliver: (cellId: string, request: Parameters<typeof handOver>[1]) => {
        calls.deliveries++;
        const holders = rows.get(cellId)!;
        return handOver({ ...shared, holders }, request);
      },
    },
  };
  const cellId = `cell-${cellCount}`;
  const own = { ...shared, cellId, holders: rows.get(cellId)! };
  const code = { codeHash: '', tenantId: tenant.tenantId, createdAt: 0, expiresAt: 0, createdBy: '' };
  stores.gateways.set(socket.gatewayId, { ...newGateway(code, 'key', epoch), gatewayId: socket.gatewayId });
  const times = { heartbeatIntervalMs: 300_000, reconnectWindowMs: 30_000, changeBurst: 10 };
  await greet({ ...own, ...times }, socket, frame('hello', hello));

  Object.assign(calls, { reads: 0, writes: 0, posts: 0, deliveries: 0 });
  const home = { ...shared, cellId: undefined, reach: forwarding(mode, shared) };
  const submit = { kind: 'probe', params: {}, whenOffline: 'queue', idempotencyKey: 'key' } as const;
  const { command } = await submitCommand(home, tenant, socket.gatewayId, submit);
  const { commandId, attempt } = command;
  if (posted.at(-1)?.t !== 'cmd')
    throw new Error(`${mode} with ${cellCount} cells did not reach the gateway`);
  const about = { commandId, attempt };
  await takeReport(own, socket, frame('cmd.ack', { ...about, journalId: hello.journalId }) as Report);
  const outcome = { status: 'SUCCEEDED' as const };
  const result = { ...about, outcome, startedAt: epoch, endedAt: epoch };
  await takeReport(own, socket, frame('cmd.result', result) as Report);
  const { state } = (await stores.commandStore().get(socket.gatewayId, commandId))!;
  if (state !== 'SUCCEEDED') throw new Error(`${mode} with ${cellCount} cells: the command is ${state}`);
  return calls;
}

const hello = { bootId: 'boot', journalId: 'journal', agentVersion: '0.1.0', sentAt: epoch };

function frame<T extends Upstream['t']>(t: T, body: Extract<Upstream, { t: T }>['body']) {
  return { v: protocolVersion, t, id: t, epoch, seq: 1, ts: epoch, body } as Extract<Upstream, { t: T }>;
}

function counted<S extends object>(store: S, calls: Calls): S {
  return new Proxy(store, {
    get: (target, name, receiver) => {
      calls[reading.has(String(name)) ? 'reads' : 'writes']++;
      return Reflect.get(target, name, receiver) as unknown;
    },
  });
}

/** As docs/performance.md has it. */
export async function callsTable(): Promise<string> {
  const rows = [['forwarding', 'cells', 'reads', 'writes', 'posts', 'Deliver calls']];
  for (const mode of forwardingModes)
    for (const cellCount of cellCounts) {
      const { reads, writes, posts, deliveries } = await callsPerCommand(mode, cellCount);
      rows.push([mode, ...[cellCount, reads, writes, posts, deliveries].map(String)]);
    }
  const [head, ...body] = rows.map((row) => `| ${row.join(' | ')} |`);
  return [head, `| --- | ${'---: | '.repeat(5).trim()}`, ...body].join('\n');
}

import { transition } from '../../../core/commands/machine.ts';
import { newCommand } from '../../../core/commands/submission.ts';
import { auditEntry } from '../../../core/audit/entry.ts';
import type { CommandItem, GatewayItem, HolderItem, Route } from '../../../core/model.ts';
import type { AuditItem } from '../../../core/audit/audit-item.ts';
import {
  burnDial,
  countCommand,
  decideHello,
  grantStart,
  holderIs,
  loseRoute,
  maxGrants,
  putHolder,
  releaseGrant,
} from '../../../core/routes/route-rules.ts';
import { dynamoTrail, type AuditTrail } from '../../../lambda/audit/trail.ts';
import { Table } from '../../../lambda/aws/table.ts';
import { auditTable } from '../../../lambda/aws/tables.ts';
import { dynamoCommands, dynamoGateways, dynamoHolders } from '../../../lambda/commands/dynamo-stores.ts';
import type { CommandStore, GatewayStore, HolderStore } from '../../../lambda/commands/ports.ts';
import { collect } from '../../../lambda/aws/collect.ts';
import { startDynamo, type TestDynamo } from '../../support/dynamo.ts';
import { IndexedStores, indexedHolders } from '../../../bench/connections/indexed-stores.ts';
import { memoryHolders, MemoryStores } from '../../support/memory-stores.ts';
import { gatewayItem } from '../../support/gateway-item.ts';

interface Stores {
  gateways: GatewayStore;
  commands: CommandStore;
  holders: HolderStore;
  audit: AuditTrail;
  /** What stands in the trail of a tenant, in order. */
  trail(tenantId: string): Promise<AuditItem[]>;
  seed(gateway: GatewayItem): Promise<void>;
}

let dynamo: TestDynamo;
beforeAll(async () => {
  dynamo = await startDynamo();
});
afterAll(() => dynamo.close());

async function inDynamo(): Promise<Stores> {
  const names = await dynamo.createTables();
  const gateways = new Table<GatewayItem, 'gatewayId'>(names.GATEWAYS_TABLE, ['gatewayId'], dynamo.client);
  const audit = auditTable(names.AUDIT_TABLE, dynamo.client);
  return {
    gateways: dynamoGateways(gateways),
    commands: dynamoCommands(new Table(names.COMMANDS_TABLE, ['gatewayId', 'commandId'], dynamo.client)),
    holders: dynamoHolders(new Table(names.CONNECTIONS_TABLE, ['gatewayId'], dynamo.client)),
    audit: dynamoTrail(audit),
    trail: (tenantId) =>
      collect(audit.query({ key: '#tenantId = :t', values: { ':t': tenantId }, strong: true })),
    seed: async (gateway) => void (await gateways.put(gateway)),
  };
}

const trailOf =
  (entries: ReadonlyMap<string, AuditItem>): Stores['trail'] =>
  (tenantId) =>
    Promise.resolve(
      [...entries.values()]
        .filter((entry) => entry.tenantId === tenantId)
        .sort((a, b) => (a.entryKey < b.entryKey ? -1 : 1)),
    );

function inMemory(): Promise<Stores> {
  const memory = new MemoryStores();
  return Promise.resolve({
    gateways: memory.gatewayStore(),
    commands: memory.commandStore(),
    holders: memoryHolders(),
    audit: memory.auditTrail(),
    trail: trailOf(memory.audit),
    seed: async (gateway) => void memory.gateways.set(gateway.gatewayId, gateway),
  });
}

function inMemoryByIndex(): Promise<Stores> {
  const memory = new IndexedStores();
  return Promise.resolve({
    gateways: memory.gatewayStore(),
    commands: memory.commandStore(),
    holders: indexedHolders(),
    audit: memory.auditTrail(),
    trail: trailOf(memory.audit),
    seed: async (gateway) => void memory.gateways.set(gateway.gatewayId, gateway),
  });
}

const gateway = gatewayItem();
const route = (epoch: number): Route => ({
  epoch,
  connectionId: `c${epoch}`,
  cellId: 'cell-1',
  bootId: 'boot',
  journalId: 'journal',
  connectedAt: 1_000 + epoch,
});
const holder = (epoch: number, connectionId = `c${epoch}`): HolderItem => ({
  gatewayId: 'gw-1',
  connectionId,
  epoch,
  bootId: 'boot',
  journalId: 'journal',
  connectedAt: 1,
  expiresAtSec: 2,
});
const command = (key: string, openSeq: number, at = 1_000): CommandItem =>
  newCommand(
    { kind: 'volume.check', params: { volumeId: 'v1' }, whenOffline: 'queue' },
    {
      gatewayId: 'gw-1',
      tenantId: 'acme',
      idempotencyKey: key,
      openSeq,
      submittedBy: { kind: 'operator', id: 'op' },
      at,
    },
  );

describe.each([
  ['DynamoDB', inDynamo],
  ['memory', inMemory],
  ['memory, by index, for loads', inMemoryByIndex],
])('the stores in %s', (_, make) => {
  let stores: Stores;
  beforeEach(async () => {
    stores = await make();
    await stores.seed(gateway);
  });
  async function hello(epoch: number): Promise<GatewayItem | undefined> {
    const decision = decideHello(await stores.gateways.get('gw-1'), { ...route(epoch), keyGeneration: 1 });
    return decision.accept ? stores.gateways.update('gw-1', decision.update) : undefined;
  }

  it('burn a dialSeq once', async () => {
    expect(await stores.gateways.update('gw-1', burnDial(5, 1))).toMatchObject({ dialSeq: 5 });
    expect(await stores.gateways.update('gw-1', burnDial(5, 1))).toBeUndefined();
    expect(await stores.gateways.update('gw-2', burnDial(5, 1))).toBeUndefined();
  });

  it('route the newest hello, keep the one before it and lose a route with its own connection only', async () => {
    expect(await hello(5)).toMatchObject({ route: route(5), recentHellos: [1_005] });
    expect(await hello(6)).toMatchObject({ route: { epoch: 6 }, previous: { epoch: 5 } });
    expect(await hello(5)).toBeUndefined();
    expect(await stores.gateways.update('gw-1', loseRoute(route(5), 9))).toBeUndefined();
    const lost = await stores.gateways.update('gw-1', loseRoute(route(6), 9));
    expect(lost).toMatchObject({ routeLostAt: 9 });
    expect(lost).not.toHaveProperty('route');
    expect(await hello(7)).not.toHaveProperty('routeLostAt');
  });

  it('refuse the second of two hellos that read the same item', async () => {
    const read = await stores.gateways.get('gw-1');
    const [a, b] = [5, 6].map((epoch) => decideHello(read, { ...route(epoch), keyGeneration: 1 }));
    if (!a?.accept || !b?.accept) throw new Error('refused');
    expect(await stores.gateways.update('gw-1', a.update)).toBeDefined();
    expect(await stores.gateways.update('gw-1', b.update)).toBeUndefined();
  });

  it('grant a start to one journal on the live route, at most eight at once', async () => {
    await hello(5);
    const grant = (id: string, journalId = 'journal', epoch = 5) =>
      stores.gateways.update('gw-1', grantStart(id, journalId, route(epoch)));
    expect(await grant('a')).toMatchObject({ grants: { a: 'journal' } });
    expect(await grant('a')).toBeDefined();
    expect(await grant('b', 'other')).toBeUndefined();
    expect(await grant('b', 'journal', 4)).toBeUndefined();
    for (let i = 1; i < maxGrants; i++) expect(await grant(`g${i}`)).toBeDefined();
    expect(await grant('ninth')).toBeUndefined();
    expect(await stores.gateways.update('gw-1', releaseGrant('a', 'other'))).toBeUndefined();
    expect(await stores.gateways.update('gw-1', releaseGrant('a'))).toBeDefined();
    expect(await grant('ninth')).toBeDefined();
  });

  it('count commands', async () => {
    expect(await stores.gateways.update('gw-1', countCommand('acme'))).toMatchObject({ commandCounter: 1 });
    expect(await stores.gateways.update('gw-1', countCommand('acme'))).toMatchObject({ commandCounter: 2 });
    expect(await stores.gateways.update('gw-1', countCommand('other'))).toBeUndefined();
  });

  it('hold the newest connection of a gateway and release it with its own connection only', async () => {
    const put = (row: HolderItem) => stores.holders.update('gw-1', putHolder(row));
    expect(await put(holder(5))).toEqual(holder(5));
    expect(await put(holder(5))).toEqual(holder(5));
    expect(await put(holder(5, 'other'))).toBeUndefined();
    expect(await put(holder(6))).toEqual(holder(6));
    expect(await put(holder(5))).toBeUndefined();
    expect(await stores.holders.remove('gw-1', holderIs(holder(5)))).toBe(false);
    expect(await stores.holders.get('gw-1')).toEqual(holder(6));
    expect(await stores.holders.remove('gw-1', holderIs(holder(6)))).toBe(true);
    expect(await stores.holders.get('gw-1')).toBeUndefined();
    expect(await stores.holders.remove('gw-1', holderIs(holder(6)))).toBe(false);
  });

  it('create a command once and replace it at the version that was read', async () => {
    const item = command('a', 1);
    expect(await stores.commands.create(item)).toBe(true);
    expect(await stores.commands.create({ ...item, openSeq: 2 })).toBe(false);
    const sent = transition(item, { type: 'claim', at: 1_000, epoch: 5 }).next!;
    expect(await stores.commands.replace(sent)).toBe(true);
    expect(await stores.commands.get('gw-1', item.commandId)).toEqual(sent);
    const other = transition(item, { type: 'claim', at: 1_001, epoch: 6 }).next!;
    expect(await stores.commands.replace(other)).toBe(false);
  });

  it('list open commands in order of submission, and final ones no more', async () => {
    const items = [command('c', 3), command('a', 1), command('b', 2)];
    for (const item of items) await stores.commands.create(item);
    await stores.commands.replace(transition(items[1]!, { type: 'cancel', at: 2_000, by: 'op' }).next!);
    expect((await stores.commands.listOpen('gw-1')).map(({ openSeq }) => openSeq)).toEqual([2, 3]);
    expect(await stores.commands.listOpen('gw-2')).toEqual([]);
  });

  it('list all commands newest first, page by page', async () => {
    for (const at of [1, 3, 2]) await stores.commands.create(command(`at ${at}`, at, at));
    const first = await stores.commands.list('gw-1', { countMax: 2 });
    expect(first.commands.map(({ createdAt }) => createdAt)).toEqual([3, 2]);
    const second = await stores.commands.list('gw-1', { countMax: 2, next: first.next });
    expect(second.commands.map(({ createdAt }) => createdAt)).toEqual([1]);
    expect(second.next).toBeUndefined();
  });

  it('list commands of one millisecond on one page', async () => {
    for (const [key, at] of [
      ['a', 3],
      ['b', 2],
      ['c', 2],
    ] as const)
      await stores.commands.create(command(key, 1, at));
    const first = await stores.commands.list('gw-1', { countMax: 2 });
    expect(first.commands.map(({ createdAt }) => createdAt)).toEqual([3]);
    const second = await stores.commands.list('gw-1', { countMax: 2, next: first.next });
    expect(second.commands.map(({ createdAt }) => createdAt)).toEqual([2, 2]);
  });

  it('list what is due in a shard, soonest first', async () => {
    const items = [command('late', 1, 500_000), command('soon', 2, 1_000), command('first', 3, 10)];
    for (const item of items) await stores.commands.create(item);
    const shard = items[0]!.openShard!;
    const due = await stores.commands.listDue(shard, { at: 100_000, countMax: 10 });
    expect(due.map(({ commandId }) => commandId)).toEqual([items[2]!.commandId, items[1]!.commandId]);
    expect(await stores.commands.listDue(shard, { at: 100_000, countMax: 1 })).toHaveLength(1);
    expect(await stores.commands.listDue('none', { at: 100_000, countMax: 10 })).toEqual([]);
  });

  it('settle a final command as it was read, and no other', async () => {
    const item = command('a', 1);
    await stores.commands.create(item);
    const { next: final } = transition(item, { type: 'cancel', at: 20, by: 'op' });
    await stores.commands.replace(final!);
    await stores.commands.settle(item);
    const shard = item.openShard!;
    expect(await stores.commands.listDue(shard, { at: 1e9, countMax: 9 })).toHaveLength(1);
    await stores.commands.settle(final!);
    expect(await stores.commands.listDue(shard, { at: 1e9, countMax: 9 })).toEqual([]);
    expect(await stores.commands.get('gw-1', item.commandId)).toMatchObject({ state: 'CANCELED' });
  });

  it('keep the same entry once, another of the same moment beside it, and each as it was written', async () => {
    const facts = {
      tenantId: 'acme',
      gatewayId: 'gw-1',
      about: 'r-1',
      at: 5,
      action: 'gateway.revoke',
      step: 'asked',
      actor: { kind: 'operator', id: 'op' },
      subject: {},
    } as const;
    const entry = auditEntry(facts);
    await stores.audit.append(entry);
    await stores.audit.append(entry);
    await stores.audit.append({ ...entry, action: 'forged' });
    const ended = auditEntry({ ...facts, step: 'ended', outcome: { state: 'DONE' } });
    await stores.audit.append(ended);
    expect(await stores.trail('acme')).toEqual([entry, ended]);
  });
});

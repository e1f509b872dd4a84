import { silentLog } from '../../../core/log.ts';
import {
  submitCommand,
  cancelCommand,
  type CommandServiceDeps,
} from '../../../lambda/commands/command-service.ts';
import { sweep } from '../../../lambda/commands/sweep.ts';
import { gatewayItem } from '../../support/gateway-item.ts';
import { MemoryStores } from '../../support/memory-stores.ts';

const gatewayId = 'gw-1';
const caller = { tenantId: 'acme', principal: { kind: 'operator', id: 'op' } } as const;
const probe = { kind: 'probe', params: {}, idempotencyKey: 'k', whenOffline: 'queue' } as const;

let stores: MemoryStores;
let now: number;
beforeEach(() => {
  stores = new MemoryStores();
  now = 1_800_000_000_000;
  stores.gateways.set(gatewayId, gatewayItem({ gatewayId, tenantId: 'acme' }));
});

/** `broken`: what the function dies of, or meets, at its audit write or behind it. */
function deps(broken: Partial<CommandServiceDeps> = {}): CommandServiceDeps {
  return {
    cellId: undefined,
    gateways: stores.gatewayStore(),
    commands: stores.commandStore(),
    audit: stores.auditTrail(),
    clock: { now: () => now, newId: () => 'id' },
    log: silentLog,
    reach: { locate: () => Promise.resolve(undefined), send: () => Promise.resolve('unknown') },
    ...broken,
  };
}
const actions = () => [...stores.audit.values()].map(({ action, outcome }) => `${action} ${outcome?.state}`);
const dead = () => new Promise<never>(() => undefined);
const away = () => Promise.reject(new Error('the table is away'));
/** Everything here is done in microtasks, and few. */
async function until(isSo: () => boolean): Promise<void> {
  for (let turns = 0; !isSo(); turns++) {
    if (turns > 1_000) throw new Error('it does not come');
    await Promise.resolve();
  }
}
async function sweptAfter(ms: number): Promise<void> {
  now += ms;
  await sweep(deps(), Infinity);
}

async function submitted(): Promise<string> {
  return (await submitCommand(deps(), caller, gatewayId, probe)).command.commandId;
}
const isSettled = (commandId: string): boolean =>
  stores.commands.get(`${gatewayId}/${commandId}`)!.openShard === undefined;

describe('a command’s trail', () => {
  it('is its submit and its end, each once, and the sweeper has nothing left to do', async () => {
    const commandId = await submitted();
    now += 1;
    await submitCommand(deps(), caller, gatewayId, probe);
    await cancelCommand(deps(), caller, gatewayId, commandId);
    expect(actions()).toEqual(['command.submit SUBMITTED', 'command.final CANCELED']);
    expect(isSettled(commandId)).toBe(true);
    await sweptAfter(3_600_000);
    expect(actions()).toHaveLength(2);
  });

  it('comes first: a command that cannot be put on record is not stored', async () => {
    const shut = deps({ audit: { append: away } });
    await expect(submitCommand(shut, caller, gatewayId, probe)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
    expect(stores.commands.size).toBe(0);
  });

  it('takes the end from the sweeper where a function died right behind the final write', async () => {
    const commandId = await submitted();
    const dying = deps({ audit: { append: dead } });
    void cancelCommand(dying, caller, gatewayId, commandId);
    await until(() => stores.commands.get(`${gatewayId}/${commandId}`)!.state === 'CANCELED');
    expect(actions()).toEqual(['command.submit SUBMITTED']);
    await sweptAfter(60_000);
    expect(actions()).toEqual(['command.submit SUBMITTED', 'command.final CANCELED']);
    expect(isSettled(commandId)).toBe(true);
  });

  it('has the end once where a function died between the entry and the command’s settling', async () => {
    const commandId = await submitted();
    const dying = deps({ commands: { ...stores.commandStore(), settle: dead } });
    void cancelCommand(dying, caller, gatewayId, commandId);
    await until(() => stores.audit.size === 2);
    await sweptAfter(60_000);
    expect(actions()).toEqual(['command.submit SUBMITTED', 'command.final CANCELED']);
    expect(isSettled(commandId)).toBe(true);
  });

  it('does not hold up an answer while it cannot be written, and has the end later', async () => {
    const commandId = await submitted();
    const shut = deps({ audit: { append: away } });
    const { command } = await cancelCommand(shut, caller, gatewayId, commandId);
    expect(command.state).toBe('CANCELED');
    await sweptAfter(60_000);
    expect(actions()).toContain('command.final CANCELED');
  });

  it('says that it expired', async () => {
    const commandId = await submitted();
    await sweptAfter(25 * 3_600_000);
    expect(actions()).toEqual(['command.submit SUBMITTED', 'command.final EXPIRED']);
    expect(isSettled(commandId)).toBe(true);
  });
});

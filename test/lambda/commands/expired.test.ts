import { silentLog } from '../../../core/log.ts';
import {
  cancelCommand,
  getCommand,
  listCommands,
  submitCommand,
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
let commandId: string;
let expiresAt: number;
beforeEach(async () => {
  stores = new MemoryStores();
  now = 1_800_000_000_000;
  stores.gateways.set(gatewayId, gatewayItem({ gatewayId, tenantId: 'acme' }));
  ({ commandId, expiresAt } = (await submitCommand(deps(), caller, gatewayId, probe)).command);
});

const deps = (): CommandServiceDeps => ({
  cellId: undefined,
  gateways: stores.gatewayStore(),
  commands: stores.commandStore(),
  audit: stores.auditTrail(),
  clock: { now: () => now, newId: () => 'id' },
  log: silentLog,
  reach: { locate: () => Promise.resolve(undefined), send: () => Promise.resolve('unknown') },
});
const stored = () => stores.commands.get(`${gatewayId}/${commandId}`)!;

/** As each route that shows it does. */
async function shown() {
  const [listed] = (await listCommands(deps(), caller, gatewayId)).commands;
  const { command } = await getCommand(deps(), caller, gatewayId, commandId);
  const again = (await submitCommand(deps(), caller, gatewayId, probe)).command;
  expect([listed?.state, again.state]).toEqual([command.state, command.state]);
  return command;
}

describe('a command that no gateway was asked for in time', () => {
  it('is shown EXPIRED before the sweeper has written it, and as that after it', async () => {
    now = expiresAt - 1;
    expect(await shown()).toMatchObject({ state: 'QUEUED' });
    now = expiresAt + 5_000;
    expect(await shown()).toMatchObject({ state: 'EXPIRED', endedAt: expiresAt });
    expect(stored()).toMatchObject({ state: 'QUEUED' });
    await sweep(deps(), Infinity);
    expect(stored()).toMatchObject({ state: 'EXPIRED', endedAt: expiresAt });
    expect(await shown()).toMatchObject({ state: 'EXPIRED', endedAt: expiresAt });
  });

  it('cannot be canceled any more, and its end is on record as that', async () => {
    now = expiresAt + 5_000;
    await expect(cancelCommand(deps(), caller, gatewayId, commandId)).rejects.toMatchObject({
      code: 'CONFLICT',
      message: `command ${commandId} is EXPIRED`,
    });
    const ends = [...stores.audit.values()].filter(({ action }) => action === 'command.final');
    expect(ends.map(({ outcome }) => outcome?.state)).toEqual(['EXPIRED']);
  });
});

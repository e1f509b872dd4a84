import { newCommand } from '../../../core/commands/submission.ts';
import type { CommandItem } from '../../../core/model.ts';
import { linkBundle, type LinkDeps } from '../../../lambda/diagnostics/link-bundle.ts';
import { gatewayItem } from '../../support/gateway-item.ts';
import { MemoryStores } from '../../support/memory-stores.ts';

const now = 1_800_000_000_000;
const gatewayId = 'gw-1';
const principal = { kind: 'operator', id: 'op' } as const;
let stores: MemoryStores;
let signed: string[];

beforeEach(() => {
  stores = new MemoryStores();
  signed = [];
  stores.gateways.set(gatewayId, gatewayItem());
});

function command(changed: Partial<CommandItem>): string {
  const queued = newCommand(
    { kind: changed.kind ?? 'diagnostics.collect', params: {}, whenOffline: 'queue' },
    { gatewayId, tenantId: 'acme', idempotencyKey: 'k', openSeq: 1, submittedBy: principal, at: now },
  );
  stores.commands.set(`${gatewayId}/${queued.commandId}`, { ...queued, ...changed });
  return queued.commandId;
}
function link(commandId: string, tenantId = 'acme') {
  const deps: LinkDeps = {
    gateways: stores.gatewayStore(),
    commands: stores.commandStore(),
    clock: { now: () => now, newId: () => 'id' },
    log: () => undefined,
    sign: (key, { at, expiresInSec }) => {
      signed.push(key);
      return Promise.resolve(new URL(`https://s3.test/${key}?at=${at.getTime()}&for=${expiresInSec}`));
    },
  };
  return linkBundle(deps, { principal, tenantId }, gatewayId, commandId);
}
/** Of a gateway that says that its bundle is somebody else's. */
const lying = { status: 'SUCCEEDED', output: { key: 'other/gw-2/v1/root' } } as const;

it('leads to the object that the command’s ids name for five minutes, whatever the gateway says', async () => {
  const commandId = command({ state: 'SUCCEEDED', endedAt: now, outcome: lying });
  expect(await link(commandId)).toEqual({
    url: `https://s3.test/diagnostics/acme/gw-1/${commandId}.json.gz?at=${now}&for=300`,
    expiresAt: now + 300_000,
  });
});

it.each([
  ['of another tenant', { state: 'SUCCEEDED', endedAt: now }, 'other', 'NOT_FOUND'],
  ['that has not ended', { state: 'RUNNING' }, 'acme', 'CONFLICT'],
  ['that failed', { state: 'FAILED', endedAt: now }, 'acme', 'CONFLICT'],
  ['of another kind', { kind: 'probe', state: 'SUCCEEDED', endedAt: now }, 'acme', 'INVALID_INPUT'],
  ['whose bundle has expired', { state: 'SUCCEEDED', endedAt: now - 30 * 86_400_000 }, 'acme', 'GONE'],
] as const)('is not given for a command %s', async (_, changed, tenantId, code) => {
  await expect(link(command(changed), tenantId)).rejects.toMatchObject({ code });
  expect(signed).toEqual([]);
});

it('is not given for a command that is not there', async () => {
  await expect(link('c-none')).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

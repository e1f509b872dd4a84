import { auditEntry } from '../../../core/audit/entry.ts';
import { listAudit } from '../../../lambda/audit/show-audit.ts';
import { activate, createActivationCode } from '../../../lambda/api/activate-gateway.ts';
import { startDynamo, type TestDynamo } from '../../support/dynamo.ts';
import {
  activationBody,
  apiFixture,
  newAgentKey,
  publicRequest,
  request,
  type ApiFixture,
} from '../api/api-fixture.ts';

let dynamo: TestDynamo;
let api: ApiFixture;
beforeAll(async () => void (dynamo = await startDynamo()));
afterAll(() => dynamo.close());
beforeEach(async () => void (api = await apiFixture(dynamo)));

/** One change of a tenant at a time, both its steps. */
async function changed(tenantId: string, at: number, gatewayId?: string): Promise<void> {
  const facts = { tenantId, gatewayId, about: `r-${at}`, at, action: 'x', actor: { kind: 'operator', id: 'op' }, subject: {} } as const; // prettier-ignore
  await api.audit.append(auditEntry({ ...facts, step: 'asked' }));
  await api.audit.append(auditEntry({ ...facts, step: 'ended', outcome: { state: 'DONE' } }));
}
const list = (query: Record<string, string> = {}, tenantId = 'acme') =>
  listAudit(api, request(tenantId, { query }));
const times = async (query: Record<string, string> = {}, tenantId = 'acme') =>
  (await list(query, tenantId)).entries.map(({ at }) => at);

it('lists a tenant’s changes, newest first, from and to a time, both included', async () => {
  for (const at of [1, 20, 300]) await changed('acme', at);
  await changed('other', 7);
  expect(await times()).toEqual([300, 20, 1]);
  expect(await times({ from: '20', to: '20' })).toEqual([20]);
  expect(await times({}, 'other')).toEqual([7]);
});

it('lists what is about one gateway, and nothing that another tenant wrote about it', async () => {
  await changed('acme', 1, 'gw-1');
  await changed('acme', 2, 'gw-2');
  await changed('eve', 3, 'gw-1');
  expect(await times({ gateway: 'gw-1' })).toEqual([1]);
});

it.each<Record<string, string>>([{}, { gateway: 'gw-1' }])(
  'goes through all pages and shows each change once: %j',
  async (query) => {
    // Pages hold whole entries: with one single one before them, changes lie across their ends.
    const { tenantId, at, ...facts } = { tenantId: 'acme', gatewayId: 'gw-1', about: 'r', at: 999, action: 'x', actor: { kind: 'operator', id: 'op' }, subject: {} } as const; // prettier-ignore
    await api.audit.append(auditEntry({ ...facts, tenantId, at, step: 'ended', outcome: { state: 'DONE' } }));
    for (let at = 1; at <= 120; at++) await changed('acme', at, 'gw-1');
    const seen: number[] = [];
    let next: string | undefined;
    do {
      const page = await list({ ...query, ...(next ? { next } : {}) });
      seen.push(...page.entries.map(({ at }) => at));
      next = page.next;
    } while (next);
    expect(seen).toEqual([999, ...Array.from({ length: 120 }, (_, i) => 120 - i)]);
  },
);

it.each<Record<string, string>>([{ from: 'yesterday' }, { to: '-1' }, { next: 'x' }])(
  'refuses %j',
  async (query) => {
    await expect(list(query)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  },
);

it('has a gateway’s activation once, however often its agent repeats the request', async () => {
  const { code } = await createActivationCode(api, request('acme', { body: {} }));
  const body = activationBody(code, newAgentKey());
  const { gatewayId } = await activate(api, publicRequest(body));
  api.at += 1_000;
  await activate(api, publicRequest(body));
  const { entries } = await list({ gateway: gatewayId });
  expect(entries).toMatchObject([
    { action: 'gateway.activate', gatewayId, actor: { kind: 'gateway' }, outcome: { state: 'DONE' } },
  ]);
  expect(JSON.stringify(entries)).not.toContain(code);
});

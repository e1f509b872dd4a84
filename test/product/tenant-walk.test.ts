import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { ApiClient } from '../../cli/api-client.ts';
import { requests } from '../../core/api.ts';
import {
  apiRoutes,
  fillPath,
  operatorBase,
  operatorRoutes,
  tenantBase,
  type ApiRoute,
} from '../../core/api-routes.ts';
import { openShardOf } from '../../core/alerts/alert-key.ts';
import { tokenItem } from '../../core/identity/access-tokens.ts';
import { newToken, newTokenId } from '../../core/identity/secrets.ts';
import type { AuditItem } from '../../core/audit/audit-item.ts';
import { rollupItem } from '../../core/rollups/rollup-item.ts';
import { rollupStart } from '../../core/rollups/rollup.ts';
import type { AwsKeys } from '../../core/sigv4.ts';
import {
  alertsTable,
  deadLettersTable,
  rollupsTable,
  subscriptionsTable,
  tokensTable,
} from '../../lambda/aws/tables.ts';
import { randomBytes } from 'node:crypto';
import { knock, signedHeaders, type Heard, type Knock } from '../support/door.ts';
import { firingAlert } from '../support/firing-alert.ts';
import { startLocalCloud, type TestCloud } from '../support/local-cloud.ts';
import { operatorApi } from '../support/operator-api.ts';
import { localTables, type LocalTables } from '../support/local-tables.ts';
import { activateGateway, connect, type TestConnection } from '../support/test-gateway.ts';

/**
 * Every route of every API, as the tables of the code name them, walked by everybody who must not get in: whatever
 * belongs to the tenant “acme” can neither be seen, nor changed, nor told from what does not exist. A route that is
 * added to a table is walked from then on; one that the walk cannot fill fails it.
 */
const theirs = 'acme';
let cloud: TestCloud;
let tables: LocalTables;
let connection: TestConnection;
/** Name of a path parameter → what is acme's, what nobody has, and what the caller's own tenant has. */
let ids: Record<string, Record<Side, string>>;
/** What acme's answers hold and no one else's may. */
let secrets: string[];
let queueUrl: string;
let callers: Caller[];
let ownReader: Caller;
let other: Caller;

type Side = 'theirs' | 'nobodys' | 'own';
interface Caller {
  name: string;
  /** Whose routes it knocks at. */
  base: 'tenant' | 'operator';
  /** What an operator names in the path. */
  tenantId?: string;
  headers(door: string, request: Knock): Record<string, string> | Promise<Record<string, string>>;
  /** The only answer that it ever gets; without it: what fits the other tenant itself. */
  always?: number;
}

const bearer = (token: string) => () => ({ authorization: `Bearer ${token}` });
const signedBy = (keys: AwsKeys) => (door: string, request: Knock) =>
  signedHeaders(door, request, keys, cloud.region);
const door = (stack: string): string => cloud.urls[`holdfast-${stack}`]!['ApiUrl']!;
/** One that nobody has, beside it in every order. */
const neighbour = (id: string): string => id.slice(0, -1) + (id.endsWith('0') ? '1' : '0');
const apiOf = (tenantId: string): ApiClient => operatorApi(cloud, tenantId);

beforeAll(async () => {
  // The schedules would change what is compared.
  cloud = await startLocalCloud({ scheduleScale: 0.01 });
  tables = localTables(cloud);
  queueUrl = await alertQueue('holdfast-alerts-acme_of-the-first');
  const first = await furnish(theirs, { name: 'Strongroom', echo: 'whispered', subscriptionId: 'sub-first' });
  const second = await furnish('other', { name: 'Shed', echo: 'shouted', subscriptionId: 'sub-second' });
  ids = Object.fromEntries(
    Object.keys(first.ids).map((param) => [
      param,
      { theirs: first.ids[param]!, nobodys: neighbour(first.ids[param]!), own: second.ids[param]! },
    ]),
  );
  ids['conditionId'] = { theirs: 'MemoryHigh', nobodys: 'DiskHot', own: 'FsFull' };
  secrets = [...Object.values(first.ids), 'Strongroom', 'whispered', 'of-the-first', '0.98765', '0.87654'];
  connection = await connect(first.gateway, 'cell-2', 'journal-of-the-first');
  callers = [
    { name: 'the other tenant’s admin', base: 'tenant', headers: bearer(second.admin) },
    { name: 'the other tenant’s reader', base: 'tenant', headers: bearer(second.reader) },
    {
      name: 'an operator on behalf of the other tenant',
      base: 'operator',
      tenantId: 'other',
      headers: signedBy(cloud.operatorCredentials),
    },
    {
      name: 'an operator on behalf of no tenant',
      base: 'operator',
      tenantId: 'Nobody*',
      headers: signedBy(cloud.operatorCredentials),
      always: 400,
    },
    ...shutOut(second.admin, first.deleted, await expiredToken()),
  ];
  other = callers[0]!;
  ownReader = { name: 'acme’s own reader', base: 'tenant', headers: bearer(first.reader) };
}, 180_000);
afterAll(async () => {
  connection?.close();
  tables?.close();
  await cloud?.stop();
});

/** Who carries nothing that lets anybody in, however it is worded. */
function shutOut(admin: string, deleted: string, expired: string): Caller[] {
  const refused = (
    name: string,
    base: Caller['base'],
    always: number,
    headers: Caller['headers'],
  ): Caller => ({
    name,
    base,
    tenantId: theirs,
    always,
    headers,
  });
  return [
    refused('a caller without a token', 'tenant', 401, () => ({})),
    refused('a caller with half a token', 'tenant', 403, bearer(admin.slice(0, -1))),
    refused('a caller with a token of another scheme', 'tenant', 403, () => ({ authorization: admin })),
    refused('a caller with a deleted token', 'tenant', 403, bearer(deleted)),
    refused('a caller with an expired token', 'tenant', 403, bearer(expired)),
    refused('an operator at the tenants’ door', 'tenant', 403, signedBy(cloud.operatorCredentials)),
    refused('a caller without a signature', 'operator', 403, () => ({})),
    refused('a tenant’s admin at the operators’ door', 'operator', 403, bearer(admin)),
    refused('an IAM user who may not call the API', 'operator', 403, signedBy(cloud.storageCredentials)),
  ];
}

async function alertQueue(QueueName: string): Promise<string> {
  const endpoint = cloud.endpoints['holdfast-home']!;
  const sqs = new SQSClient({ endpoint, region: cloud.region, credentials: cloud.rootCredentials });
  const { QueueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName }));
  sqs.destroy();
  return new URL(new URL(QueueUrl).pathname, endpoint).href;
}

/** A tenant that has one of everything. */
async function furnish(tenantId: string, named: { name: string; echo: string; subscriptionId: string }) {
  const api = apiOf(tenantId);
  const { name, echo, subscriptionId } = named;
  const { code } = await api.call('createActivationCode', { body: { gatewayName: name } });
  const gateway = await activateGateway(door('home'), code);
  const { gatewayId } = gateway;
  const body = { kind: 'probe', params: { echo }, idempotencyKey: 'the-same-key' };
  const { command } = await api.call('submitCommand', { params: { gatewayId }, body });
  const { bulk } = await api.call('createBulkSend', { body: { ...body, gatewayIds: [gatewayId] } });
  const params = { subscriptionId };
  if (tenantId === theirs) {
    await subscribe(api, params);
    await remember(gatewayId, 0.87654);
    await api.call('putCondition', { params: { conditionId: 'MemoryHigh' }, body: { raiseAt: 0.98765 } });
  }
  const [admin, reader, deleted] = await Promise.all(
    (['tenant-admin', 'tenant-read', 'tenant-admin'] as const).map((role) =>
      api.call('createToken', { body: { role, description: name } }),
    ),
  );
  await api.call('deleteToken', { params: { tokenId: deleted!.tokenId } });
  const alertKey = await alertOf(tenantId, gatewayId, name);
  const { silence } = await api.call('createSilence', { body: { gatewayId, why: name, forMs: 86_400_000 } });
  return {
    gateway,
    admin: admin!.token,
    reader: reader!.token,
    deleted: deleted!.token,
    ids: {
      gatewayId,
      commandId: command.commandId,
      bulkId: bulk.bulkId,
      alertKey,
      silenceId: silence.silenceId,
      subscriptionId,
      tokenId: admin!.tokenId,
    } as Record<string, string>,
  };
}

/** With a webhook’s secret and a dead letter, which only its own tenant may see anything of. */
async function subscribe(api: ApiClient, params: { subscriptionId: string }): Promise<void> {
  await api.call('putSubscription', { params, body: { kind: 'sqs', queueUrl } });
  const items = subscriptionsTable(tables.named('Subscriptions'), tables.client);
  const item = (await items.get({ tenantId: theirs, ...params }))!;
  await items.put({ ...item, state: 'confirmed', secrets: [{ sealed: 'of-the-first', createdAt: 1 }] });
  const { alertKey, ...alert } = firingAlert({ tenantId: theirs, gatewayId: 'gw-1', summary: 'Strongroom' });
  const { conditionId, component, severity, summary } = alert;
  const event = { eventId: `${alertKey}#1#1`, type: 'firing' as const, alertKey, episode: 1, seq: 1, at: 1 };
  await deadLettersTable(tables.named('DeadLetters'), tables.client).put({
    deliveryKey: item.deliveryKey!,
    letterId: `${'1'.padStart(15, '0')}.${event.eventId}`,
    event: { ...event, tenantId: theirs, gatewayId: 'gw-1', conditionId, component, severity, summary },
    givenUpAt: 1,
    reason: 'of-the-first',
    expiresAtSec: 2_000_000_000,
  });
}

/** A past, which only its own tenant may see anything of. */
async function remember(gatewayId: string, value: number): Promise<void> {
  const startsAt = rollupStart('half-hour', Date.now());
  const item = rollupItem(gatewayId, { kind: 'half-hour', startsAt, counts: [1], signals: {} });
  await rollupsTable(tables.named('Rollups'), tables.client).put({
    ...item,
    signals: { cu: [value, value, value] },
  });
}

async function alertOf(tenantId: string, gatewayId: string, summary: string): Promise<string> {
  const item = firingAlert({ tenantId, gatewayId, summary });
  await alertsTable(tables.named('Alerts'), tables.client).put(item);
  return item.alertKey;
}

async function expiredToken(): Promise<string> {
  const token = newToken(randomBytes);
  const wanted = { tenantId: theirs, role: 'tenant-admin' as const, ttlMs: 60_000 };
  const item = tokenItem(token, newTokenId(randomBytes), wanted, Date.now() - 120_000);
  await tokensTable(tables.named('Tokens'), tables.client).put(item);
  return token;
}

/** A condition is nobody's own; what a tenant sets of it is. */
const isNobodys = (param: string): boolean => param === 'conditionId';

interface NamedRoute extends ApiRoute {
  name: string;
}
const routes = Object.entries(apiRoutes).map(([name, route]): NamedRoute => ({ ...route, name }));
const walked = routes.filter(({ role }) => role !== 'public');
const paramsOf = ({ path }: { path: string }): string[] =>
  [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
const servedAt = (stack: string): NamedRoute[] =>
  walked.filter(({ alsoInCells }) => stack === 'home' || alsoInCells);

/** What to send to a route that takes a body; each names what is acme's wherever a body can. */
const bodies: Record<string, () => object> = {
  createActivationCode: () => ({ gatewayName: 'new' }),
  renameGateway: () => ({ name: 'taken over' }),
  labelGateway: () => ({ site: 'Oslo' }),
  putConfiguration: () => ({ configuration: { logLevel: 'debug' } }),
  watchGateway: () => ({}),
  escalateAlert: () => ({ episode: 1, reason: 'guessed' }),
  submitCommand: () => ({
    kind: 'probe',
    idempotencyKey: 'the-same-key',
    cause: { alertKey: ids['alertKey']!.theirs, episode: 1 },
  }),
  // Not acme's gateway by its id: that would be an item of the caller's that names it.
  createBulkSend: () => ({ kind: 'probe', all: true, idempotencyKey: 'of-the-walk' }),
  putCondition: () => ({ severity: 'info' }),
  ackAlert: () => ({ why: 'it was quiet' }),
  unackAlert: () => ({}),
  // Not acme's gateway by its id: that would be an item of the caller's that names it.
  createSilence: () => ({ all: true, why: 'it was loud', forMs: 60_000 }),
  putSubscription: () => ({ kind: 'sqs', queueUrl }),
  confirmSubscription: () => ({ challenge: 'hfc_guessed' }),
  testSubscription: () => ({}),
  rotateSecret: () => ({}),
  redeliver: () => ({}),
  createToken: () => ({ role: 'tenant-admin' }),
};
/** What lists of acme could have answered as `next`, and the like of what nobody's could. */
const cursors = (side: Side): string[] => {
  const { gatewayId, commandId, alertKey, bulkId } = ids;
  const at = String(Date.now() + 60_000);
  const key = alertKey![side];
  return [
    gatewayId![side],
    commandId![side],
    at,
    `${at}.${key}`,
    `${at}.${bulkId![side]}`,
    `${openShardOf(alertKey!.theirs)}.${key}`,
    `${'0'.repeat(15)}.${key}#1#1`,
  ];
};

function filled(route: NamedRoute, caller: Caller, side: Side, more: Partial<Knock> = {}): Knock {
  for (const param of paramsOf(route))
    if (!ids[param])
      throw new Error(`tell the walk whose ${param} is whose: ${route.name} has it in its path`);
  if (Object.hasOwn(requests, route.name) && !bodies[route.name])
    throw new Error(`tell the walk what to send to ${route.name}`);
  const values = Object.fromEntries(Object.entries(ids).map(([param, of]) => [param, of[side]]));
  const base = caller.base === 'tenant' ? tenantBase : operatorBase;
  const path = fillPath(`${base}${route.path}`, { ...values, tenantId: caller.tenantId ?? '' });
  return { method: route.method, path, body: bodies[route.name]?.(), ...more };
}

async function ask(stack: string, caller: Caller, request: Knock): Promise<Heard> {
  const at = door(stack);
  return knock(at, { ...request, headers: { ...request.headers, ...(await caller.headers(at, request)) } });
}

/** An answer without what the request itself said, and without the clock. */
function comparable({ status, text }: Heard, side: Side): string {
  const said = Object.entries(ids).flatMap(([param, of]) => (isNobodys(param) ? [] : [of[side]]));
  return said.reduce((rest, id) => rest.replaceAll(id, 'ID'), `${status} ${text}`).replace(/\d{13}/g, 'TIME');
}
/** What of acme's an answer shows. */
const shown = ({ text }: Heard, request: Knock): string[] =>
  secrets.filter((secret) => text.includes(secret) && !JSON.stringify(request).includes(secret));

/** Every item that is acme's, in every table. */
async function acmesItems(): Promise<Record<string, string[]>> {
  const all = await tables.everything();
  // The trail grows by what was refused: to acme's own people in acme's, to everybody else in their own.
  const isOnRecord = (item: string) => {
    const { tenantId, outcome } = JSON.parse(item) as AuditItem;
    return tenantId === theirs && outcome?.state !== 'REFUSED';
  };
  const isTheirs = (item: string) =>
    item.includes(`"tenantId":"${theirs}"`) || item.includes(ids['gatewayId']!.theirs);
  return Object.fromEntries(
    Object.entries(all).map(([table, items]) => [
      table,
      items.filter(table.includes('/TablesAudit') ? isOnRecord : isTheirs),
    ]),
  );
}
/** Runs the walk and holds it to having changed nothing of acme's. */
async function withoutTrace(walk: () => Promise<void>): Promise<void> {
  const before = await acmesItems();
  await walk();
  expect(await acmesItems()).toEqual(before);
  expect(connection.pending('cmd')).toEqual([]);
}

it('knows how to fill every route that there is', () => {
  for (const route of walked) filled(route, other, 'theirs');
  expect(Object.keys(bodies).filter((name) => !Object.hasOwn(requests, name))).toEqual([]);
});

it('lets nobody see, change, or tell from what does not exist, what is another tenant’s', async () => {
  // The first connection took the command that waited.
  await connection.next('cmd');
  await withoutTrace(async () => {
    for (const caller of callers)
      for (const stack of ['home', 'cell-1', 'cell-2'])
        for (const route of servedAt(stack)) await walk(caller, stack, route);
  });
}, 300_000);

/** Of acme's secrets, those that somebody guessed and asked for by name. */
const spoken = new Set<string>();

async function walk(caller: Caller, stack: string, route: NamedRoute): Promise<void> {
  const of = { caller: caller.name, stack, route: route.name };
  const heard = async (side: Side, more: Partial<Knock> = {}) => {
    const request = filled(route, caller, side, more);
    for (const secret of secrets) if (JSON.stringify(request).includes(secret)) spoken.add(secret);
    const answer = await ask(stack, caller, request);
    // In its own trail a tenant finds what it named itself.
    const known = route.name === 'listAudit' ? { ...request, body: [...spoken] } : request;
    expect({ ...of, request, shown: shown(answer, known) }).toEqual({ ...of, request, shown: [] });
    expect({ ...of, status: answer.status, ok: answer.status < 500 }).toMatchObject({ ok: true });
    if (caller.always) expect({ ...of, status: answer.status }).toEqual({ ...of, status: caller.always });
    return comparable(answer, side);
  };
  const mine = await heard('theirs');
  const isAboutOne = !paramsOf(route).every(isNobodys);
  if (isAboutOne) expect({ ...of, answer: mine }).toEqual({ ...of, answer: await heard('nobodys') });
  if (caller.name.includes('reader') && route.role === 'tenant-admin') expect(mine).toMatch(/^403 /);
  if (route.method !== 'GET') return;
  for (const [index, next] of cursors('theirs').entries()) {
    const one = await heard('theirs', { query: { next } });
    const another = await heard('nobodys', { query: { next: cursors('nobodys')[index]! } });
    expect({ ...of, next, answer: one }).toEqual({ ...of, next, answer: another });
    if (isAboutOne) await heard('own', { query: { next } });
  }
}

it('shows a tenant its own gateway’s past, which the walk would have found elsewhere', async () => {
  const route = routes.find(({ name }) => name === 'getHistory')!;
  const { status, text } = await ask('home', ownReader, filled(route, ownReader, 'theirs'));
  expect({ status, isThere: text.includes('0.87654') }).toEqual({ status: 200, isThere: true });
});

it('takes no change from a reader, its own tenant’s neither', async () => {
  // A reader may watch: nothing of it is stored, and it ends by itself.
  const changing = walked.filter(
    ({ name, method, role }) => name !== 'watchGateway' && (method !== 'GET' || role !== 'tenant-read'),
  );
  await withoutTrace(async () => {
    for (const route of changing) {
      const { status, text } = await ask('home', ownReader, filled(route, ownReader, 'theirs'));
      expect({ route: route.name, status, text }).toMatchObject({
        status: 403,
        text: expect.stringContaining('tenant-admin') as string,
      });
    }
  });
});

it('gives the fleet to operators alone', async () => {
  const tenants = callers.filter(({ name }) => name.startsWith('the other tenant’s'));
  const strangers = callers.filter(({ base, always }) => base === 'operator' && always === 403);
  for (const { method, path } of Object.values(operatorRoutes))
    for (const caller of [...tenants, ...strangers, ownReader]) {
      const request = { method, path };
      const answer = await ask('home', caller, request);
      expect({ path, by: caller.name, status: answer.status, shown: shown(answer, request) }).toEqual({
        path,
        by: caller.name,
        status: 403,
        shown: [],
      });
    }
});

it('gives the same idempotency key to two tenants as two commands', async () => {
  await withoutTrace(async () => {
    const submit = routes.find(({ name }) => name === 'submitCommand')!;
    const { status, text } = await ask('home', other, filled(submit, other, 'own'));
    expect({ status, text }).toMatchObject({ status: 409 });
    const fresh = { kind: 'probe', params: { echo: 'shouted' }, idempotencyKey: 'the-same-key' };
    const again = await ask('home', other, filled(submit, other, 'own', { body: fresh }));
    const { command } = JSON.parse(again.text) as { command: { commandId: string; tenantId: string } };
    expect(command).toMatchObject({ tenantId: 'other', commandId: ids['commandId']!.own });
  });
});

it('does not serve in a cell what is home’s', async () => {
  for (const route of walked.filter(({ alsoInCells }) => !alsoInCells))
    for (const stack of ['cell-1', 'cell-2'])
      expect({
        route: route.name,
        stack,
        ...(await ask(stack, other, filled(route, other, 'own'))),
      }).toMatchObject({
        status: 404,
      });
});

describe('an id', () => {
  const odd = (id: string): string[] => [
    '..',
    '.',
    '%2e%2e',
    '%2e%2e%2f' + id,
    '*',
    '%2a',
    '%25',
    '%00',
    `${id}%00`,
    `${id}%20`,
    `%20${id}`,
    `${id}%2f..%2f${id}`,
    id.toUpperCase(),
    '__proto__',
    'constructor',
    '%7BgatewayId%7D',
    "'%20OR%20'1'='1",
    '%F0%9F%97%9D',
    '%E0%A4%A',
    '%ED%A0%80',
    'x'.repeat(129),
    '-1',
    'undefined',
  ];

  it('that is odd is no way to another tenant’s, nor to an error inside', async () => {
    await withoutTrace(async () => {
      for (const route of walked)
        for (const [place, param] of paramsOf(route).entries())
          for (const value of odd(ids[param]!.theirs)) await knockOddly(route, place, value);
    });
  }, 120_000);

  async function knockOddly(route: NamedRoute, place: number, value: string): Promise<void> {
    let seen = -1;
    const path = `${tenantBase}${route.path}`.replace(/\{(\w+)\}/g, (_, param: string) =>
      (seen += 1) === place ? value : encodeURIComponent(ids[param]!.own),
    );
    const request = { method: route.method, path, body: bodies[route.name]?.() };
    const answer = await ask('home', other, request);
    expect({ path, status: answer.status, shown: shown(answer, request) }).toMatchObject({ shown: [] });
    // A subscription’s name is the tenant’s to choose: one of its own may well be called `constructor`.
    const refused = route.path.includes('{subscriptionId}') ? [200, 400, 403, 404] : [400, 404];
    expect({ path, refused, status: answer.status }).toEqual({
      path,
      refused,
      status: refused.find((status) => status === answer.status),
    });
  }
});

it('opens to nobody who guesses an activation code', async () => {
  await withoutTrace(async () => {
    for (const [name, { method, path }] of Object.entries(apiRoutes)) {
      if (apiRoutes[name as keyof typeof apiRoutes].role !== 'public') continue;
      const body = {
        code: `hfa_${'0'.repeat(32)}`,
        publicKey: 'A'.repeat(43),
        proof: 'A'.repeat(86),
        agentVersion: '1',
      };
      const answer = await knock(door('home'), { method, path: `${tenantBase}${path}`, body });
      expect({ name, status: answer.status }).toEqual({ name, status: 401 });
    }
  });
});

import { newCommand } from '../../../core/commands/submission.ts';
import { silentLog } from '../../../core/log.ts';
import type { Route } from '../../../core/model.ts';
import type { DeliverOutcome, Draft } from '../../../core/routes/frames.ts';
import { deliverOpen, reconcile, type DeliveryDeps } from '../../../lambda/commands/delivery.ts';
import type { Location } from '../../../lambda/commands/reach.ts';
import { sweep } from '../../../lambda/commands/sweep.ts';
import { MemoryStores } from '../../support/memory-stores.ts';
import { gatewayItem } from '../../support/gateway-item.ts';

const start = 1_800_000_000_000;
const gatewayId = 'gw-1';

let stores: MemoryStores;
let now: number;
/** What sends answer, one after the other; the last one stays. */
let outcomes: DeliverOutcome[];
let sent: { epoch: number; types: Draft['t'][] }[];
/** Called before each send, to change the world in between. */
let onSend: () => void;

beforeEach(() => {
  stores = new MemoryStores();
  now = start;
  outcomes = ['delivered'];
  sent = [];
  onSend = () => undefined;
  stores.gateways.set(gatewayId, gatewayItem());
});

function route(epoch: number): void {
  const connectionId = `c${epoch}`;
  const to: Route = { epoch, connectionId, cellId: 'cell-1', bootId: 'b', journalId: 'j', connectedAt: 0 };
  stores.gateways.get(gatewayId)!.route = to;
}
function submit(idempotencyKey: string, volumeId = 'v1', to = gatewayId): string {
  const item = newCommand(
    { kind: 'volume.check', params: { volumeId }, whenOffline: 'queue' },
    {
      gatewayId: to,
      tenantId: 'acme',
      idempotencyKey,
      openSeq: stores.commands.size + 1,
      submittedBy: { kind: 'operator', id: 'op' },
      at: start,
    },
  );
  stores.commands.set(`${to}/${item.commandId}`, item);
  return item.commandId;
}
const command = (commandId: string) => stores.commands.get(`${gatewayId}/${commandId}`)!;
function deps(): DeliveryDeps {
  const gateways = stores.gatewayStore();
  return {
    gateways,
    commands: stores.commandStore(),
    audit: stores.auditTrail(),
    clock: { now: () => now, newId: () => 'id' },
    log: silentLog,
    reach: {
      locate: async (id): Promise<Location | undefined> => (await gateways.get(id))?.route,
      send: (_, { epoch }, drafts) => {
        onSend();
        sent.push({ epoch, types: drafts.map(({ t }) => t) });
        return Promise.resolve(outcomes.length > 1 ? outcomes.shift()! : outcomes[0]!);
      },
    },
  };
}

describe('delivering what is open', () => {
  it('posts the heads of all lanes at once, and nothing twice', async () => {
    route(5);
    submit('a', 'v1');
    submit('b', 'v2');
    submit('c', 'v1');
    expect(await deliverOpen(deps(), gatewayId)).toBe('sent');
    expect(await deliverOpen(deps(), gatewayId)).toBe('nothing-to-send');
    expect(sent).toEqual([{ epoch: 5, types: ['cmd', 'cmd'] }]);
  });

  it('ends what nobody took in time, and posts what waited behind it, without the sweeper', async () => {
    const late = submit('late');
    const behind = submit('behind');
    stores.commands.set(`${gatewayId}/${behind}`, { ...command(behind), expiresAt: start + 9e6 });
    stores.commands.set(`${gatewayId}/${late}`, { ...command(late), expiresAt: start + 1_000 });
    now = start + 2_000;
    route(5);
    expect(await deliverOpen(deps(), gatewayId)).toBe('sent');
    expect(command(late).state).toBe('EXPIRED');
    expect(command(behind).state).toBe('SENT');
    // On record, as every end is.
    expect(stores.audit.size).toBe(1);
  });

  it('leaves commands queued for a gateway that is away', async () => {
    const id = submit('a');
    expect(await deliverOpen(deps(), gatewayId)).toBe('offline');
    expect(command(id).state).toBe('QUEUED');
  });

  it('takes a connection that is gone off the route and puts the command back', async () => {
    route(5);
    const id = submit('a');
    outcomes = ['gone'];
    expect(await deliverOpen(deps(), gatewayId)).toBe('offline');
    expect(stores.gateways.get(gatewayId)).not.toHaveProperty('route');
    expect(command(id)).toMatchObject({ state: 'QUEUED', attempt: 1 });
  });

  it('tries once more where a newer connection came meanwhile', async () => {
    route(5);
    const id = submit('a');
    outcomes = ['gone', 'delivered'];
    onSend = () => route(6);
    expect(await deliverOpen(deps(), gatewayId)).toBe('sent');
    expect(sent.map(({ epoch }) => epoch)).toEqual([5, 6]);
    expect(command(id)).toMatchObject({ state: 'SENT', attempt: 2, sentEpoch: 6 });
    expect(stores.gateways.get(gatewayId)?.route?.epoch).toBe(6);
  });

  it('does not try the same stale route again', async () => {
    route(5);
    const id = submit('a');
    outcomes = ['not-mine'];
    expect(await deliverOpen(deps(), gatewayId)).toBe('offline');
    expect(sent.filter(({ types }) => types.length > 0)).toHaveLength(1);
    expect(command(id).state).toBe('QUEUED');
    expect(stores.gateways.get(gatewayId)?.route?.epoch).toBe(5);
  });

  it('tries once more where the cell holds by now what it did not hold yet: a hello was half-way', async () => {
    route(5);
    const id = submit('a');
    outcomes = ['not-mine', 'delivered'];
    const states: string[] = [];
    onSend = () => states.push(command(id).state);
    expect(await deliverOpen(deps(), gatewayId)).toBe('sent');
    expect(sent.map(({ types }) => types)).toEqual([['cmd'], [], ['cmd']]);
    // It is asked with the command in the queue: the hello that puts the row later must find it there.
    expect(states).toEqual(['SENT', 'QUEUED', 'SENT']);
  });

  it('leaves a command SENT that may have arrived', async () => {
    route(5);
    const id = submit('a');
    outcomes = ['unknown'];
    expect(await deliverOpen(deps(), gatewayId)).toBe('sent');
    expect(command(id)).toMatchObject({ state: 'SENT', attempt: 1 });
  });
});

describe('bringing commands in line with a journal', () => {
  /** A restore that the agent of journal j has acked, and that still waits for its cmd.go. */
  function acked(): string {
    const id = submit('a');
    const item = { ...command(id), kind: 'restore.start', state: 'ACKED', attempt: 1 } as const;
    stores.commands.set(`${gatewayId}/${id}`, { ...item, ackedJournalId: 'j', ackedAt: start });
    return id;
  }

  it('says cmd.go again to the connection whose journal was compared, and to no other', async () => {
    acked();
    route(6);
    const elsewhere = { ...deps(), commands: stores.commandStore() };
    elsewhere.reach.locate = () => Promise.resolve({ cellId: 'cell-2', epoch: 7, connectionId: 'c7' });
    await reconcile(elsewhere, gatewayId);
    expect(sent).toEqual([{ epoch: 6, types: ['cmd.go'] }]);
  });

  it('is left to the newer connection that has the route by now', async () => {
    acked();
    route(6);
    await reconcile(deps(), gatewayId, { epoch: 5 });
    expect(sent).toEqual([]);
  });
});

describe('the sweeper', () => {
  const run = (deadline = Infinity) => sweep(deps(), deadline);

  it('posts what a crash left in the queue', async () => {
    route(5);
    const id = submit('a');
    expect((await run()).gatewayCount).toBe(0);
    now += 60_000;
    expect(await run()).toEqual({ gatewayCount: 1, failureCount: 0, finished: true });
    expect(command(id).state).toBe('SENT');
  });

  it('posts again what nobody acked', async () => {
    route(5);
    const id = submit('a');
    await deliverOpen(deps(), gatewayId);
    now += 31_000;
    await run();
    expect(command(id)).toMatchObject({ state: 'SENT', attempt: 2 });
    expect(sent).toHaveLength(2);
  });

  it('expires what nobody took', async () => {
    const id = submit('a');
    now = command(id).expiresAt;
    await run();
    expect(command(id).state).toBe('EXPIRED');
  });

  it('looks at a gateway that stays away less and less often', async () => {
    submit('a');
    const looks: number[] = [];
    for (let minute = 1; minute <= 60; minute++) {
      now = start + minute * 60_000;
      if ((await run()).gatewayCount > 0) looks.push(minute);
    }
    expect(looks).toEqual([1, 2, 4, 8, 16, 26, 36, 46, 56]);
  });

  it('goes on with the others where one gateway fails, and says so', async () => {
    submit('a');
    stores.gateways.set('gw-2', gatewayItem({ gatewayId: 'gw-2' }));
    submit('b', 'v1', 'gw-2');
    now += 60_000;
    const broken = deps();
    const { get } = broken.gateways;
    broken.gateways.get = (id) => (id === 'gw-2' ? Promise.reject(new Error('broken')) : get(id));
    expect(await sweep(broken, Infinity)).toEqual({ gatewayCount: 2, failureCount: 1, finished: true });
  });

  it('ends what a revocation that crashed left open, and posts none of it', async () => {
    route(5);
    const id = submit('a');
    stores.gateways.get(gatewayId)!.status = 'revoked';
    now += 60_000;
    await run();
    expect(command(id)).toMatchObject({ state: 'CANCELED', outcome: { error: { code: 'GONE' } } });
    expect(sent).toEqual([]);
  });

  it('stops when its time is over and says that it did not finish', async () => {
    submit('a');
    now += 60_000;
    expect(await run(now)).toEqual({ gatewayCount: 0, failureCount: 0, finished: false });
  });
});

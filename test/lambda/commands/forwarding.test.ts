import { silentLog } from '../../../core/log.ts';
import type { GatewayItem, HolderItem, Route } from '../../../core/model.ts';
import type { Draft } from '../../../core/routes/frames.ts';
import { forwarding, forwardingMode, forwardingModes } from '../../../lambda/commands/forwarding.ts';
import { handOver } from '../../../lambda/commands/hand-over.ts';
import type { Reach } from '../../../lambda/commands/reach.ts';
import type { Connections } from '../../../lambda/aws/connections.ts';
import { memoryHolders, MemoryStores } from '../../support/memory-stores.ts';

const now = 1_800_000_000_000;
const clock = { now: () => now, newId: () => 'id' };
const drafts: Draft[] = [{ t: 'cmd.cancel', body: { commandId: 'a' } }];

/** Two cells with one open connection each that the tests may close; counts who was asked what. */
class Cloud {
  readonly stores = new MemoryStores();
  readonly rows = { 'cell-1': new Map<string, HolderItem>(), 'cell-2': new Map<string, HolderItem>() };
  readonly open = new Set<string>();
  readonly posted: string[] = [];
  readonly silent = new Set<string>();
  /** The cell directory; it may change while its cells are asked. */
  listed = ['cell-1', 'cell-2'];
  whenAsked: (cellId: string) => void = () => undefined;
  deliveries = 0;
  gatewaysFail = false;

  constructor() {
    this.stores.gateways.set('gw-1', {
      gatewayId: 'gw-1',
      tenantId: 'acme',
      status: 'active',
    } as GatewayItem);
  }

  /** A connection that said hello there: in the registry, in the cell's rows, or in both. */
  holds(cellId: 'cell-1' | 'cell-2', epoch: number, where: { route?: boolean; row?: boolean } = {}): void {
    const connectionId = `c${epoch}`;
    this.open.add(connectionId);
    const route: Route = { epoch, cellId, connectionId, bootId: 'b', journalId: 'j', connectedAt: now };
    if (where.route !== false) this.stores.gateways.get('gw-1')!.route = route;
    const { cellId: _cell, ...row } = route;
    if (where.row !== false)
      this.rows[cellId].set('gw-1', { gatewayId: 'gw-1', ...row, expiresAtSec: now / 1000 + 60 });
  }

  reach(mode: (typeof forwardingModes)[number], localCell?: 'cell-1' | 'cell-2'): Reach {
    const gateways = this.stores.gatewayStore();
    return forwarding(mode, {
      gateways: {
        ...gateways,
        get: (id) => (this.gatewaysFail ? Promise.reject(new Error('outage')) : gateways.get(id)),
      },
      cells: {
        list: () => Promise.resolve([...this.listed]),
        deliver: (cellId, request) => {
          this.deliveries += 1;
          this.whenAsked(cellId);
          if (this.silent.has(cellId) || !this.listed.includes(cellId))
            return Promise.reject(new Error('silent'));
          const holders = memoryHolders(this.rows[cellId as 'cell-1']);
          return handOver(
            { gateways, holders, connections: this.#connections(), clock, log: silentLog },
            request,
          );
        },
      },
      clock,
      log: silentLog,
      local: localCell && { cellId: localCell, holders: memoryHolders(this.rows[localCell]) },
    });
  }

  #connections(): Connections {
    return {
      post: (connectionId) => {
        if (!this.open.has(connectionId)) return Promise.resolve('gone');
        this.posted.push(connectionId);
        return Promise.resolve('sent');
      },
      close: (connectionId) => Promise.resolve(void this.open.delete(connectionId)),
    };
  }
}

let cloud: Cloud;
beforeEach(() => {
  cloud = new Cloud();
});

describe.each(forwardingModes)('forwarding by %s', (mode) => {
  it('finds the gateway and reaches it, in one hop', async () => {
    cloud.holds('cell-2', 5);
    const reach = cloud.reach(mode);
    const location = await reach.locate('gw-1');
    expect(location).toEqual({ cellId: 'cell-2', epoch: 5, connectionId: 'c5' });
    cloud.deliveries = 0;
    expect(await reach.send('gw-1', location!, drafts)).toBe('delivered');
    expect(cloud.posted).toEqual(['c5']);
    expect(cloud.deliveries).toBe(1);
  });

  it('finds nothing where nobody holds it', async () => {
    expect(await cloud.reach(mode).locate('gw-1')).toBeUndefined();
    expect(await cloud.reach(mode).locate('gw-none')).toBeUndefined();
  });

  it('takes the newest connection of two, also over the own cell’s', async () => {
    cloud.holds('cell-1', 5);
    cloud.holds('cell-2', 6);
    expect(await cloud.reach(mode).locate('gw-1')).toMatchObject({ cellId: 'cell-2', epoch: 6 });
    expect(await cloud.reach(mode, 'cell-1').locate('gw-1')).toMatchObject({ cellId: 'cell-2', epoch: 6 });
  });

  it('delivers to the located connection and to no successor', async () => {
    cloud.holds('cell-1', 5);
    const reach = cloud.reach(mode);
    const location = await reach.locate('gw-1');
    cloud.holds('cell-1', 6);
    expect(await reach.send('gw-1', location!, drafts)).toBe('not-mine');
    expect(cloud.posted).toEqual([]);
  });

  it('says gone of a closed connection, and its cell forgets it', async () => {
    cloud.holds('cell-1', 5);
    cloud.open.clear();
    const reach = cloud.reach(mode);
    expect(await reach.send('gw-1', (await reach.locate('gw-1'))!, drafts)).toBe('gone');
    expect(cloud.rows['cell-1'].size).toBe(0);
    // Its agent, if it is there all the same, is asked to say hello again.
    expect(cloud.stores.gateways.get('gw-1')).not.toHaveProperty('route');
  });

  it('says unknown where the cell does not answer', async () => {
    cloud.holds('cell-1', 5);
    const reach = cloud.reach(mode);
    const location = await reach.locate('gw-1');
    cloud.silent.add('cell-1');
    expect(await reach.send('gw-1', location!, drafts)).toBe('unknown');
  });
});

describe('forwarding by registry', () => {
  it('asks no cell to find the gateway', async () => {
    cloud.holds('cell-2', 5);
    await cloud.reach('registry').locate('gw-1');
    expect(cloud.deliveries).toBe(0);
  });

  it('takes the own cell’s connection that the registry does not know yet', async () => {
    cloud.holds('cell-1', 5, { route: false });
    expect(await cloud.reach('registry', 'cell-1').locate('gw-1')).toMatchObject({ epoch: 5 });
  });
});

describe('forwarding by broadcast', () => {
  it('does without a registry and without a cell that is silent', async () => {
    cloud.holds('cell-2', 5, { route: false });
    cloud.silent.add('cell-1');
    cloud.gatewaysFail = true;
    expect(await cloud.reach('broadcast').locate('gw-1')).toMatchObject({ cellId: 'cell-2', epoch: 5 });
  });

  it('takes no notice of a row whose connection cannot live any more', async () => {
    cloud.holds('cell-1', 5);
    cloud.rows['cell-1'].get('gw-1')!.expiresAtSec = now / 1000;
    expect(await cloud.reach('broadcast').locate('gw-1')).toBeUndefined();
  });
});

describe.each(['broadcast', 'hybrid'] as const)('%s while the cells change', (mode) => {
  it('finds the gateway though another cell leaves in the midst', async () => {
    cloud.holds('cell-2', 5, { route: false });
    cloud.whenAsked = () => (cloud.listed = ['cell-2']);
    expect(await cloud.reach(mode).locate('gw-1')).toMatchObject({ cellId: 'cell-2', epoch: 5 });
  });

  it('takes what the cell that leaves held for lost, and finds it in the one that it went to', async () => {
    cloud.holds('cell-1', 5);
    const reach = cloud.reach(mode);
    const location = (await reach.locate('gw-1'))!;
    cloud.listed = ['cell-2'];
    expect(await reach.send('gw-1', location, drafts)).toBe('unknown');
    cloud.holds('cell-2', 6);
    expect(await reach.locate('gw-1', location)).toMatchObject({ cellId: 'cell-2', epoch: 6 });
  });

  it('asks a cell that joins from the next time on', async () => {
    cloud.listed = ['cell-1'];
    cloud.holds('cell-2', 5, { route: false });
    cloud.whenAsked = () => (cloud.listed = ['cell-1', 'cell-2']);
    const reach = cloud.reach(mode);
    expect(await reach.locate('gw-1')).toBeUndefined();
    expect(await reach.locate('gw-1')).toMatchObject({ cellId: 'cell-2', epoch: 5 });
  });
});

describe('hybrid forwarding', () => {
  it('asks no cell while the registry knows', async () => {
    cloud.holds('cell-2', 5);
    await cloud.reach('hybrid').locate('gw-1');
    expect(cloud.deliveries).toBe(0);
  });

  it('asks everybody on a miss, and repairs the registry', async () => {
    cloud.holds('cell-2', 5, { route: false });
    expect(await cloud.reach('hybrid').locate('gw-1')).toMatchObject({ cellId: 'cell-2', epoch: 5 });
    expect(cloud.stores.gateways.get('gw-1')?.route).toMatchObject({ cellId: 'cell-2', epoch: 5 });
  });

  it('asks everybody after a send that failed, and while the registry cannot be read', async () => {
    cloud.holds('cell-1', 5, { row: false });
    cloud.holds('cell-2', 6, { route: false });
    const reach = cloud.reach('hybrid');
    const stale = await reach.locate('gw-1');
    expect(stale).toMatchObject({ epoch: 5 });
    expect(await reach.locate('gw-1', stale)).toMatchObject({ cellId: 'cell-2', epoch: 6 });
    expect(cloud.stores.gateways.get('gw-1')?.route?.epoch).toBe(6);
    cloud.gatewaysFail = true;
    expect(await reach.locate('gw-1')).toMatchObject({ cellId: 'cell-2', epoch: 6 });
  });

  it('never repairs the registry with an older connection', async () => {
    cloud.holds('cell-2', 6, { row: false });
    cloud.holds('cell-1', 5, { route: false });
    const reach = cloud.reach('hybrid');
    await reach.locate('gw-1', await reach.locate('gw-1'));
    expect(cloud.stores.gateways.get('gw-1')?.route?.epoch).toBe(6);
  });
});

it.each(['broadcast', 'hybrid'] as const)(
  'by %s never goes back to a connection that a newer one replaced, though that one is gone',
  async (mode) => {
    cloud.holds('cell-1', 5, { route: false });
    cloud.stores.gateways.get('gw-1')!.routedEpoch = 6;
    expect(await cloud.reach(mode).locate('gw-1')).toBeUndefined();
    expect(cloud.stores.gateways.get('gw-1')).not.toHaveProperty('route');
  },
);

describe('a hand-over', () => {
  const request = { gatewayId: 'gw-1', frames: drafts };
  const give = (then?: 'release' | 'close', epoch?: number) => {
    const deps = {
      gateways: cloud.stores.gatewayStore(),
      holders: memoryHolders(cloud.rows['cell-1']),
      connections: {
        post: () => Promise.resolve('sent' as const),
        close: (id: string) => Promise.resolve(void cloud.open.delete(id)),
      },
      clock,
      log: silentLog,
    };
    return handOver(deps, {
      ...request,
      ...(then ? { then } : {}),
      ...(epoch === undefined ? {} : { epoch }),
    });
  };

  it('keeps the row; releases it after superseded; closes the connection after a revocation', async () => {
    cloud.holds('cell-1', 5);
    expect(await give()).toMatchObject({ outcome: 'delivered', holder: { epoch: 5, journalId: 'j' } });
    expect(cloud.rows['cell-1'].size).toBe(1);
    await give('release');
    expect(cloud.rows['cell-1'].size).toBe(0);
    expect(cloud.open.has('c5')).toBe(true);
    cloud.holds('cell-1', 6);
    await give('close');
    expect(cloud.open.has('c6')).toBe(false);
  });

  it('leaves the row of another epoch alone', async () => {
    cloud.holds('cell-1', 6);
    expect(await give('release', 5)).toMatchObject({ outcome: 'not-mine', holder: { epoch: 6 } });
    expect(cloud.rows['cell-1'].size).toBe(1);
  });
});

it('a forwarding mode that there is not is named', () => {
  expect(() => forwardingMode('gossip')).toThrow(expect.objectContaining({ code: 'CONFIG' }));
});

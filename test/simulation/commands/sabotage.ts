import type { CommandItem, GatewayItem } from '../../../core/model.ts';
import { all, type GuardedUpdate } from '../../../core/routes/guarded-update.ts';
import type { Sabotage } from './world.ts';

const always = all();
const setsGrant = ({ set }: GuardedUpdate): boolean =>
  Object.keys(set ?? {}).some((path) => path.startsWith('grants.'));

/** Builds with one rule broken, by what is broken: the simulation has to notice each of them. */
export const sabotages: Record<string, Sabotage> = {
  'a start grant that everybody gets': {
    gateways: (store) => ({
      ...store,
      update: (id, update) => (setsGrant(update) ? store.get(id) : store.update(id, update)),
    }),
  },
  'a start grant that asks for no route': {
    gateways: (store) => ({
      ...store,
      update: (id, update) => store.update(id, setsGrant(update) ? { ...update, when: always } : update),
    }),
  },
  'a lost route that may be anybody’s': {
    gateways: (store) => ({
      ...store,
      update: (id, update) =>
        store.update(id, update.remove?.includes('route') ? { ...update, when: always } : update),
    }),
  },
  'a hello that overwrites what came after it was read': {
    gateways: (store) => ({
      ...store,
      update: (id, update) =>
        store.update(id, update.set?.['recentHellos'] ? { ...update, when: always } : update),
    }),
  },
  'commands written over what another wrote': {
    commands: (store) => ({
      ...store,
      replace: async (item: CommandItem) => {
        const before = await store.get(item.gatewayId, item.commandId);
        return store.replace({ ...item, version: (before?.version ?? 0) + 1 });
      },
    }),
  },
  'a sweeper that finds nothing': {
    commands: (store) => ({ ...store, listDue: () => Promise.resolve([]) }),
  },
  'grants that are never taken back': {
    gateways: (store) => ({
      ...store,
      update: (id, update): Promise<GatewayItem | undefined> =>
        update.remove?.some((path) => path.startsWith('grants.')) ? store.get(id) : store.update(id, update),
    }),
  },
};

import { all, type GuardedUpdate } from '../../../core/routes/guarded-update.ts';
import type { CommandItem } from '../../../core/model.ts';
import type { GatewayStore } from '../../../lambda/commands/ports.ts';
import type { Breakage } from './simulate.ts';

const always = all();
const setsGrant = ({ set }: GuardedUpdate): boolean =>
  Object.keys(set ?? {}).some((path) => path.startsWith('grants.'));
const takesGrant = ({ remove }: GuardedUpdate): boolean =>
  (remove ?? []).some((path) => path.startsWith('grants.'));
const isHello = ({ set }: GuardedUpdate): boolean => set?.['recentHellos'] !== undefined;
const takesRoute = ({ remove }: GuardedUpdate): boolean => (remove ?? []).includes('route');

const changed = (
  update: (
    store: GatewayStore,
    ...args: Parameters<GatewayStore['update']>
  ) => ReturnType<GatewayStore['update']>,
): Breakage => ({
  cloud: { gateways: (store) => ({ ...store, update: (id, change) => update(store, id, change) }) },
});
/** The write is made whatever the item says. */
const unconditional = (which: (change: GuardedUpdate) => boolean): Breakage =>
  changed((store, id, change) => store.update(id, which(change) ? { ...change, when: always } : change));

/** Builds with one rule broken each: the simulation has to notice every one of them. */
export const breakages: Record<string, Breakage> = {
  /** What a run has once read of a gateway it takes for granted later: a submit posts by the route from before it. */
  'skip-strong-re-read': {
    cloud: {
      gateways: (store) => {
        const known = new Map<string, ReturnType<GatewayStore['get']>>();
        const get: GatewayStore['get'] = (id) => {
          const item = known.get(id) ?? store.get(id);
          known.set(id, item);
          return item;
        };
        return { ...store, get };
      },
    },
  },
  'unconditional-deregister': unconditional(takesRoute),
  'journal-after-start': { startsBeforeJournal: true },
  /** A hello reads the queue before its route is committed. */
  'queue-before-route': {
    cloud: {
      commands: (store, { name, gatewayId }) => {
        if (!name.startsWith('route') || gatewayId === undefined) return store;
        const early = store.listOpen(gatewayId);
        return { ...store, listOpen: () => early };
      },
    },
  },
  'oldest-connection-wins': changed(async (store, id, change) =>
    isHello(change) && (await store.get(id))?.route ? undefined : store.update(id, change),
  ),
  'hello-overwrites': unconditional(isHello),
  'grant-to-everybody': changed((store, id, change) =>
    setsGrant(change) ? store.get(id) : store.update(id, change),
  ),
  'grant-without-route': unconditional(setsGrant),
  'grants-never-returned': changed((store, id, change) =>
    takesGrant(change) ? store.get(id) : store.update(id, change),
  ),
  'lost-updates': {
    cloud: {
      commands: (store) => ({
        ...store,
        replace: async (item: CommandItem) => {
          const before = await store.get(item.gatewayId, item.commandId);
          return store.replace({ ...item, version: (before?.version ?? 0) + 1 });
        },
      }),
    },
  },
  'blind-sweeper': { cloud: { commands: (store) => ({ ...store, listDue: () => Promise.resolve([]) }) } },
};

import type { GatewayItem, InventoryItem, Route, StatusItem } from '../model.ts';

/** What gateways may have in common. What a gateway's owner or provider says of it (labels), and what it reports. */
export const attributeNames = [
  'agentVersion',
  'cell',
  'region',
  'isp',
  'rolloutWave',
  /** The first half of the address that it was activated from: of one provider, where nobody said which. */
  'network',
  'os',
  'kernel',
  'nodeVersion',
  'cpuModel',
  'hardwareModel',
  'hypervisor',
  /** Of most of its disks. */
  'diskModel',
  'diskFirmware',
] as const;
export type AttributeName = (typeof attributeNames)[number];
/** Those that the inventory says. */
export const factNames = attributeNames.slice(attributeNames.indexOf('os'));
/** In the order of `attributeNames`; undefined: not known. */
export type AttributeValues = readonly (string | undefined)[];

/** What an inventory says, in the order of `factNames`; it is kept in memory, where the inventory is too large. */
export type InventoryFacts = readonly (string | undefined)[];

export function inventoryFacts({ inventory }: Pick<InventoryItem, 'inventory'>): InventoryFacts {
  const { os, kernel, nodeVersion, cpuModel, machine, hypervisor, disks } = inventory;
  const disk = mostOf(disks.map(({ model }) => model));
  const ofModel = disks.filter(({ model }) => model === disk);
  const firmware =
    disk && mostOf(ofModel.flatMap(({ firmware }) => (firmware ? [`${disk} ${firmware}`] : [])));
  return [os, kernel, nodeVersion, cpuModel, machine, hypervisor, disk, firmware];
}

export interface Attributed {
  gateway: Pick<GatewayItem, 'labels'> & {
    route?: Pick<Route, 'cellId'>;
    /** `networkOf` the address that it was activated from. */
    network?: string;
  };
  status: StatusItem | undefined;
  facts: InventoryFacts | undefined;
}

/** One after the other, as they are named: a look at a fleet does this for each gateway. */
export function attributesOf({ gateway, status, facts }: Attributed): AttributeValues {
  const { route, labels, network } = gateway;
  const values = [
    status?.heartbeat.agentVersion || undefined,
    (route?.cellId ?? status?.cellId) || undefined,
    labels?.region || undefined,
    labels?.isp || undefined,
    labels?.rolloutWave || undefined,
    network || undefined,
  ];
  for (let fact = 0; fact < factNames.length; fact++) values.push(facts?.[fact] || undefined);
  return values;
}

/** 16 bits of an IPv4 address, 32 of an IPv6 one; undefined for anything else. */
export function networkOf(address: string): string | undefined {
  const v4 = /^(?:::ffff:)?(\d{1,3}\.\d{1,3})\.\d{1,3}\.\d{1,3}$/.exec(address)?.[1];
  if (v4) return `${v4}.0.0/16`;
  const v6 = /^([0-9a-f]{1,4}):([0-9a-f]{1,4}):/i.exec(address);
  return v6 ? `${v6[1]}:${v6[2]}::/32`.toLowerCase() : undefined;
}

/** The most frequent text; of equally frequent ones the first in order. Undefined of none. */
function mostOf(texts: readonly string[]): string | undefined {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))[0]?.[0];
}

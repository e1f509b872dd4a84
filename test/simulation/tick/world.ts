import type { GatewayItem, InventoryItem, StatusItem } from '../../../core/model.ts';
import { checkedParts, type DiskStatus, type Heartbeat, type VolumeStatus } from '../../../core/status.ts';
import { hours, minutes, t0 } from '../../support/fleet.ts';

/** Sizes of customers, again and again. */
const customerSizes = [1, 1, 2, 1, 3, 1, 8, 2, 1, 20, 1, 4, 60];
const customerOfPlace = customerSizes.flatMap((size, customer) => Array<number>(size).fill(customer));
const pageSize = 1_000;

export interface WorldOptions {
  gateways: number;
  /** Of the gateways, those of one region, which meet every condition that is possible at once. @default 0 */
  stormShare?: number;
}

/**
 * A fleet that is made as it is read, page by page, and forgotten with it, as a store's answers are. Everything follows
 * from a gateway's number and the time: 0.2 % have some trouble for hours, 0.02 % come by one each minute for a while.
 */
export class World {
  readonly #count: number;
  readonly #storm: number;
  /** Numbers of those that are lost now and then, by id. */
  #losable: Map<string, number> | undefined;
  now = t0;

  constructor({ gateways, stormShare = 0 }: WorldOptions) {
    this.#count = gateways;
    this.#storm = Math.floor(gateways * stormShare);
  }

  *gateways(): Generator<readonly GatewayItem[]> {
    yield* this.#pages((i) => this.#gateway(i));
  }

  *statuses(): Generator<readonly StatusItem[]> {
    yield* this.#pages((i) => this.#status(i));
  }

  /** Gateways that were lost or came back since then. */
  *news(since: number): Generator<readonly GatewayItem[]> {
    const all = [...this.#lost().values()].map((i) => ({ ...this.#gateway(i), newsAt: this.#newsAt(i) }));
    yield all.filter(({ newsAt }) => newsAt >= since);
  }

  /** Of those that are lost now and then. */
  byIds(ids: readonly string[]): GatewayItem[] {
    return ids.map((id) => this.#gateway(this.#lost().get(id)!));
  }

  idOf(i: number): string {
    return `gw-${hex(i, 1)}${hex(i, 2)}${hex(i, 3).slice(0, 4)}`;
  }

  inventory(i: number): InventoryItem {
    const hardware = mixed(i, 40);
    const model = `ST${8_000 + skewed(hardware, 150)}NM000A`;
    return {
      gatewayId: this.idOf(i),
      tenantId: tenantOf(i),
      receivedAt: t0,
      inventory: {
        hash: inventoryHash(i),
        hostname: `storage-${i}`,
        os: `Debian GNU/Linux ${9 + skewed(mixed(i, 41), 12)}`,
        kernel: `6.1.0-${skewed(mixed(i, 42), 60)}-amd64`,
        arch: 'x64',
        cpuModel: `Intel(R) Xeon(R) Silver ${4_200 + skewed(hardware, 120)}`,
        cpuCount: 16,
        memoryBytes: 2 ** 35,
        agentVersion: versionOf(i),
        nodeVersion: `v24.${skewed(mixed(i, 43), 3)}.0`,
        machine: `PowerEdge R${400 + skewed(hardware, 80)}`,
        hypervisor: ['none', 'kvm', 'vmware', 'microsoft', 'xen'][skewed(mixed(i, 44), 5)],
        disks: Array.from({ length: 4 }, (_, disk) => ({
          name: `sd${'abcd'[disk]}`,
          sizeBytes: 8e12,
          model,
          firmware: `F${skewed(mixed(i, 45), 3)}`,
        })),
      } as InventoryItem['inventory'],
    };
  }

  /** Made of texts that are nowhere in memory yet, as what is parsed from an answer. */
  *#pages<T>(itemOf: (i: number) => T): Generator<readonly T[]> {
    for (let from = 0; from < this.#count; from += pageSize) {
      const length = Math.min(pageSize, this.#count - from);
      yield Array.from({ length }, (_, place) => itemOf(from + place));
    }
  }

  #lost(): ReadonlyMap<string, number> {
    if (this.#losable) return this.#losable;
    this.#losable = new Map();
    for (let i = 0; i < this.#count; i++)
      if (i < this.#storm || (drawOf(i) < lateDraws && kindOf(i) === 'lost'))
        this.#losable.set(this.idOf(i), i);
    return this.#losable;
  }

  /** When it was lost, or came back. */
  #newsAt(i: number): number {
    const late = lateMinute(i);
    if (i < this.#storm || late === undefined) return t0 - 10 * minutes;
    const minute = Math.floor((this.now - t0) / minutes);
    const sinceMinutes = (((minute - late) % everyMinutes) + everyMinutes) % everyMinutes;
    return t0 + (minute - Math.max(0, sinceMinutes - 1)) * minutes;
  }

  #gateway(i: number): GatewayItem {
    const site = tenantOf(i);
    const connectedAt = this.now - (mixed(i, 1) % (100 * minutes));
    const epoch = 300 + (mixed(i, 2) % 4_000);
    const isLost = i < this.#storm || this.#trouble(i) === 'lost';
    const cellId = `cell-${mixed(i, 3) % Math.max(2, Math.ceil(this.#count / 25_000))}`;
    const bones = { cellId, connectionId: `${hex(i, 4)}=${hex(i, 5)}` };
    return {
      gatewayId: this.idOf(i),
      tenantId: site,
      name: `gateway ${i}`,
      labels: {
        site: `site ${mixed(i, 6) % 3}`,
        region: i < this.#storm ? 'region-storm' : `region-${skewed(customerHash(i, 7), 24)}`,
        isp: `isp-${skewed(customerHash(i, 8), 400)}`,
        rolloutWave: `wave-${mixed(i, 9) % 4}`,
      },
      status: 'active',
      publicKey: `${hex(i, 10)}${hex(i, 11)}${hex(i, 12)}${hex(i, 13)}${hex(i, 14)}`.slice(0, 43),
      keyGeneration: 1,
      createdAt: t0 - 200 * 24 * hours,
      activatedFrom: {
        hostname: `storage-${i}`,
        address: `${20 + skewed(customerHash(i, 15), 60)}.${customerHash(i, 16) % 50}.3.4`,
      },
      dialSeq: epoch,
      route: isLost ? undefined : { ...bones, epoch, bootId: hex(i, 17), journalId: hex(i, 18), connectedAt },
      routedEpoch: epoch,
      previous: { ...bones, epoch: epoch - 1 },
      routeLostAt: isLost ? t0 - 10 * minutes : undefined,
      recentHellos: Array.from({ length: 16 }, (_, back) => connectedAt - (15 - back) * 100 * minutes),
      recentBoots: [hex(i, 19)],
      recentJournals: [hex(i, 20)],
      commandCounter: 12,
      grants: {},
    };
  }

  #status(i: number): StatusItem {
    const receivedAt = this.now - (mixed(i, 21) % (5 * minutes));
    return {
      gatewayId: this.idOf(i),
      tenantId: tenantOf(i),
      heartbeat: this.#heartbeat(i, receivedAt - 40),
      receivedAt,
      clockSkewMs: -40,
      epoch: 300 + (mixed(i, 2) % 4_000),
      cellId: 'cell-0',
    };
  }

  #heartbeat(i: number, sentAt: number): Heartbeat {
    const trouble = this.#trouble(i);
    const isStorm = i < this.#storm;
    const share = (salt: number): number => (mixed(i, salt) % 600) / 1_000;
    const bad = (name: string, value: number, well: number): number =>
      isStorm || trouble === name ? value : well;
    const volumes: VolumeStatus[] = Array.from({ length: 1 + (mixed(i, 23) % 2) }, (_, v) => ({
      volumeId: `vol-${v}`,
      state: isStorm || (trouble === 'volume' && v === 0) ? 'failed' : 'healthy',
      sizeBytes: 4e12,
      lastSnapshotId: hex(i, 24 + v),
      lastSnapshotAt: isStorm ? sentAt - 40 * hours : sentAt - (mixed(i, 26) % (20 * hours)),
      ...(isStorm && { failedSnapshots: 3 }),
    }));
    const worn: DiskStatus = {
      ...{ name: 'sda', state: 'failed', smart: { pendingSectors: 12 }, wear: 0.99, temperatureC: 71 },
      ...{ utilization: 0.99, latencyMs: 240 },
    };
    return {
      bootId: hex(i, 17),
      seq: 1 + Math.floor((sentAt - t0 + 24 * hours) / (5 * minutes)),
      sentAt,
      agentVersion: versionOf(i),
      agentStartedAt: t0 - 24 * hours,
      metrics: {
        'system.memory.utilization': bad('memory', 0.97, 0.2 + share(27)),
        'gateway.upload_buffer.utilization': bad('buffer', 0.95, 0.1),
        'gateway.cache.dirty.utilization': bad('dirty', 0.9, share(28) / 2),
        'gateway.cache.hit_ratio': bad('cache', 0.3, 0.9),
        'gateway.connection.loss': bad('loss', 0.2, 0),
        'gateway.connection.rtt': bad('rtt', 900, 20 + share(29) * 100),
        'gateway.cpu.iowait': bad('iowait', 0.7, 0.03),
        'gateway.network.error_rate': bad('nic', 4, 0),
        'gateway.host.uptime': 40 * 24 * hours,
        'system.cpu.utilization': share(30),
        'system.linux.cpu.load_15m': share(31) * 8,
      },
      filesystems: [
        { mount: '/', sizeBytes: 2e11, freeBytes: isStorm || trouble === 'full' ? 4e9 : 1.5e11 },
        { mount: '/srv', sizeBytes: 1.6e13, freeBytes: 8e12, ...(isStorm && { readOnly: true }) },
      ],
      volumes,
      checked: [...checkedParts],
      ...((isStorm || trouble === 'disk') && { disks: [worn] }),
      ...(isStorm && { arrays: [{ name: 'md0', state: 'degraded', missing: 1 }] }),
      ...(isStorm && { starts: { agent: 9, uncleanBootAt: sentAt - minutes } }),
      ...(isStorm && { expiries: { certificateAt: sentAt + hours, credentialsAt: sentAt + minutes } }),
      inventoryHash: inventoryHash(i),
    };
  }

  /** What is wrong with a gateway now; mostly nothing. */
  #trouble(i: number): string | undefined {
    const minute = Math.floor((this.now - t0) / minutes);
    const isNow = drawOf(i) < constantDraws || lateMinute(i) === minute % everyMinutes;
    return isNow ? kindOf(i) : undefined;
  }
}

/** Of 100,000 gateways, so many are in trouble for hours, and the others up to there for one minute of each eleven. */
const [constantDraws, lateDraws, everyMinutes] = [200, 420, 11] as const;
const drawOf = (i: number): number => mixed(i, 32) % 100_000;
const lateMinute = (i: number): number | undefined => {
  const draw = drawOf(i);
  const place = Math.floor(((draw - constantDraws) * everyMinutes) / (lateDraws - constantDraws));
  return draw >= constantDraws && draw < lateDraws ? place : undefined;
};
const kindOf = (i: number): string => troubles[mixed(i, 33) % troubles.length]!;

const troubles = [
  ...['lost', 'memory', 'buffer', 'dirty', 'cache', 'loss', 'rtt', 'iowait', 'nic', 'volume', 'full', 'disk'],
] as const;

const customerHash = (i: number, salt: number): number => mixed(customerOf(i), salt + 100);
const customerOf = (i: number): number =>
  Math.floor(i / customerOfPlace.length) * customerSizes.length +
  customerOfPlace[i % customerOfPlace.length]!;
const tenantOf = (i: number): string => `t-${hex(customerOf(i), 34)}${hex(customerOf(i), 35)}`;
const versionOf = (i: number): string => `1.${2 + skewed(mixed(i, 36), 4)}.${mixed(i, 37) % 2}`;
const inventoryHash = (i: number): string => `${hex(i, 38)}${hex(i, 39)}`;
const hex = (i: number, salt: number): string => ((mixed(i, salt) >>> 4) | 0x10000000).toString(16);
/** Below `values`, small ones more often. */
const skewed = (hash: number, values: number): number => Math.floor(values * (hash / 2 ** 32) ** 2);

/** 32 bits that look random. */
function mixed(i: number, salt: number): number {
  let hash = Math.imul(i ^ Math.imul(salt, 0x9e3779b1), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  hash = Math.imul(hash ^ (hash >>> 16), 0x27d4eb2f);
  return (hash ^ (hash >>> 15)) >>> 0;
}

import { createHash } from 'node:crypto';
import type { Inventory } from '../../core/status.ts';
import type { Host } from './host.ts';
import { readDimms, readMachine, serialHash } from './inventory-host.ts';
import { parseCpuInfo, parseMemory, parseOsName } from './proc.ts';

/** The schema's limits; a host has fewer, a hostile one is cut. */
const disksMax = 64;
const interfacesMax = 32;

export interface InventoryVersions {
  agentVersion: string;
  nodeVersion: string;
  arch: string;
}

/** What the host is made of. Its hash changes only where one of the other fields does: it is sent again then. */
export async function readInventory(host: Host, versions: InventoryVersions): Promise<Inventory> {
  const text = async (path: string): Promise<string> => (await host.readText(path).catch(() => '')).trim();
  const [osRelease, kernel, cpuInfo, memInfo, disks, interfaces] = await Promise.all([
    text('/etc/os-release'),
    text('/proc/sys/kernel/osrelease'),
    text('/proc/cpuinfo'),
    text('/proc/meminfo'),
    readDisks(host, text),
    readInterfaces(host, text),
  ]);
  const cpu = parseCpuInfo(cpuInfo);
  const [machine, dimms] = await Promise.all([readMachine(text, cpuInfo), readDimms(host, text)]);
  const found = {
    hostname: host.hostname().slice(0, 255),
    os: (parseOsName(osRelease) ?? 'unknown').slice(0, 128),
    kernel: kernel.slice(0, 128),
    arch: versions.arch.slice(0, 16),
    cpuModel: cpu.model.slice(0, 128),
    cpuCount: cpu.count,
    memoryBytes: parseMemory(memInfo)?.totalBytes ?? 0,
    agentVersion: versions.agentVersion.slice(0, 32),
    nodeVersion: versions.nodeVersion.slice(0, 32),
    disks,
    interfaces,
    ...machine,
    ...(dimms.length > 0 && { dimms }),
  };
  const hash = createHash('sha256').update(JSON.stringify(found)).digest('hex').slice(0, 16);
  return { hash, ...found };
}

type ReadText = (path: string) => Promise<string>;

/** Disks that are hardware (or a hypervisor's): those of memory and of files have no `device` in /sys. */
async function readDisks(host: Host, text: ReadText): Promise<Inventory['disks']> {
  const names = (await host.list('/sys/block').catch((): string[] => [])).sort();
  const disks = names.map(async (name) => {
    const entries = await host.list(`/sys/block/${name}`).catch((): string[] => []);
    if (!entries.includes('device')) return undefined;
    const sectors = Number(await text(`/sys/block/${name}/size`));
    if (!(sectors > 0)) return undefined;
    const first = async (...files: string[]): Promise<string> =>
      (await Promise.all(files.map((file) => text(`/sys/block/${name}/${file}`)))).find(Boolean) ?? '';
    const [model, firmware, serial] = await Promise.all([
      first('device/model'),
      first('device/firmware_rev', 'device/rev'), // NVMe, SCSI
      first('device/serial', 'serial', 'device/wwid', 'wwid'),
    ]);
    return {
      name: name.slice(0, 32),
      model: (model || 'unknown').slice(0, 64),
      sizeBytes: sectors * 512,
      ...(firmware && { firmware: firmware.slice(0, 32) }),
      ...(serial && { serialHash: serialHash(serial) }),
    };
  });
  return (await Promise.all(disks)).filter((disk) => disk !== undefined).slice(0, disksMax);
}

/** Interfaces with hardware behind them; those of containers come and go and would change the hash each time. */
async function readInterfaces(host: Host, text: ReadText): Promise<Inventory['interfaces']> {
  const names = (await host.list('/sys/class/net').catch((): string[] => [])).sort();
  const interfaces = names.map(async (name) => {
    const entries = await host.list(`/sys/class/net/${name}`).catch((): string[] => []);
    if (!entries.includes('device')) return undefined;
    const uevent = await text(`/sys/class/net/${name}/device/uevent`);
    const driver = /^DRIVER=([\w-]{1,32})$/m.exec(uevent)?.[1];
    const mac = (await text(`/sys/class/net/${name}/address`)).slice(0, 32);
    return { name: name.slice(0, 32), mac, ...(driver && { driver }) };
  });
  return (await Promise.all(interfaces)).filter((one) => one !== undefined).slice(0, interfacesMax);
}

import type { DiskStatus } from '../../core/status.ts';
import type { Host } from './host.ts';

/** One look at the disks that the kernel lists: cheap, and no disk is touched. */
export interface DiskLook {
  name: string;
  state: Extract<DiskStatus['state'], 'ok' | 'failed'>;
  /** A mounted file system, an array or a mapping stands on it. */
  isInUse: boolean;
}

const disksMax = 64;
/** Disks of SCSI, SATA and SAS, NVMe, virtio, Xen, IDE; none of memory, of files, or made of other disks. */
export const diskName = /^(sd[a-z]{1,4}|nvme\d{1,4}n\d{1,4}|vd[a-z]{1,4}|xvd[a-z]{1,4}|hd[a-z])$/;
/** What SCSI and NVMe drivers say of a disk that answers no more; the other words pass by themselves. */
const deadStates = new Set(['offline', 'transport-offline', 'dead']);

/** Rejects where the kernel lists no disks. `mountSources`: what is mounted, as `/dev/sda1`. */
export async function lookAtDisks(host: Host, mountSources: readonly string[]): Promise<DiskLook[]> {
  const names = (await host.list('/sys/block')).filter((name) => diskName.test(name)).sort();
  const looks = names.slice(0, disksMax).map(async (name): Promise<DiskLook | undefined> => {
    const root = `/sys/block/${name}`;
    const [removable, state, isInUse] = await Promise.all([
      host.readText(`${root}/removable`).catch(() => '0'),
      stateOf(host, root),
      isUsed(host, name, mountSources),
    ]);
    // A stick or a card that somebody takes out is no loss.
    return removable.trim() === '1' ? undefined : { name, state, isInUse };
  });
  return (await Promise.all(looks)).filter((look) => look !== undefined);
}

async function stateOf(host: Host, root: string): Promise<DiskLook['state']> {
  const paths = [`${root}/device/state`, ...(await controllersOf(host, root)).map((path) => `${path}/state`)];
  const states = await Promise.all(paths.map((path) => host.readText(path).catch(() => undefined)));
  const told = states.filter((state) => state !== undefined);
  // Of several ways to a disk one is enough.
  return told.length > 0 && told.every((state) => deadStates.has(state.trim())) ? 'failed' : 'ok';
}

/** Where NVMe has several controllers for one disk they stand below its subsystem. */
async function controllersOf(host: Host, root: string): Promise<string[]> {
  if (!/\/nvme[^/]*$/.test(root)) return [];
  const entries = await host.list(`${root}/device`).catch((): string[] => []);
  return entries
    .filter((entry) => /^nvme\d+$/.test(entry))
    .slice(0, 8)
    .map((entry) => `${root}/device/${entry}`);
}

async function isUsed(host: Host, name: string, mountSources: readonly string[]): Promise<boolean> {
  const isPart = (part: string): boolean => part.startsWith(name) && /^p?\d+$/.test(part.slice(name.length));
  if (mountSources.some((source) => source === `/dev/${name}` || isPart(source.replace(/^\/dev\//, ''))))
    return true;
  const entries = await host.list(`/sys/block/${name}`).catch((): string[] => []);
  const folders = [name, ...entries.filter(isPart).map((part) => `${name}/${part}`)];
  const holders = await Promise.all(
    folders.map((folder) => host.list(`/sys/block/${folder}/holders`).catch((): string[] => [])),
  );
  return holders.some((names) => names.length > 0);
}

export interface Heat {
  temperatureC: number;
  /** What the disk may have; undefined: it does not say. */
  temperatureLimitC: number | undefined;
}

/**
 * By the kernel's sensor (drivetemp, nvme); undefined without one. Its `temp1_max` is NVMe's warning composite temperature
 * threshold (WCTEMP), or what a SATA disk is recommended for at most.
 * https://docs.kernel.org/hwmon/drivetemp.html, drivers/nvme/host/hwmon.c
 */
export async function readHeat(host: Host, name: string): Promise<Heat | undefined> {
  const root = `/sys/block/${name}`;
  // Asking a disk that sleeps could keep it awake, or wake it.
  const power = await host.readText(`${root}/device/power/runtime_status`).catch(() => '');
  if (power.trim() === 'suspended') return undefined;
  for (const device of [`${root}/device`, ...(await controllersOf(host, root))]) {
    const sensor = await sensorOf(host, device);
    if (!sensor) continue;
    const [temperatureC, limitC] = await Promise.all(
      ['temp1_input', 'temp1_max'].map((file) => readDegrees(host, `${sensor}/${file}`)),
    );
    if (temperatureC !== undefined) return { temperatureC, temperatureLimitC: plausibleLimitC(limitC) };
  }
  return undefined;
}

async function readDegrees(host: Host, path: string): Promise<number | undefined> {
  const millidegrees = (await host.readText(path).catch(() => '')).trim();
  return /^-?\d{1,6}$/.test(millidegrees) ? Number(millidegrees) / 1000 : undefined;
}

/** Seagate recommends 25 °C for some disks, others say 0 or 65,261 where they mean that they know none. */
export const plausibleLimitC = (celsius: number | undefined): number | undefined =>
  celsius !== undefined && celsius >= 55 && celsius <= 110 ? Math.round(celsius) : undefined;

/** `device/hwmon/hwmon3` for SCSI, `device/hwmon3` for NVMe. */
async function sensorOf(host: Host, device: string): Promise<string | undefined> {
  const isSensor = (entry: string): boolean => /^hwmon\d+$/.test(entry);
  const below = (await host.list(`${device}/hwmon`).catch((): string[] => [])).find(isSensor);
  if (below) return `${device}/hwmon/${below}`;
  const beside = (await host.list(device).catch((): string[] => [])).find(isSensor);
  return beside && `${device}/${beside}`;
}

import { createHash } from 'node:crypto';
import type { Inventory } from '../../core/status.ts';
import type { Host } from './host.ts';

type ReadText = (path: string) => Promise<string>;

/** What the firmware's tables call the makers of virtual machines; the words are those of systemd-detect-virt. */
const hypervisors: readonly [RegExp, string][] = [
  [/Amazon EC2/, 'amazon'],
  [/Google/, 'google'],
  [/KVM|OpenStack|KubeVirt|RHEV|oVirt|Nutanix|AHV/, 'kvm'],
  [/VMware|VMW/, 'vmware'],
  [/innotek GmbH|VirtualBox/, 'oracle'],
  [/Parallels/, 'parallels'],
  [/BHYVE/, 'bhyve'],
  [/Microsoft Corporation.*Virtual|Hyper-V/, 'microsoft'],
  [/Xen/, 'xen'],
  [/QEMU|Bochs/, 'qemu'],
];

/** The machine as its firmware names it, and what it runs on. */
export async function readMachine(
  text: ReadText,
  cpuInfo: string,
): Promise<Pick<Inventory, 'machine' | 'hypervisor'>> {
  const dmi = (name: string): Promise<string> => text(`/sys/class/dmi/id/${name}`);
  const [vendor, product, board, bios, xen] = await Promise.all([
    dmi('sys_vendor'),
    dmi('product_name'),
    dmi('board_vendor'),
    dmi('bios_vendor'),
    text('/sys/hypervisor/type'),
  ]);
  const machine = [vendor, product].filter(Boolean).join(' ').slice(0, 128);
  return {
    ...(machine && { machine }),
    hypervisor: hypervisorOf([vendor, product, board, bios].join(' '), xen, cpuInfo),
  };
}

/** A processor that has no flag of it runs on none, whoever made the machine; one of ARM has no flags for that. */
function hypervisorOf(dmi: string, xen: string, cpuInfo: string): string {
  const flags = /^flags\s*:(.*)$/m.exec(cpuInfo)?.[1];
  if (flags !== undefined && !/\bhypervisor\b/.test(flags)) return 'none';
  if (xen === 'xen') return 'xen';
  const known = hypervisors.find(([pattern]) => pattern.test(dmi))?.[1];
  return known ?? (flags === undefined ? 'none' : 'other');
}

const dimmsMax = 64;

/** Memory modules as the ECC driver lists them; none where there is no such driver. */
export async function readDimms(host: Host, text: ReadText): Promise<NonNullable<Inventory['dimms']>> {
  const root = '/sys/devices/system/edac/mc';
  const controllers = (await host.list(root).catch((): string[] => [])).filter((mc) => /^mc\d+$/.test(mc));
  const paths = await Promise.all(
    controllers.map(async (mc) => {
      const names = await host.list(`${root}/${mc}`).catch((): string[] => []);
      return names.filter((name) => /^(dimm|rank)\d+$/.test(name)).map((name) => `${root}/${mc}/${name}`);
    }),
  );
  const dimms = paths
    .flat()
    .sort()
    .slice(0, dimmsMax)
    .map(async (path) => {
      const megabytes = Number(await text(`${path}/size`));
      if (!Number.isSafeInteger(megabytes) || megabytes <= 0) return undefined;
      const [label, type] = await Promise.all([text(`${path}/dimm_label`), text(`${path}/dimm_mem_type`)]);
      return { label: label.slice(0, 64), type: type.slice(0, 32), sizeBytes: megabytes * 2 ** 20 };
    });
  return (await Promise.all(dimms)).filter((dimm) => dimm !== undefined);
}

/** Tells one disk from another of its kind, in a place where nobody need know the number on its label. */
export const serialHash = (serial: string): string =>
  createHash('sha256').update(`holdfast-disk-serial ${serial}`).digest('hex').slice(0, 16);

import type { Host } from './host.ts';

export interface MemoryErrors {
  /** Bits that ECC put right. */
  corrected: number;
  /** Bits that it could not. */
  uncorrected: number;
}

const controllersMax = 64;

/**
 * Errors of all memory controllers since their driver was loaded, which is since boot; undefined where the kernel
 * knows of none (no ECC, a virtual machine). https://www.kernel.org/doc/Documentation/ABI/testing/sysfs-devices-edac
 */
export async function readMemoryErrors(host: Host): Promise<MemoryErrors | undefined> {
  const root = '/sys/devices/system/edac/mc';
  const names = (await host.list(root).catch((): string[] => [])).filter((name) => /^mc\d+$/.test(name));
  const controllers = await Promise.all(
    names.slice(0, controllersMax).map(async (name) => ({
      corrected: await readCount(host, `${root}/${name}/ce_count`),
      uncorrected: await readCount(host, `${root}/${name}/ue_count`),
    })),
  );
  const told = controllers.filter(({ uncorrected }) => uncorrected !== undefined);
  if (told.length === 0) return undefined;
  return {
    corrected: told.reduce((sum, { corrected = 0 }) => sum + corrected, 0),
    uncorrected: told.reduce((sum, { uncorrected = 0 }) => sum + uncorrected, 0),
  };
}

/** A file of /sys that holds one whole number. */
export async function readCount(host: Host, path: string): Promise<number | undefined> {
  const text = (await host.readText(path).catch(() => '')).trim();
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

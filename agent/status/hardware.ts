import { readArrays, type ArrayFacts } from './arrays.ts';
import { lookAtDisks, readHeat, type DiskLook, type Heat } from './disk-look.ts';
import { emptyRoll, stepRoll, type DiskRoll } from './disk-roll.ts';
import type { Host } from './host.ts';
import { readMemoryErrors, type MemoryErrors } from './memory-errors.ts';
import { parseMounts } from './proc.ts';
import type { SmartReader } from './smart-reader.ts';
import type { SmartFacts } from './smart.ts';

/** All that is known of one disk. */
export interface DiskFacts {
  name: string;
  state: DiskLook['state'] | 'missing';
  /** Undefined: it has not said anything yet; empty: it has nothing to say. */
  smart: SmartFacts | undefined;
  /** By its sensor, else as it said itself. */
  temperatureC: number | undefined;
  /** What it may have, °C; undefined: it does not say. */
  temperatureLimitC: number | undefined;
}

export interface HardwareFacts {
  /** Undefined where the kernel lists none. */
  disks: DiskFacts[] | undefined;
  arrays: ArrayFacts[];
  memoryErrors: MemoryErrors | undefined;
  /** Whether disks were asked for their health at all. */
  isSmartAnswered: boolean;
}

export interface HardwareDeps {
  host: Host;
  /** @default no disk is asked */
  smart?: SmartReader;
  /** Disks in use when the agent last looked, from before its start. */
  roll?: DiskRoll;
  /** They changed. */
  keepRoll?: (roll: DiskRoll) => void;
}

/** Who looks each second gets what is at most so old. */
const lookEveryMs = 10_000;
/** drivetemp asks the disk, which some take for work: they would never sleep. https://docs.kernel.org/hwmon/drivetemp.html */
const heatEveryMs = 5 * 60_000;

/** A reader of disks, arrays and memory, each as often as it is worth. Never rejects. */
export function createHardwareReader(deps: HardwareDeps): () => Promise<HardwareFacts> {
  const { host, smart = noSmart } = deps;
  let roll = deps.roll ?? emptyRoll;
  const heats = new Map<string, Heat | undefined>();
  let [lookedAt, heatReadAt] = [-Infinity, -Infinity];
  let looking: Promise<Omit<HardwareFacts, 'isSmartAnswered'>> | undefined;

  const readHeats = async (names: readonly string[]): Promise<void> => {
    if (host.now() - heatReadAt < heatEveryMs && names.every((name) => heats.has(name))) return;
    heatReadAt = host.now();
    const read = names.map(async (name) => [name, await readHeat(host, name)] as const);
    heats.clear();
    for (const [name, heat] of await Promise.all(read)) heats.set(name, heat);
  };
  const readDisks = async (): Promise<DiskFacts[]> => {
    const [mountinfo, bootId] = await Promise.all([
      host.readText('/proc/self/mountinfo').catch(() => ''),
      host.readText('/proc/sys/kernel/random/boot_id').catch(() => ''),
    ]);
    const looks = await lookAtDisks(
      host,
      parseMounts(mountinfo).map(({ source }) => source),
    );
    const stepped = stepRoll(roll, looks, bootId.trim());
    if (stepped.roll !== roll) deps.keepRoll?.(stepped.roll);
    roll = stepped.roll;
    const names = looks.map(({ name }) => name);
    smart.refresh(names.filter((name) => !isVirtual(name)));
    await readHeats(names);
    const here = looks.map(({ name, state }): DiskFacts => {
      const [told, heat] = [isVirtual(name) ? {} : smart.of(name), heats.get(name)];
      return {
        ...{ name, state, smart: told, temperatureC: heat?.temperatureC ?? told?.temperatureC },
        temperatureLimitC: heat?.temperatureLimitC ?? told?.temperatureLimitC,
      };
    });
    const gone = stepped.missing.map((name): DiskFacts => {
      const unknown = { smart: undefined, temperatureC: undefined, temperatureLimitC: undefined };
      return { name, state: 'missing', ...unknown };
    });
    return [...gone, ...here];
  };
  const look = async (): Promise<Omit<HardwareFacts, 'isSmartAnswered'>> => {
    const [disks, arrays, memoryErrors] = await Promise.all([
      readDisks().catch(() => undefined),
      readArrays(host),
      readMemoryErrors(host),
    ]);
    return { disks, arrays, memoryErrors };
  };

  return async () => {
    const age = host.now() - lookedAt;
    if (!looking || age >= lookEveryMs || age < 0) {
      lookedAt = host.now();
      looking = look();
    }
    return { ...(await looking), isSmartAnswered: smart.isAnswered };
  };
}

const noSmart: SmartReader = { refresh: () => undefined, of: () => undefined, isAnswered: false };

/** A hypervisor's: it has no health of its own. */
export const isVirtual = (name: string): boolean => /^x?vd/.test(name);

import { readFile } from 'node:fs/promises';

/** What the kernel says of a block device, by its device number. */
function sysPath(rdev: number): string {
  const major = (rdev >> 8) & 0xfff;
  const minor = (rdev & 0xff) | ((rdev >> 12) & 0xfff00);
  return `/sys/dev/block/${major}:${minor}`;
}

export async function deviceSizeBytes(rdev: number): Promise<number> {
  return Number(await readFile(`${sysPath(rdev)}/size`, 'utf8')) * 512;
}

/** Where the kinds of devices keep a name of their own; a partition's is its disk's and its number. */
const serialFiles = [
  'wwid',
  'device/wwid',
  'serial',
  'device/serial',
  'dm/uuid',
  'loop/backing_file',
  '../wwid',
  '../device/wwid',
  '../serial',
  '../device/serial',
];

/** WWN or serial number; a device without one goes by its number. */
export async function deviceSerial(rdev: number): Promise<string> {
  const base = sysPath(rdev);
  const partition = await readText(`${base}/partition`);
  for (const file of serialFiles) {
    const serial = await readText(`${base}/${file}`);
    if (serial) return `${serial}${partition ? `-part${partition}` : ''}`.slice(0, 400);
  }
  return `number:${rdev}`;
}

async function readText(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').then(
    (text) => text.trim() || undefined,
    () => undefined,
  );
}

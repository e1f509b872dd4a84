import { HoldfastError } from './errors.ts';

/**
 * Node's recursive mkdir never returns below /proc, where the kernel answers ENOENT for every new name. Throws
 * CONFIG for an absolute path there; `option` names what gave it.
 */
export function refuseProcPath(path: string, option: string): string {
  if (path !== '/proc' && !path.startsWith('/proc/')) return path;
  throw new HoldfastError('CONFIG', `${path} cannot hold files: /proc is the kernel's`, {
    hint: `name a directory on a disk with ${option}`,
  });
}

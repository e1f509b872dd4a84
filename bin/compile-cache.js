import { lstatSync, mkdirSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

/**
 * Keeps what Node compiles for the next start, which then takes less than half of the time. In the user's own cache
 * folder: what somebody else can write to (Node's default is below /tmp) is code that runs as us. Without such a folder
 * there is no cache; NODE_COMPILE_CACHE and NODE_DISABLE_COMPILE_CACHE keep their meaning.
 */
export function useCompileCache(env) {
  if (env.NODE_COMPILE_CACHE || env.NODE_DISABLE_COMPILE_CACHE) return;
  try {
    const folder = join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'holdfast', 'compiled');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const { uid, mode } = lstatSync(folder);
    if (uid !== process.getuid() || (mode & 0o022) !== 0) return;
    enableCompileCache(folder);
    // For the threads and processes that this one starts.
    env.NODE_COMPILE_CACHE = folder;
  } catch {
    // A start that takes longer is no reason to say anything.
  }
}

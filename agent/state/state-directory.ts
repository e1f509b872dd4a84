import { chmod, mkdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { HoldfastError } from '../../core/errors.ts';
import { refuseProcPath } from '../../core/file-path.ts';
import { lockProcess } from './process-lock.ts';
import { ioError } from './versioned-file.ts';

/** Where the agent keeps what must outlive it. Mode 0700; one process at a time. */
export interface StateDirectory {
  readonly path: string;
  /** Path of an entry. */
  file(name: string): string;
  close(): Promise<void>;
}

type Env = Record<string, string | undefined>;

/** A Unix socket's path has at most 107 bytes; 40 of them are for what we put below the directory. */
const pathBytesMax = 67;

/** `--state-dir`, else HOLDFAST_AGENT_STATE, else `$XDG_STATE_HOME/holdfast-agent`, else below the home. Throws CONFIG. */
export function stateDirectoryPath(option: string | undefined, env: Env): string {
  const named = option ?? env.HOLDFAST_AGENT_STATE;
  if (named) return refuseProcPath(resolve(named), '--state-dir');
  return join(env.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'holdfast-agent');
}

/** Where `restore` keeps what it has to remember, without an agent. */
export function standaloneStatePath(option: string | undefined, env: Env): string {
  if (option) return refuseProcPath(resolve(option), '--state-dir');
  return join(env.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'holdfast');
}

/** Both places where this user's restores are remembered unless told otherwise. */
export const stateDirectories = (env: Env): string[] => [
  standaloneStatePath(undefined, env),
  stateDirectoryPath(undefined, env),
];

/** The control socket's path: where a running agent answers its own CLI. */
export const controlSocketPath = (statePath: string): string => join(statePath, 'control.sock');

/** Makes the directory if needed and locks it. Throws BUSY (another agent), CONFIG (path), FORBIDDEN, IO. */
export async function openStateDirectory(path: string): Promise<StateDirectory> {
  if (Buffer.byteLength(path) > pathBytesMax)
    throw new HoldfastError('CONFIG', `the state directory's path is too long: ${path}`, {
      hint: `Unix sockets live in it: choose one of at most ${pathBytesMax} bytes with --state-dir`,
    });
  let identity: string;
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    const found = await stat(path);
    if (!found.isDirectory())
      throw new HoldfastError('CONFIG', `the state directory ${path} is not a directory`, {
        hint: 'name another one with --state-dir',
      });
    if ((found.mode & 0o077) !== 0) await chmod(path, 0o700);
    identity = `${found.dev}:${found.ino}`;
  } catch (cause) {
    if (cause instanceof HoldfastError) throw cause;
    throw ioError('use the state directory', path, cause);
  }
  const lock = await lockProcess(`holdfast-agent/${identity}`, {
    message: `another holdfast-agent uses the state directory ${path}`,
    hint: 'stop it, or give this one its own directory with --state-dir',
  });
  return { path, file: (name) => join(path, name), close: () => lock.release() };
}

import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { HoldfastError } from '../../core/errors.ts';
import type { NbdListen } from './listen.ts';
import type { NbdTls } from './server.ts';

/** `unix:PATH` or `tcp:HOST:PORT` (an IPv6 host in brackets). Throws USAGE. */
export function parseNbdListen(text: string): NbdListen {
  if (text.startsWith('unix:') && text.length > 'unix:'.length) return { unix: text.slice('unix:'.length) };
  const tcp = /^tcp:(?:\[([0-9a-f:.]+)\]|([^:[\]]+)):(\d{1,5})$/i.exec(text);
  const port = Number(tcp?.[3]);
  if (tcp && port <= 65535) return { host: tcp[1] ?? tcp[2]!, port };
  throw new HoldfastError('USAGE', `“${text.slice(0, 200)}” is no place to serve NBD on`, {
    hint: 'write unix:/run/volume.sock or tcp:127.0.0.1:10809',
  });
}

/** The protocol's limit for a string, in bytes of UTF-8. */
const exportNameBytesMax = 4096;

/** What clients ask for: as given, else the last part of the source. Throws USAGE. */
export function exportNameOf(given: string | undefined, source: string): string {
  const name = given ?? basename(source);
  if (Buffer.byteLength(name) <= exportNameBytesMax) return name;
  throw new HoldfastError('USAGE', `the export name has more than ${exportNameBytesMax} bytes`, {
    hint: 'NBD clients cannot ask for it: choose a shorter --export-name',
  });
}

/** The file names that nbdkit and qemu look for, too. Throws CONFIG which names the file that is missing. */
export async function readTlsFolder(folder: string): Promise<NbdTls> {
  const pem = (name: string): Promise<string> =>
    readFile(join(folder, name), 'utf8').catch((cause: NodeJS.ErrnoException) => {
      throw new HoldfastError('CONFIG', `cannot read ${join(folder, name)}: ${cause.message}`, {
        hint: 'the folder needs server-key.pem, server-cert.pem and ca-cert.pem (which signs the clients)',
        cause,
      });
    });
  const [key, cert, ca] = await Promise.all([
    pem('server-key.pem'),
    pem('server-cert.pem'),
    pem('ca-cert.pem'),
  ]);
  return { key, cert, ca };
}

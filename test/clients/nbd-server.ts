import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BlockDevice } from '../../core/block-device.ts';
import { openFileDevice } from '../../agent/nbd/file-device.ts';
import { serveNbd, type NbdServer, type NbdServerOptions } from '../../agent/nbd/server.ts';

/** A folder of a test's own, removed when its process ends. */
export function testFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'nbd-clients-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface ServedFile {
  server: NbdServer;
  uri: string;
  device: BlockDevice;
  close(): Promise<void>;
}

/** Serves a file under the name 'v' on a Unix socket beside it. */
export async function serveFile(
  path: string,
  options: Partial<NbdServerOptions> & {
    readOnly?: boolean;
    wrap?: (device: BlockDevice) => BlockDevice;
  } = {},
): Promise<ServedFile> {
  const file = await openFileDevice(path, { readOnly: options.readOnly ?? false });
  const device = options.wrap ? options.wrap(file) : file;
  const server = await serveNbd({
    listen: { unix: `${path}.sock` },
    exports: () => [{ name: 'v', description: 'a test image', device }],
    ...options,
  });
  return {
    server,
    uri: server.uri('v'),
    device,
    close: async () => {
      await server.close();
      await file.close();
    },
  };
}

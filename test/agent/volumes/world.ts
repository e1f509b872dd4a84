import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { VolumeService } from '../../../agent/ports.ts';
import { makeVolumeService, type VolumeServiceDeps } from '../../../agent/volumes/volume-service.ts';
import { NbdClient } from '../../../cli/demo/nbd-client.ts';
import { startS3, type TestS3 } from '../../support/s3.ts';

export const MiB = 1024 * 1024;
export const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** A real S3 server, a folder, and volume services that end with it. */
export class World {
  readonly s3: TestS3;
  readonly dir: string;
  readonly #services: VolumeService[] = [];

  private constructor(s3: TestS3, dir: string) {
    this.s3 = s3;
    this.dir = dir;
  }

  static async open(): Promise<World> {
    return new World(await startS3(), await mkdtemp(join(tmpdir(), 'holdfast-volumes-')));
  }

  /** Services of one name share their state directory, as an agent does with its next life. */
  async service(name: string, options: Partial<VolumeServiceDeps> = {}): Promise<VolumeService> {
    const made = makeVolumeService({
      directory: join(this.dir, name, 'volumes'),
      nbdSocket: join(this.dir, name, 'nbd.sock'),
      bucketFor: () =>
        Promise.resolve({ client: this.s3.client, bucket: this.s3.bucket, prefix: `${name}/` }),
      ...options,
    });
    await made.start();
    this.#services.push(made);
    return made;
  }

  async file(name: string, sizeBytes: number): Promise<{ path: string; bytes: Buffer }> {
    const path = join(this.dir, `${name}.img`);
    const bytes = randomBytes(sizeBytes);
    await writeFile(path, bytes);
    return { path, bytes };
  }

  nbd(volumes: VolumeService, volumeId: string): Promise<NbdClient> {
    return NbdClient.open(volumes.get(volumeId).nbdSocket ?? '', volumeId);
  }

  async closeServices(): Promise<void> {
    for (const service of this.#services.splice(0)) await service.close();
  }

  async close(): Promise<void> {
    await this.closeServices();
    await this.s3.close();
    await rm(this.dir, { recursive: true });
  }
}

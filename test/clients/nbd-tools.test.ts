import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { clientOutput, describeWithClients, runClient } from '../support/clients.ts';
import { serveFile, testFolder, type ServedFile } from './nbd-server.ts';

const MiB = 1 << 20;
const folder = testFolder();
const sha = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

describeWithClients(['nbdinfo', 'nbdcopy'], 'libnbd tools', () => {
  const image = join(folder, 'libnbd');
  let served: ServedFile;
  beforeEach(async () => {
    writeFileSync(image, Buffer.concat([randomBytes(MiB), Buffer.alloc(1000), randomBytes(MiB + 24)]));
    truncateSync(image, 8 * MiB + 512);
    served = await serveFile(image);
  });
  afterEach(() => served.close());

  it('nbdinfo sees what the export can do', async () => {
    const info = JSON.parse(await clientOutput('nbdinfo', ['--json', served.uri])) as { exports: object[] };
    expect(info).toMatchObject({ protocol: 'newstyle-fixed', TLS: false, structured: true });
    expect(info.exports[0]).toMatchObject({
      'export-name': 'v',
      description: 'a test image',
      'export-size': 8 * MiB + 512,
      is_read_only: false,
      can_df: true,
      can_fast_zero: true,
      can_flush: true,
      can_fua: true,
      can_multi_conn: true,
      can_trim: true,
      can_zero: true,
      block_size_minimum: 1,
      block_size_preferred: 4096,
      block_size_maximum: 32 * MiB,
      contexts: ['base:allocation', 'holdfast:restore'],
    });
  });

  it('nbdinfo lists exports and knows the lone one without its name', async () => {
    expect(await clientOutput('nbdinfo', ['--list', served.server.uri('')])).toContain('export="v"');
    expect(await clientOutput('nbdinfo', ['--size', served.server.uri('')])).toBe(`${8 * MiB + 512}\n`);
    const unknown = await runClient('nbdinfo', [served.server.uri('other')]);
    expect(unknown.code).not.toBe(0);
    expect(unknown.stderr).toContain('for export: other');
  });

  it('nbdinfo maps the holes of the file', async () => {
    const map = JSON.parse(await clientOutput('nbdinfo', ['--map', '--json', served.uri])) as object[];
    expect(map.at(0)).toMatchObject({ offset: 0, type: 0 });
    expect(map.at(-1)).toMatchObject({ type: 3, description: 'hole,zero' });
  });

  it('nbdcopy reads and writes the same bytes over several connections', async () => {
    const copy = `${image}.copy`;
    await clientOutput('nbdcopy', [served.uri, copy]);
    expect(sha(copy)).toBe(sha(image));
    writeFileSync(copy, randomBytes(8 * MiB));
    await clientOutput('nbdcopy', ['--connections=4', '--requests=64', '--flush', copy, served.uri]);
    expect(
      readFileSync(image)
        .subarray(0, 8 * MiB)
        .equals(readFileSync(copy)),
    ).toBe(true);
  });

  it('nbdcopy is refused by a read-only export, which still can be read', async () => {
    await served.close();
    served = await serveFile(image, { readOnly: true });
    expect(await clientOutput('nbdinfo', [served.uri])).toContain('is_read_only: true');
    expect((await runClient('nbdcopy', [`${image}.copy`, served.uri])).code).not.toBe(0);
    await clientOutput('nbdcopy', [served.uri, `${image}.copy2`]);
    expect(sha(`${image}.copy2`)).toBe(sha(image));
  });
});

describeWithClients(['qemu-img', 'qemu-io'], 'qemu tools', () => {
  const image = join(folder, 'qemu');
  let served: ServedFile;
  beforeEach(async () => {
    writeFileSync(image, randomBytes(4 * MiB));
    served = await serveFile(image);
  });
  afterEach(() => served.close());

  it('qemu-io writes, discards and zeroes, and reads back what it wrote', async () => {
    const commands = [
      'write -P 7 1M 64k',
      'read -P 7 1M 64k',
      'write -f -P 9 1064960 4096',
      'read -P 9 1064960 4096',
      'discard 1M 16k',
      'read -P 0 1M 16k',
      'write -z 2M 1M',
      'write -z -u 3M 64k',
      'read -P 0 2M 1M',
      'read -P 0 3M 64k',
      'aio_write -P 3 0 8k',
      'aio_write -P 4 8k 8k',
      'aio_flush',
      'read -P 3 0 8k',
      'read -P 4 8k 8k',
      'flush',
    ];
    const out = await clientOutput('qemu-io', [
      '-f',
      'raw',
      ...commands.flatMap((c) => ['-c', c]),
      served.uri,
    ]);
    expect(out).not.toMatch(/Pattern verification failed|error|failed/i);
    const bytes = readFileSync(image);
    expect(bytes.subarray(2 * MiB, 3 * MiB).equals(Buffer.alloc(MiB))).toBe(true);
    expect(bytes.subarray(0, 8192).equals(Buffer.alloc(8192, 3))).toBe(true);
  });

  it('qemu-img converts to and from the export and finds them identical', async () => {
    const qcow = `${image}.qcow2`;
    await clientOutput('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', served.uri, qcow]);
    expect(
      await clientOutput('qemu-img', ['compare', '-f', 'raw', '-F', 'qcow2', served.uri, qcow]),
    ).toContain('Images are identical');
    writeFileSync(
      `${image}.src`,
      Buffer.concat([Buffer.alloc(MiB), randomBytes(MiB), Buffer.alloc(2 * MiB)]),
    );
    await clientOutput('qemu-img', ['convert', '-n', '-f', 'raw', '-O', 'raw', `${image}.src`, served.uri]);
    expect(sha(image)).toBe(sha(`${image}.src`));
  });
});

describeWithClients(['nbd-client'], 'nbd-client', () => {
  let served: ServedFile;
  afterEach(() => served.close());
  it('lists exports over TCP', async () => {
    const image = join(folder, 'nbd-client');
    writeFileSync(image, 'x'.repeat(4096));
    served = await serveFile(image, { listen: { host: '127.0.0.1', port: 0 } });
    const { port } = served.server.address as { port: number };
    expect(await clientOutput('nbd-client', ['-l', '127.0.0.1', '-N', '', String(port)])).toMatch(
      /^v: a test image$/m,
    );
  });
});

describeWithClients(['fio-nbd'], 'fio over NBD', () => {
  let served: ServedFile;
  afterEach(() => served.close());
  it('verifies random writes of mixed sizes at depth 16', async () => {
    const image = join(folder, 'fio');
    writeFileSync(image, '');
    truncateSync(image, 16 * MiB);
    served = await serveFile(image);
    const args = [
      '--name=v',
      '--ioengine=nbd',
      `--uri=${served.uri}`,
      '--rw=randwrite',
      '--bsrange=512-128k',
    ];
    const verify = ['--verify=crc32c', '--verify_fatal=1', '--iodepth=16', '--size=16M', '--fsync=64'];
    const out = await clientOutput('fio', [...args, ...verify, '--randrepeat=1', '--output-format=normal'], {
      cwd: folder,
    });
    expect(out).toMatch(/err= 0/);
  });
});

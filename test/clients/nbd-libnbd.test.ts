import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HoldfastError } from '../../core/errors.ts';
import { clientOutput, describeWithClients } from '../support/clients.ts';
import { serveFile, testFolder, type ServedFile } from './nbd-server.ts';

const MiB = 1 << 20;
const image = join(testFolder(), 'image');

/** What no tool asks for: flags, errors and orders of options that only libnbd's own interface can send. */
describeWithClients(['nbdsh'], 'libnbd', () => {
  let served: ServedFile;
  beforeEach(() => writeFileSync(image, randomBytes(MiB)));
  afterEach(() => served.close());
  const python = (script: string) => clientOutput('nbdsh', ['-n', '-c', script]);
  const connected = (script: string, before = '') =>
    python(`import errno\nh = nbd.NBD()\n${before}\nh.connect_uri('${served.uri}')\n${script}\nh.shutdown()`);
  /** Runs `call` and prints the errno's name that it fails with. */
  const failing = (call: string) => `
try:
    ${call}
    print('ok')
except nbd.Error as e:
    print(errno.errorcode[e.errnum])
`;

  it('reads with simple replies where structured ones are not wanted', async () => {
    served = await serveFile(image);
    const out = await connected(
      'print(h.get_structured_replies_negotiated())\nprint(bytes(h.pread(16, 1000)).hex())',
      'h.set_request_structured_replies(False)',
    );
    expect(out).toBe(`False\n${readFileSync(image).subarray(1000, 1016).toString('hex')}\n`);
  });

  it('takes FUA on everything that writes, NO_HOLE and DF', async () => {
    served = await serveFile(image);
    await connected(`
h.pwrite(b'abc', 10, nbd.CMD_FLAG_FUA)
h.zero(4096, 8192, nbd.CMD_FLAG_FUA | nbd.CMD_FLAG_NO_HOLE)
h.trim(4096, 16384, nbd.CMD_FLAG_FUA)
h.flush()
chunks = []
h.pread_structured(3, 10, lambda data, offset, status, err: chunks.append((bytes(data), offset)), nbd.CMD_FLAG_DF)
assert chunks == [(b'abc', 10)]
assert h.pread(4096, 8192) == bytes(4096)
`);
    expect(readFileSync(image).toString('latin1', 10, 13)).toBe('abc');
  });

  it('answers invalid requests with the errno that the protocol names', async () => {
    served = await serveFile(image);
    const out = await connected(
      [
        failing(`h.pread(10, ${MiB} - 5)`),
        failing(`h.pwrite(bytes(10), ${MiB} - 5)`),
        failing(`h.pread(0, 0)`),
        failing(`h.cache(10, 0)`),
        failing(`h.zero(4096, 0, nbd.CMD_FLAG_FAST_ZERO)`),
        failing(`h.pread(10, 0)`),
      ].join('\n'),
      'h.set_strict_mode(0)',
    );
    expect(out.trim().split('\n')).toEqual(['EINVAL', 'ENOSPC', 'EINVAL', 'EINVAL', 'ENOTSUP', 'ok']);
  });

  it('refuses every write to a read-only export', async () => {
    served = await serveFile(image, { readOnly: true });
    const calls = ['h.pwrite(bytes(10), 0)', 'h.trim(10, 0)', 'h.zero(10, 0)', 'h.pread(10, 0)'];
    const out = await connected(calls.map(failing).join('\n'), 'h.set_strict_mode(0)');
    expect(out.trim().split('\n')).toEqual(['EPERM', 'EPERM', 'EPERM', 'ok']);
  });

  it('passes a device’s errors on and stays connected', async () => {
    served = await serveFile(image, {
      wrap: (device) => ({
        ...device,
        readNow: undefined,
        writeNow: undefined,
        read: (into, offset) =>
          offset === 0
            ? Promise.reject(new HoldfastError('CORRUPT', 'chunk 0 is damaged'))
            : device.read(into, offset),
        write: () => Promise.reject(new HoldfastError('NO_SPACE', 'full')),
      }),
    });
    const calls = ['h.pread(10, 0)', 'h.pwrite(bytes(10), 0)', 'h.pread(10, 1)'];
    const out = await connected(calls.map(failing).join('\n'));
    expect(out.trim().split('\n')).toEqual(['EIO', 'ENOSPC', 'ok']);
  });

  it('shows what is restored in the context holdfast:restore, as far as the device looked', async () => {
    served = await serveFile(image, {
      wrap: (device) => ({
        ...device,
        blockStatus: async (context, offset, length, max) =>
          context === 'holdfast:restore'
            ? [
                { lengthBytes: 65536, flags: 1 },
                { lengthBytes: 65536, flags: 0 },
              ]
            : device.blockStatus!(context, offset, length, max),
      }),
    });
    const out = await connected(
      `h.block_status(${MiB}, 0, lambda name, offset, extents, err: print(name, offset, extents))`,
      `h.add_meta_context('holdfast:restore')\nh.add_meta_context('base:allocation')`,
    );
    expect(out).toContain('holdfast:restore 0 [65536, 1, 65536, 0]');
    expect(out).toContain(`base:allocation 0 [${MiB}, 0]`);
  });

  it('haggles over options in any order: LIST, INFO, contexts, ABORT', async () => {
    served = await serveFile(image);
    const path = `${image}.sock`;
    const out = await python(`
h = nbd.NBD()
h.set_opt_mode(True)
h.connect_unix('${path}')
h.opt_list(lambda name, description: print(name, description))
h.set_export_name('nope')
try:
    h.opt_info()
except nbd.Error as e:
    print('unknown')
h.set_export_name('v')
h.opt_list_meta_context(lambda name: print(name))
h.opt_info()
print(h.get_size())
h.opt_abort()
`);
    expect(out.trim().split('\n')).toEqual([
      'v a test image',
      'unknown',
      'base:allocation',
      'holdfast:restore',
      String(MiB),
    ]);
  });

  it('completes 64 overlapping requests out of order on one connection', async () => {
    served = await serveFile(image);
    await connected(`
bufs = [nbd.Buffer(4096) for i in range(64)]
cookies = [h.aio_pread(bufs[i], i * 4096) for i in range(64)]
pending = set(cookies)
while pending:
    h.poll(-1)
    pending = {c for c in pending if not h.aio_command_completed(c)}
data = open('${image}', 'rb').read(64 * 4096)
for i in range(64):
    assert bytes(bufs[i].to_bytearray()) == data[i * 4096:(i + 1) * 4096]
`);
  });
});

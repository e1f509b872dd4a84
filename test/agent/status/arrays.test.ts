import fc from 'fast-check';
import { arrayStatusSchema } from '../../../core/status.ts';
import { parseMdstat, readArrays } from '../../../agent/status/arrays.ts';
import { recordedHost, recordedText } from './recorded-host.ts';

describe('software RAID', () => {
  it('is well while it is checked or waits for that, and not while it lacks a member', () => {
    const states = parseMdstat(recordedText('mdstat')).map(({ name, state, missing }) => [
      name,
      state,
      missing,
    ]);
    expect(states).toEqual([
      ['md3', 'ok', 0],
      ['md127', 'ok', 0],
      ['md4', 'failed', 0],
      ['md6', 'rebuilding', 1],
      ['md8', 'ok', 0],
      ['md7', 'degraded', 1],
      ['md9', 'ok', 0],
      ['md11', 'ok', 0],
      ['md12', 'ok', 0],
      // md219 is the container of a controller's metadata.
    ]);
  });

  it('without redundancy has failed with its member', async () => {
    const host = recordedHost();
    host.texts['/proc/mdstat'] = recordedText('mdstat');
    host.texts['/sys/block/md12/md/array_state'] = 'broken\n';
    host.texts['/sys/block/md3/md/array_state'] = 'clean\n';
    const arrays = await readArrays(host);
    expect(arrays.find(({ name }) => name === 'md12')?.state).toBe('failed');
    expect(arrays.find(({ name }) => name === 'md3')?.state).toBe('ok');
  });

  it('of ZFS are its pools', async () => {
    const host = recordedHost();
    host.folders['/proc/spl/kstat/zfs'] = ['arcstats', 'tank', 'backup', 'lost'];
    host.texts['/proc/spl/kstat/zfs/tank/state'] = 'ONLINE\n';
    host.texts['/proc/spl/kstat/zfs/backup/state'] = 'DEGRADED\n';
    host.texts['/proc/spl/kstat/zfs/lost/state'] = 'SUSPENDED\n';
    expect((await readArrays(host)).map(({ name, state }) => [name, state])).toEqual([
      ['tank', 'ok'],
      ['backup', 'degraded'],
      ['lost', 'failed'],
    ]);
  });

  it('is none where the kernel has none', async () => {
    expect(await readArrays(recordedHost())).toEqual([]);
  });

  it('is never more than a heartbeat may hold, whatever the text', () => {
    const line = fc.oneof(
      fc.string(),
      fc.constantFrom(...recordedText('mdstat').split('\n'), `md${'9'.repeat(50)} : active raid1 a[0]`),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 300 }), (lines) => {
        const arrays = parseMdstat(lines.join('\n'));
        expect(arrays.length).toBeLessThanOrEqual(64);
        for (const array of arrays) expect(arrayStatusSchema.safeParse(array).success).toBe(true);
      }),
    );
  });
});

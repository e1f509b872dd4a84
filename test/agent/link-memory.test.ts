import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { linkMemoryWriter, loadLinkMemory } from '../../agent/connection/link-memory.ts';
import { silentLog } from '../../core/log.ts';
import { temporaryDirectory } from './temporary-directory.ts';

const directory = temporaryDirectory();
const now = 1_795_000_000_000;

describe('what the last connection left behind', () => {
  it('comes back as it was stored', async () => {
    const path = join(directory, 'good.json');
    await linkMemoryWriter(path)({ welcomedSeq: now + 1000, reconnectWindowMs: 5 });
    expect(await loadLinkMemory(path, silentLog, now)).toEqual({
      welcomedSeq: now + 1000,
      reconnectWindowMs: 5,
    });
  });

  it('does not keep a gateway away: a number of the far future, and a damaged file, are forgotten', async () => {
    const path = join(directory, 'future.json');
    await linkMemoryWriter(path)({ welcomedSeq: 8_600_000_000_006_666, reconnectWindowMs: 5 });
    expect(await loadLinkMemory(path, silentLog, now)).toEqual({ welcomedSeq: 0, reconnectWindowMs: 5 });
    await writeFile(path, '{');
    expect(await loadLinkMemory(path, silentLog, now)).toMatchObject({ welcomedSeq: 0 });
  });
});

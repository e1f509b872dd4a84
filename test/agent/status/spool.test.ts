import { appendFileSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openSpool } from '../../../agent/status/spool.ts';
import { heartbeat } from '../../support/fleet.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const folder = temporaryDirectory();
let made = 0;
const newPath = (): string => join(folder, `spool-${++made}`);
const beat = (seq: number) => heartbeat({ seq, sentAt: 1_795_000_000_000 + seq });
const seqs = (spool: { pending(max: number): { seq: number }[] }) =>
  spool.pending(9999).map(({ seq }) => seq);

describe('spool of heartbeats', () => {
  it('keeps what was appended, as it was, until it is acknowledged', async () => {
    const path = newPath();
    let spool = await openSpool({ path });
    for (const seq of [1, 2, 3]) await spool.append(beat(seq));
    await spool.ack('boot-1', 2);
    await spool.ack('boot-1', 2);
    await spool.ack('another', 1);
    expect(spool.pending(1)).toEqual([beat(1)]);
    await spool.close();
    spool = await openSpool({ path });
    expect(spool.pending(10)).toEqual([beat(1), beat(3)]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await spool.close();
  });

  it('drops the oldest over its limit and counts it once', async () => {
    const path = newPath();
    let spool = await openSpool({ path, beatsMax: 3 });
    for (const seq of [1, 2, 3, 4, 5]) await spool.append(beat(seq));
    expect([seqs(spool), spool.dropped]).toEqual([[3, 4, 5], 2]);
    await spool.close();
    spool = await openSpool({ path, beatsMax: 3 });
    expect([seqs(spool), spool.dropped]).toEqual([[3, 4, 5], 0]);
    await spool.close();
  });

  it('survives a crash anywhere in a line: whole lines count, and appending goes on', async () => {
    const path = newPath();
    const spool = await openSpool({ path });
    for (const seq of [1, 2]) await spool.append(beat(seq));
    await spool.ack('boot-1', 1);
    await spool.close();
    const whole = readFileSync(path);
    const lineEnds = [...whole.entries()]
      .filter(([i, byte]) => byte === 10 && whole[i - 1] !== 10 && i > 0)
      .map(([i]) => i);
    const expected = [[], [1], [1, 2], [2]];
    const lengths = lineEnds.flatMap((end) => [end - 40, end - 1, end, end + 1]);
    for (const length of [0, 1, ...lengths]) {
      const torn = newPath();
      writeFileSync(torn, whole.subarray(0, length));
      const again = await openSpool({ path: torn });
      const lines = lineEnds.filter((end) => end <= length).length; // a line without its end is whole JSON, too
      expect(seqs(again)).toEqual(expected[lines]);
      await again.append(beat(9));
      await again.close();
      const third = await openSpool({ path: torn });
      expect(seqs(third)).toEqual([...expected[lines]!, 9]);
      await third.close();
    }
  });

  it('loses no more than the line that a full disk cut', async () => {
    const path = newPath();
    const spool = await openSpool({ path });
    await spool.append(beat(1));
    appendFileSync(path, '{"beat":{"boot');
    await spool.append(beat(3));
    await spool.close();
    const again = await openSpool({ path });
    expect(seqs(again)).toEqual([1, 3]);
    await again.close();
  });

  it('passes over lines that are no heartbeats', async () => {
    const path = newPath();
    writeFileSync(path, '{"beat":{"seq":1}}\nnull\n[]\n{"ack":7}\n');
    appendFileSync(path, `${JSON.stringify({ beat: beat(5) })}\n`);
    const spool = await openSpool({ path });
    expect(seqs(spool)).toEqual([5]);
    await spool.close();
  });

  it('does not grow with heartbeats that come and go', async () => {
    const path = newPath();
    const spool = await openSpool({ path });
    for (let seq = 1; seq <= 150; seq++) {
      await spool.append(beat(seq));
      await spool.ack('boot-1', seq);
    }
    expect(spool.count).toBe(0);
    expect(readFileSync(path, 'utf8').split('\n').filter(Boolean).length).toBeLessThan(150);
    await spool.close();
  });

  it('counts a heartbeat that the disk does not take', async () => {
    const path = newPath();
    const spool = await openSpool({ path });
    await spool.append(beat(1));
    await spool.close(); // the next write fails, as on a full disk
    const closed = spool.append(beat(2));
    await expect(closed).resolves.toBeUndefined();
    expect([seqs(spool), spool.dropped]).toEqual([[1], 1]);
  });

  it('refuses a path that it cannot use, by name', async () => {
    const path = newPath();
    mkdirSync(path);
    await expect(openSpool({ path })).rejects.toMatchObject({
      code: 'IO',
      message: expect.stringContaining(path),
    });
    const huge = newPath();
    writeFileSync(huge, '');
    truncateSync(huge, 65 * 1024 * 1024);
    await expect(openSpool({ path: huge })).rejects.toMatchObject({ code: 'CORRUPT' });
  });
});

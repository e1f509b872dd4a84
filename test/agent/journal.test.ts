import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLog } from '../../core/log.ts';
import { CommandJournal } from '../../agent/commands/command-journal.ts';
import { settledKept } from '../../agent/commands/command-book.ts';
import { replayJournal, type JournalRecord } from '../../agent/commands/journal-records.ts';
import { temporaryDirectory } from './temporary-directory.ts';

const t0 = 1_800_000_000_000;
let now = t0;
const open = (path: string, compactBytes?: number) =>
  CommandJournal.open(path, { now: () => now, log: silentLog, compactBytes });
const taken = (commandId: string): JournalRecord => ({
  r: 'taken',
  commandId,
  at: now,
  attempt: 1,
  kind: 'probe',
  params: { echo: 'x'.repeat(50) },
  needsGo: false,
  expiresAt: t0 + 60_000,
  timeoutMs: 1_000,
});
const life = (commandId: string): JournalRecord[] => [
  taken(commandId),
  { r: 'started', commandId, at: now },
  { r: 'note', commandId, at: now, note: { snapshotId: 's1' } },
  { r: 'finished', commandId, at: now, outcome: { status: 'SUCCEEDED' } },
  { r: 'settled', commandId, at: now },
];
async function fill(path: string, records: JournalRecord[]): Promise<string> {
  const journal = await open(path);
  for (const record of records) await journal.append(record);
  await journal.close();
  return journal.journalId;
}
beforeEach(() => (now = t0));

describe('the command journal', () => {
  it('comes back with its id and every command as it was left', async () => {
    const path = join(temporaryDirectory(), 'j');
    const id = await fill(path, [...life('a').slice(0, 3), ...life('b').slice(0, 4), ...life('c')]);
    const journal = await open(path);
    expect(journal.journalId).toBe(id);
    expect([...journal.entries.keys()]).toEqual(['a', 'b', 'c']);
    expect(journal.entries.get('a')).toMatchObject({ starts: 1, startedAt: t0, note: { snapshotId: 's1' } });
    expect(journal.entries.get('b')).toMatchObject({ outcome: { status: 'SUCCEEDED' }, endedAt: t0 });
    expect(journal.entries.get('c')).toMatchObject({ settledAt: t0 });
    await journal.close();
  });

  it('has each acknowledged record, and no half one, when it is cut at any byte', async () => {
    const path = join(temporaryDirectory(), 'j');
    const records = [...life('a'), ...life('b')];
    const journalId = await fill(path, records);
    const whole = readFileSync(path);
    const ends = [...whole.keys()].filter((at) => whole[at] === 0x0a).map((at) => at + 1);
    expect(ends).toHaveLength(records.length + 1);
    for (let length = ends[0]!; length <= whole.length; length++) {
      const count = ends.filter((end) => end <= length).length;
      expect(replayJournal(whole.subarray(0, length))).toEqual({
        journalId,
        records: records.slice(0, count - 1),
        goodBytes: ends[count - 1],
        damaged: false,
      });
    }
  });

  it('goes on after a torn end as if it had never been written', async () => {
    const path = join(temporaryDirectory(), 'j');
    const journalId = await fill(path, life('a'));
    const whole = readFileSync(path);
    for (const torn of [1, 30, whole.length - whole.indexOf(0x0a) - 2]) {
      writeFileSync(path, whole.subarray(0, whole.length - torn));
      const journal = await open(path);
      await journal.append(taken('after'));
      await journal.close();
      const again = await open(path);
      expect(again.journalId).toBe(journalId);
      expect(again.entries.has('after')).toBe(true);
      await again.close();
    }
  });

  it('is a new journal when its head is lost or its middle is damaged, and keeps the old file', async () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'j');
    const id = await fill(path, life('a'));
    const whole = readFileSync(path);
    const secondLine = whole.indexOf(0x0a) + 20;
    for (const at of [3, secondLine]) {
      const bytes = Buffer.from(whole);
      bytes[at] = bytes[at]! ^ 1;
      writeFileSync(path, bytes);
      now++;
      const journal = await open(path);
      expect(journal.journalId).not.toBe(id);
      expect(journal.entries.size).toBe(0);
      await journal.close();
    }
    expect(readdirSync(directory).filter((name) => name.includes('damaged'))).toHaveLength(2);
  });

  it('is not misled by a flipped bit in its last record', async () => {
    const path = join(temporaryDirectory(), 'j');
    await fill(path, life('a'));
    const bytes = readFileSync(path);
    bytes[bytes.length - 10] = bytes[bytes.length - 10]! ^ 1;
    writeFileSync(path, bytes);
    const journal = await open(path);
    expect(journal.entries.get('a')).toMatchObject({ outcome: { status: 'SUCCEEDED' } });
    expect(journal.entries.get('a')!.settledAt).toBeUndefined();
    await journal.close();
  });

  it('stays small: settled commands lose their parameters, and old ones go', async () => {
    const path = join(temporaryDirectory(), 'j');
    const journal = await open(path, 4_096);
    for (let i = 0; i < 25; i++) for (const record of life(`c${i}`)) await journal.append(record);
    await journal.append(taken('open'));
    expect(journal.entries.size).toBe(26);
    expect(readFileSync(path).length).toBeLessThan(26 * 450 + 4_096);
    await journal.close();
    now += settledKept.ms + 1;
    const later = await open(path);
    expect([...later.entries.keys()]).toEqual(['open']);
    expect(later.entries.get('open')!.params).toEqual({ echo: 'x'.repeat(50) });
    await later.close();
  });

  it('refuses to go on after a write that failed, and loses nothing that it acknowledged', async () => {
    const path = join(temporaryDirectory(), 'j');
    const journal = await open(path);
    await journal.append(taken('a'));
    const { file } = journal as unknown as { file: { datasync: () => Promise<void> } };
    file.datasync = () => Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' }));
    await expect(journal.append(taken('b'))).rejects.toMatchObject({ code: 'IO' });
    expect(journal.entries.has('b')).toBe(false);
    await expect(journal.append(taken('c'))).rejects.toMatchObject({ code: 'IO' });
    await journal.close();
    const again = await open(path);
    expect(again.entries.has('a')).toBe(true);
    await again.close();
  });
});

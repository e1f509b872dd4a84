import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { commandKinds } from '../../core/command-kinds.ts';
import { outcomeSchema } from '../../core/messages.ts';

/**
 * The journal's file: one record a line, `crc32 json\n`, the CRC (8 hex digits) over the JSON's bytes. The first
 * record is the head. A command's records tell its life; whatever is acknowledged to the server is here before.
 */
const id = z.string().min(1).max(64);
const unixMs = z.number().int().nonnegative();
const ofCommand = { commandId: id, at: unixMs };

export const journalRecordSchema = z.discriminatedUnion('r', [
  z.object({ r: z.literal('head'), version: z.literal(1), journalId: id, at: unixMs }),
  z.object({
    r: z.literal('taken'),
    ...ofCommand,
    attempt: z.number().int().positive(),
    kind: z.enum(commandKinds),
    params: z.record(z.string(), z.json()),
    needsGo: z.boolean(),
    expiresAt: unixMs,
    timeoutMs: z.number().int().positive(),
  }),
  z.object({ r: z.literal('started'), ...ofCommand }),
  /** What the executor wants to find again after a crash. */
  z.object({ r: z.literal('note'), ...ofCommand, note: z.record(z.string(), z.string()) }),
  z.object({ r: z.literal('finished'), ...ofCommand, outcome: outcomeSchema }),
  /** The server has the result. */
  z.object({ r: z.literal('settled'), ...ofCommand }),
]);
export type JournalRecord = z.infer<typeof journalRecordSchema>;
export type Taken = Extract<JournalRecord, { r: 'taken' }>;

export function encodeRecord(record: JournalRecord): Buffer {
  const json = JSON.stringify(record);
  return Buffer.from(`${crc32(json).toString(16).padStart(8, '0')} ${json}\n`);
}

/** The record of a line without its newline; undefined where the line is damaged. */
export function decodeRecord(line: string): JournalRecord | undefined {
  const json = line.slice(9);
  if (line[8] !== ' ' || line.slice(0, 8) !== crc32(json).toString(16).padStart(8, '0')) return undefined;
  try {
    return journalRecordSchema.safeParse(JSON.parse(json)).data;
  } catch {
    return undefined;
  }
}

export interface Replay {
  journalId: string | undefined;
  records: JournalRecord[];
  /** Bytes up to the end of the last good record. */
  goodBytes: number;
  /** Something after the first bad line can be read: no torn write of a crash, but damage. */
  damaged: boolean;
}

/** Reads a journal's bytes. A crash can only tear the end off. */
export function replayJournal(bytes: Buffer): Replay {
  const replay: Replay = { journalId: undefined, records: [], goodBytes: 0, damaged: false };
  let torn = false;
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(0x0a, start);
    const record = end < 0 ? undefined : decodeRecord(bytes.toString('utf8', start, end));
    const expected = (record?.r === 'head') === (start === 0);
    if (!record || !expected) torn = true;
    else if (torn) return { ...replay, damaged: true };
    else {
      if (record.r === 'head') replay.journalId = record.journalId;
      else replay.records.push(record);
      replay.goodBytes = end + 1;
    }
    start = end < 0 ? bytes.length : end + 1;
  }
  return replay;
}

import { z } from 'zod';

/** What a gateway can be told to do: parameters by kind, and whether doing it twice does harm. */
const volumeId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'lower-case letters, digits and dashes, at most 40')
  .describe('the volume’s name: lower-case letters, digits and dashes, at most 40');
const snapshotId = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,64}$/, 'a snapshot id')
  .describe('the snapshot’s id');
const path = z
  .string()
  .min(1)
  .max(1_024)
  .regex(/^\/[^\0]*$/, 'an absolute path')
  .describe('absolute path of a file or device on the gateway');

interface KindSpec<S extends z.ZodType> {
  params: S;
  /** True: the agent may simply run it again; false: it waits for `cmd.go` and is never repeated by itself. */
  idempotent: boolean;
  /** Commands of one lane run in the order of submission. */
  lane: (params: z.infer<S>) => string;
  timeoutMs: number;
  summary: string;
}
const kind = <S extends z.ZodType>(spec: KindSpec<S>): KindSpec<S> => spec;
const minutes = 60_000;
const ofVolume = (params: { volumeId: string }) => `volume/${params.volumeId}`;
const bytesPerSec = z.number().int().positive();
const onVolume = z.strictObject({ volumeId });

export const commandSpecs = {
  probe: kind({
    params: z.strictObject({
      echo: z.string().max(200).describe('comes back in the result, at most 200 characters').optional(),
    }),
    idempotent: true,
    lane: () => 'probe',
    timeoutMs: minutes,
    summary: 'answer, with the agent’s version and clock',
  }),
  'status.get': kind({
    params: z.strictObject({}),
    idempotent: true,
    lane: () => 'status',
    timeoutMs: minutes,
    summary: 'collect and return a fresh status',
  }),
  'volume.create': kind({
    params: z.strictObject({
      volumeId,
      path,
      sizeBytes: z
        .number()
        .int()
        .positive()
        .describe('bytes; needed where no file with a size is at the path')
        .optional(),
    }),
    idempotent: true,
    lane: ofVolume,
    timeoutMs: 5 * minutes,
    summary: 'create a volume, or adopt an existing file or device',
  }),
  'volume.delete': kind({
    params: onVolume,
    idempotent: true,
    lane: ofVolume,
    timeoutMs: 5 * minutes,
    summary: 'stop serving a volume and forget it; its data stays',
  }),
  'volume.check': kind({
    params: onVolume,
    idempotent: true,
    lane: ofVolume,
    timeoutMs: 10 * minutes,
    summary: 'check a volume’s health now',
  }),
  'snapshot.create': kind({
    params: onVolume,
    idempotent: false,
    lane: ofVolume,
    timeoutMs: 24 * 60 * minutes,
    summary: 'take a snapshot of a volume to S3, incremental where it can be',
  }),
  'snapshot.delete': kind({
    params: z.strictObject({ volumeId, snapshotId }),
    idempotent: true,
    lane: ofVolume,
    timeoutMs: 60 * minutes,
    summary: 'delete a snapshot and what nothing else refers to',
  }),
  'restore.start': kind({
    params: z.strictObject({
      volumeId,
      snapshotId: snapshotId.describe('the snapshot’s id; without it the volume’s newest').optional(),
      bandwidthBytesPerSec: bytesPerSec
        .describe('bytes a second that the background may take; without it no limit of its own')
        .optional(),
      promisedBytesPerSec: bytesPerSec
        .describe('bytes a second that the background is to keep: by it the restore is due, or late')
        .optional(),
      replace: z
        .boolean()
        .describe('also where the volume is healthy: what was written since the snapshot is lost')
        .optional(),
    }),
    idempotent: false,
    lane: ofVolume,
    timeoutMs: 10 * minutes,
    summary: 'restore a lost volume (a healthy one: replace=true); succeeds as soon as it is usable',
  }),
  'restore.pause': kind({
    params: onVolume,
    idempotent: true,
    lane: ofVolume,
    timeoutMs: minutes,
    summary: 'pause the background of a restore; the volume stays usable',
  }),
  'restore.resume': kind({
    params: onVolume,
    idempotent: true,
    lane: ofVolume,
    timeoutMs: minutes,
    summary: 'go on with a paused restore',
  }),
  'restore.limit': kind({
    params: z.strictObject({
      volumeId,
      bandwidthBytesPerSec: bytesPerSec
        .describe('bytes a second that the background may take; without it no limit of its own')
        .optional(),
    }),
    idempotent: true,
    lane: ofVolume,
    timeoutMs: minutes,
    summary: 'change the bandwidth of a restore’s background while it runs',
  }),
  'restore.cancel': kind({
    params: onVolume,
    idempotent: true,
    lane: ofVolume,
    timeoutMs: minutes,
    summary: 'give a restore up; the volume is refused until it is restored again',
  }),
  'diagnostics.collect': kind({
    params: z.strictObject({}),
    idempotent: true,
    lane: () => 'diagnostics',
    timeoutMs: 5 * minutes,
    summary: 'collect what support asks for first, and upload it',
  }),
  'service.restart': kind({
    params: z.strictObject({}),
    idempotent: false,
    lane: () => 'service',
    timeoutMs: 5 * minutes,
    summary: 'restart the agent',
  }),
  'key.rotate': kind({
    params: z.strictObject({}),
    idempotent: true,
    lane: () => 'identity',
    timeoutMs: 10 * minutes,
    summary: 'replace the gateway’s key now; it replaces it by itself every three to four weeks',
  }),
} as const;

export type CommandKind = keyof typeof commandSpecs;
export const commandKinds = Object.keys(commandSpecs) as [CommandKind, ...CommandKind[]];
export type CommandParams<K extends CommandKind> = z.infer<(typeof commandSpecs)[K]['params']>;

/**
 * A parameter that was given as text, as the kind's schema wants it: a number, true or false, or the text itself. What
 * is none of these stays text, for the schema to refuse in its own words.
 */
export function paramOfText(kind: CommandKind, name: string, text: string): string | number | boolean {
  const { shape } = commandSpecs[kind].params as z.ZodObject;
  const field = Object.hasOwn(shape, name) ? shape[name] : undefined;
  const type = field instanceof z.ZodOptional ? field.unwrap() : field;
  if (type instanceof z.ZodNumber && /^-?\d{1,15}(\.\d{1,15})?$/.test(text)) return Number(text);
  if (type instanceof z.ZodBoolean && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}

export const isCommandKind = (name: string): name is CommandKind => Object.hasOwn(commandSpecs, name);

import { z } from 'zod';
import { HoldfastError } from './errors.ts';
import type { CommandItem } from './model.ts';
import { heartbeatSchema, inventorySchema, volumeFailures, volumeStates } from './status.ts';

/**
 * The diagnostics bundle: what a support engineer asks for first, as one gzipped JSON document. It has the fields that
 * stand here and no others; docs/diagnostics.md says why each is there. Times are Unix ms of the gateway's clock.
 */
export const bundleFormat = 'holdfast-diagnostics';
export const bundleVersion = 1;

export const diagnosticsLimits = {
  packedBytes: 4 * 1024 * 1024,
  /** What a reader unpacks at most. */
  unpackedBytes: 64 * 1024 * 1024,
  textChars: 4_096,
  logLines: 2_000,
  logBytes: 512 * 1024,
  /** The newest ones of the journal. */
  commands: 50,
  /** Cells beyond these are not checked. */
  cells: 16,
  linkTtlSec: 300,
  /** The lifecycle rule of lib/snapshot-bucket.ts takes bundles away after so long. */
  keptDays: 30,
} as const;

const text = z.string().max(diagnosticsLimits.textChars);
const count = z.number().int().nonnegative();
const unixMs = count;
const ms = z.number();
const fraction = z.number().min(0).max(1);

const agentSection = z.object({
  agentVersion: text,
  nodeVersion: text,
  bootId: text,
  pid: count,
  startedAt: unixMs,
  uptimeMs: ms,
  residentBytes: count,
});

const configurationSection = z.object({
  name: text.optional(),
  serverUrl: text,
  stateDir: text,
  keyGeneration: count,
  activatedAt: unixMs,
  cells: z.array(z.object({ cellId: text, webSocketUrl: text })).max(64),
  checkIntervalMs: ms,
  metricsPort: count.optional(),
  metricsDir: text.optional(),
  restoreBytesPerSec: z.number().optional(),
  /** Variables of the allow-list alone; of a proxy's URL scheme, host and port. */
  environment: z.record(text, text),
});

const connectionSection = z.object({
  connected: z.boolean(),
  cellId: text.optional(),
  epoch: count.optional(),
  connects: count,
  losses: count,
  rttMs: ms.optional(),
  clockOffsetMs: ms,
  trouble: text.optional(),
  retryInMs: ms.optional(),
});

const volumeSection = z.object({
  volumeId: text,
  path: text,
  sizeBytes: count,
  state: z.enum(volumeStates),
  health: z.union([
    z.object({ ok: z.literal(true) }),
    z.object({ ok: z.literal(false), reason: z.enum(volumeFailures), detail: text }),
  ]),
  lastSnapshot: z.object({ snapshotId: text, at: unixMs, sizeBytes: count }).optional(),
  restore: z
    .object({
      snapshotId: text,
      fraction,
      restoredBytes: count,
      totalBytes: count,
      bytesPerSec: z.number(),
      lastProgressAt: unixMs,
      etaMs: ms.optional(),
    })
    .optional(),
  upload: z.object({ fraction, lastProgressAt: unixMs }).optional(),
});

const queuesSection = z.object({
  /** Heartbeats that wait for a connection, and those that were given up. */
  spool: z.object({ count, dropped: count }),
  /** Commands of the journal; `open` have no outcome yet, `unsent` one that the server has not acknowledged. */
  journal: z.object({ journalId: text, commands: count, open: count, unsent: count }),
  running: z.array(text).max(200),
});

/** Neither parameters nor outputs: both are the customer's. */
const commandSection = z.object({
  commandId: text,
  kind: text,
  state: z.enum([
    'waiting',
    'started',
    'SUCCEEDED',
    'FAILED',
    'CANCELED',
    'TIMED_OUT',
    'REJECTED',
    'INDETERMINATE',
  ]),
  attempt: count,
  starts: count,
  errorCode: text.optional(),
  takenAt: unixMs,
  startedAt: unixMs.optional(),
  endedAt: unixMs.optional(),
  settledAt: unixMs.optional(),
});

export const checkSteps = ['dns', 'tcp', 'tunnel', 'tls', 'http'] as const;
const checkSection = z.object({
  /** A cell's id, or `s3`. */
  target: text,
  url: text,
  /** Scheme, host and port of the proxy; absent where none is used. */
  proxy: text.optional(),
  ok: z.boolean(),
  /** In order, up to the one that failed; `dns` and `tcp` are the proxy's where there is one. */
  steps: z.array(
    z.object({ step: z.enum(checkSteps), ok: z.boolean(), durationMs: ms, error: text.optional() }),
  ),
  addresses: z.array(text).max(16).optional(),
  tlsVersion: text.optional(),
  certificate: z
    .object({ subject: text, issuer: text, validFrom: text, validTo: text, expiresInDays: z.number() })
    .optional(),
  /** Any status shows that the way is open: nothing in the request says who asks. */
  httpStatus: count.optional(),
  /** Server's clock minus ours, from its `Date` header: a second more or less. */
  clockOffsetMs: ms.optional(),
});
export type NetworkCheck = z.infer<typeof checkSection>;

const logSection = z.object({
  /** Oldest first: `at`, `level`, `event` and the event's own fields. */
  lines: z.array(z.record(text, z.union([text, z.number(), z.boolean()]))).max(diagnosticsLimits.logLines),
  /** Older ones of this boot that had no room. */
  droppedLines: count,
});

const sectionSchemas = {
  agent: agentSection,
  host: inventorySchema,
  configuration: configurationSection,
  connection: connectionSection,
  status: heartbeatSchema,
  volumes: z.array(volumeSection),
  queues: queuesSection,
  commands: z.array(commandSection).max(diagnosticsLimits.commands),
  network: z.array(checkSection),
  log: logSection,
} as const;
export type SectionName = keyof typeof sectionSchemas;
export const sectionNames = Object.keys(sectionSchemas) as [SectionName, ...SectionName[]];
export type Section<N extends SectionName> = z.infer<(typeof sectionSchemas)[N]>;

const note = z.object({ section: z.enum(sectionNames), message: text });

/** Unknown fields are dropped, by whoever writes a bundle and by whoever reads one. */
export const bundleSchema = z.object({
  format: z.literal(bundleFormat),
  version: z.literal(bundleVersion),
  tenantId: text,
  gatewayId: text,
  commandId: text,
  collectedAt: unixMs,
  durationMs: ms,
  ...(z.object(sectionSchemas).partial().shape as {
    [N in SectionName]: z.ZodOptional<(typeof sectionSchemas)[N]>;
  }),
  /** Sections that could not be collected, and why. */
  problems: z.array(note).max(sectionNames.length),
  /** What was left out because the bundle would have been too large. */
  cut: z.array(note).max(sectionNames.length),
});
export type Bundle = z.infer<typeof bundleSchema>;

/** What the command's outcome says of the bundle that it uploaded. */
export const bundleOutputSchema = z.object({
  key: text,
  sizeBytes: count,
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 in hex'),
  sections: z.array(z.enum(sectionNames)),
  problems: z.array(text).max(sectionNames.length),
  cut: z.array(text).max(sectionNames.length),
});
export type BundleOutput = z.infer<typeof bundleOutputSchema>;

/** The folder of the snapshot bucket that no tenant's id may name. */
export const diagnosticsFolder = 'diagnostics';

/** Below the gateway's prefix. */
export const bundleName = (commandId: string): string => `${commandId}.json.gz`;

/** Where a command's bundle is: from whose it is, never from what a gateway says. */
export const bundleKey = ({ tenantId, gatewayId, commandId }: BundleOwner): string =>
  `${diagnosticsFolder}/${tenantId}/${gatewayId}/${bundleName(commandId)}`;
type BundleOwner = Pick<CommandItem, 'tenantId' | 'gatewayId' | 'commandId'>;

const dayMs = 24 * 3_600_000;

/** Throws INVALID_INPUT (another kind), CONFLICT (not done, or failed), GONE (the bundle is too old). */
export function requireBundle(
  command: Pick<CommandItem, 'commandId' | 'kind' | 'state' | 'endedAt'>,
  now: number,
): void {
  const { commandId, kind, state, endedAt = 0 } = command;
  if (kind !== 'diagnostics.collect')
    throw new HoldfastError('INVALID_INPUT', `command ${commandId} is a ${kind}, which leaves no file`, {
      hint: 'only diagnostics.collect has one',
    });
  if (state !== 'SUCCEEDED')
    throw new HoldfastError('CONFLICT', `command ${commandId} is ${state}: there is no bundle of it`, {
      hint: 'wait until it has succeeded, or collect anew',
    });
  if (endedAt + diagnosticsLimits.keptDays * dayMs <= now)
    throw new HoldfastError(
      'GONE',
      `the bundle of command ${commandId} is older than ${diagnosticsLimits.keptDays} days`,
      {
        hint: 'collect a new one',
      },
    );
}

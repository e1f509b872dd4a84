import { z } from 'zod';
import { isDeeperThan } from './json-depth.ts';
import { limits } from './limits.ts';
import { rollupSchema, rollupsPerFrameMax } from './rollups/rollup.ts';
import { heartbeatSchema, inventorySchema } from './status.ts';
import { storableJson, storableNumber } from './storable.ts';

/**
 * Every WebSocket message, in both directions. One message is one text frame of JSON, at most
 * `limits.messageBytes`. The same schemas serve both ends. An unknown type or version is answered with `reject`.
 */
export const protocolVersion = 1;

const id = z.string().min(1).max(64);
const code = z.string().min(1).max(40);
const text = z.string().max(500);
const epoch = z.number().int().nonnegative();
const unixMs = z.number().int().nonnegative();
/** Raw Ed25519 public key and signature, base64url. */
const publicKey = z.string().length(43);
const signature = z.string().length(86);

export const outcomeSchema = z.object({
  status: z.enum(['SUCCEEDED', 'FAILED', 'CANCELED', 'TIMED_OUT', 'REJECTED', 'INDETERMINATE']),
  /** Kind-specific; bounded by the frame. */
  output: z.record(z.string().min(1).max(64), storableJson).optional(),
  error: z.object({ code, message: text, hint: text.optional() }).optional(),
});
export type CommandOutcome = z.infer<typeof outcomeSchema>;

/** What a purpose may do with the tenant's snapshots; each gets credentials of its own. */
export const credentialPurposeSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('snapshot'), volumeId: id }),
  z.object({ kind: z.literal('restore'), volumeId: id, snapshotId: id }),
  z.object({ kind: z.literal('delete'), volumeId: id, snapshotId: id }),
  /** Of the gateway, not of a volume: to upload a diagnostics bundle. */
  z.object({ kind: z.literal('diagnostics') }),
]);
export type CredentialPurpose = z.infer<typeof credentialPurposeSchema>;

const commandRef = z.object({ commandId: id, attempt: z.number().int().positive() });

/** How fast, and how long after the last that was heard of them, a gateway reports for those who watch it. */
export const watchLimits = { everyMinMs: 1_000, everyMaxMs: 60_000, forMaxMs: 5 * 60_000 } as const;

const configVersion = z.number().int().positive();

/** Agent → cloud. */
export const upstreamBodies = {
  hello: z.object({
    bootId: id,
    /** Identity of the command journal: a lost journal gets a new one. */
    journalId: id,
    agentVersion: z.string().max(32),
    sentAt: unixMs,
    /** Version of the configuration that is in force; absent: none was ever set. */
    configVersion: configVersion.optional(),
  }),
  bye: z.object({ reason: text }),
  status: z.object({
    heartbeat: heartbeatSchema,
    /** False where nobody waits for `status.ack`: a report that the next one replaces. Absent: it is awaited. */
    wantsAck: z.boolean().optional(),
    /** Of the past, for plots; it is stored when the status is acknowledged. One that is not valid costs only itself. */
    rollups: z.array(rollupSchema.optional().catch(undefined)).max(rollupsPerFrameMax).optional(),
  }),
  inventory: z.object({ inventory: inventorySchema }),
  'probe.ok': z.object({ probeId: id }),
  'cmd.ack': commandRef.extend({ journalId: id }),
  'cmd.progress': commandRef.extend({ fraction: storableNumber.min(0).max(1), note: text.optional() }),
  'cmd.result': commandRef.extend({ outcome: outcomeSchema, startedAt: unixMs, endedAt: unixMs }),
  'state.reported': z.object({
    version: configVersion,
    outcome: z.enum(['applied', 'refused']),
    problems: z.array(text).max(8).optional(),
  }),
  'creds.get': z.object({ requestId: id, purpose: credentialPurposeSchema }),
  /** Asks for another key (core/identity/key-rotation.ts); repeated as it is until `key.rotated` says that it is there. */
  'key.rotate': z.object({
    generation: z.number().int().positive(),
    publicKey,
    proofOfOld: signature,
    proofOfNew: signature,
  }),
  reject: z.object({ messageId: z.string().max(64).optional(), code, message: text }),
} as const;

/** Cloud → agent. */
export const downstreamBodies = {
  welcome: z.object({
    gatewayId: id,
    /** What people call it. */
    name: z.string().max(80).optional(),
    heartbeatIntervalMs: z
      .number()
      .int()
      .min(1_000)
      .max(9 * 60_000),
    reconnectWindowMs: z.number().int().min(0).max(3_600_000),
    /** Status frames that changes may cause at once; after that one a minute. */
    changeBurst: z.number().int().min(1).max(100).optional(),
    serverTime: unixMs,
  }),
  superseded: z.object({ byEpoch: epoch }),
  drain: z.object({ reason: text, deadlineMs: z.number().int().positive() }),
  probe: z.object({ probeId: id }),
  'status.ack': z.object({ bootId: id, seq: z.number().int().nonnegative(), receivedAt: unixMs }),
  /** It is stored; repeated for one that is already. */
  'inventory.ack': z.object({ hash: z.string().max(64) }),
  cmd: commandRef.extend({
    /** Judged by the agent, so that one which is too old for a kind can say so. */
    kind: z.string().min(1).max(64),
    /** Validated against the kind's schema by the agent once more. */
    params: z.record(z.string(), z.json()),
    /** True where the agent must wait for `cmd.go` after its `cmd.ack` (kinds that are not idempotent). */
    needsGo: z.boolean(),
    expiresAt: unixMs,
    timeoutMs: z.number().int().positive(),
  }),
  'cmd.go': commandRef,
  'cmd.cancel': z.object({ commandId: id }),
  'result.ack': commandRef,
  /** Judged by the agent, so that one which is too old for a setting can say so. */
  'state.desired': z.object({ version: configVersion, configuration: z.record(z.string(), z.json()) }),
  /** Somebody looks: one status each `everyMs`, for so long and no longer. */
  watch: z.object({
    everyMs: z.number().int().min(watchLimits.everyMinMs).max(watchLimits.everyMaxMs),
    forMs: z.number().int().positive().max(watchLimits.forMaxMs),
  }),
  creds: z.object({
    requestId: id,
    credentials: z
      .object({
        accessKeyId: z.string().max(256),
        secretAccessKey: z.string().max(256),
        sessionToken: z.string().max(4_096),
        expiresAt: unixMs,
        region: z.string().max(64),
        bucket: z.string().max(63),
        /** Without leading or trailing slash: the repository of this gateway's volume, or its folder for bundles. */
        prefix: z.string().max(512),
        /** Where S3 is, if not the region's own endpoint. */
        endpoint: z.string().max(256).optional(),
      })
      .optional(),
    error: z.object({ code, message: text }).optional(),
  }),
  /** The key that is in force now. */
  'key.rotated': z.object({ keyGeneration: z.number().int().positive(), publicKey }),
  reject: z.object({ messageId: z.string().max(64).optional(), code, message: text }),
} as const;

export type UpstreamType = keyof typeof upstreamBodies;
export type DownstreamType = keyof typeof downstreamBodies;

export interface Envelope<T extends string, B> {
  v: typeof protocolVersion;
  t: T;
  id: string;
  /** The connection's epoch: the dialSeq of the token that opened it. Frames of another epoch are dropped. */
  epoch: number;
  /** Counts the frames of one sender on one connection, from 1. */
  seq: number;
  /** Sender's clock, Unix ms. */
  ts: number;
  body: B;
}
export type Upstream = {
  [T in UpstreamType]: Envelope<T, z.infer<(typeof upstreamBodies)[T]>>;
}[UpstreamType];
export type Downstream = {
  [T in DownstreamType]: Envelope<T, z.infer<(typeof downstreamBodies)[T]>>;
}[DownstreamType];

/** A frame that cannot be accepted, ready to be answered with `reject`. */
export interface FrameProblem {
  code: 'TOO_LARGE' | 'NOT_JSON' | 'BAD_ENVELOPE' | 'UNKNOWN_VERSION' | 'UNKNOWN_TYPE' | 'BAD_BODY';
  message: string;
  messageId: string | undefined;
}
export type Parsed<M> = { ok: true; message: M } | { ok: false; problem: FrameProblem };

const envelopeSchema = z.object({
  v: z.number().int(),
  t: z.string().max(32),
  id,
  epoch,
  seq: z.number().int().nonnegative(),
  ts: unixMs,
  body: z.unknown(),
});

function parseFrame<M>(frame: string, bodies: Record<string, z.ZodType>): Parsed<M> {
  const fail = (code: FrameProblem['code'], message: string, messageId?: string): Parsed<M> => ({
    ok: false,
    problem: { code, message: message.slice(0, 500), messageId },
  });
  if (Buffer.byteLength(frame) > limits.messageBytes)
    return fail('TOO_LARGE', `a message has at most ${limits.messageBytes} bytes`);
  let json: unknown;
  try {
    json = JSON.parse(frame);
  } catch {
    return fail('NOT_JSON', 'the message is not JSON');
  }
  if (isDeeperThan(json, limits.jsonLevels))
    return fail('BAD_ENVELOPE', `the message nests deeper than ${limits.jsonLevels} levels`);
  const envelope = envelopeSchema.safeParse(json);
  if (!envelope.success) return fail('BAD_ENVELOPE', z.prettifyError(envelope.error));
  const { v, t, id: messageId } = envelope.data;
  if (v !== protocolVersion)
    return fail('UNKNOWN_VERSION', `version ${v} is not ${protocolVersion}`, messageId);
  const schema = Object.hasOwn(bodies, t) ? bodies[t] : undefined;
  if (!schema) return fail('UNKNOWN_TYPE', `no message type "${t}" in this direction`, messageId);
  const body = schema.safeParse(envelope.data.body);
  if (!body.success) return fail('BAD_BODY', `${t}: ${z.prettifyError(body.error)}`, messageId);
  return { ok: true, message: { ...envelope.data, body: body.data } as M };
}

/** What API Gateway itself tells a client whose frame no function answered: none was free, or it failed or took too long. */
const notHandledSchema = z.object({
  message: z.string().max(200),
  connectionId: z.string().max(200),
  requestId: z.string().max(200),
});
export type NotHandled = z.infer<typeof notHandledSchema>;

/** Reads API Gateway's own frame; undefined for every other. What was sent may have had its effect all the same. */
export function parseNotHandled(frame: string): NotHandled | undefined {
  if (Buffer.byteLength(frame) > 1_000) return undefined;
  try {
    return notHandledSchema.safeParse(JSON.parse(frame)).data;
  } catch {
    return undefined;
  }
}

/** Parses what a gateway sent. Never throws. */
export const parseUpstream = (frame: string): Parsed<Upstream> => parseFrame(frame, upstreamBodies);
/** Parses what the cloud sent. Never throws. */
export const parseDownstream = (frame: string): Parsed<Downstream> => parseFrame(frame, downstreamBodies);

import { z } from 'zod';
import { HoldfastError } from '../core/errors.ts';
import { reconnectWindowMsOf } from '../core/reconnect-window.ts';

/** A context value given with `-c key=value` is text; from cdk.json or CDK_CONTEXT_JSON it has its own type. */
const fromText = (value: unknown): unknown => {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
};
const json = <S extends z.ZodType>(schema: S) => z.preprocess(fromText, schema);
const list = <S extends z.ZodType>(schema: S) =>
  z.preprocess((value) => {
    const parsed = fromText(value);
    return typeof parsed === 'string' ? parsed.split(',').map((item) => item.trim()) : parsed;
  }, schema);

const cellId = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,19}$/, 'a cell id: a-z first, then a-z, 0-9, -; at most 20')
  .refine((id) => id !== 'home', '"home" is the name of the home stack');
const rate = z
  .string()
  .regex(/^rate\((1 minute|([2-9]|[1-5]\d) minutes)\)$/, 'rate(1 minute) to rate(59 minutes)');
const logRetentionDays = [1, 3, 5, 7, 14, 30, 60, 90, 180, 365, 731] as const;

/** Every context key that Holdfast reads, with its default. */
const schema = z.object({
  /** Where both kinds of stack are deployed. */
  region: z
    .string()
    .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'a region such as eu-central-1')
    .default('eu-central-1'),
  /** One WebSocket API with its handlers for each. */
  cells: list(
    z
      .array(cellId)
      .min(1)
      .max(64)
      .refine((ids) => new Set(ids).size === ids.length, 'each cell once'),
  ).default(['cell-1', 'cell-2']),
  /** How a message finds the cell that holds its gateway's connection. */
  forwardingMode: z.enum(['registry', 'broadcast', 'hybrid']).default('registry'),
  schedules: json(
    z.strictObject({
      sweeper: rate.default('rate(1 minute)'),
      bulkRunner: rate.default('rate(1 minute)'),
      statusProxy: rate.default('rate(1 minute)'),
      alertRetries: rate.default('rate(1 minute)'),
      designReport: rate.default('rate(30 minutes)'),
    }),
  ).prefault({}),
  heartbeatIntervalMs: json(
    z
      .number()
      .int()
      .min(1_000)
      .max(9 * 60_000, 'API Gateway closes a connection that is idle for 10 min'),
  ).default(300_000),
  /** Most gateways of all deployments in this account and region, which share its quota of new connections. */
  gatewayCountMax: json(
    z.number().int().min(1).max(150_000, 'more need a higher quota of connections, and a reconnectWindowMs'),
  ).default(10_000),
  /** Gateways that lost their connection spread their dials over this time. Default: what gatewayCountMax needs. */
  reconnectWindowMs: json(z.number().int().min(0).max(3_600_000)).optional(),
  /** Changes of status that an agent may send at once before it keeps to one a minute. */
  changeBurst: json(z.number().int().min(1).max(100)).default(5),
  latestAgentVersion: z
    .string()
    .regex(/^\d+\.\d+\.\d+$/, 'a version such as 1.4.0')
    .default('0.1.0'),
  /** Operators by IAM, or by the tokens of an OIDC issuer for one of these audiences. */
  operatorAuth: json(
    z.union([
      z.literal('iam'),
      z.strictObject({
        issuer: z.url({ protocol: /^https$/ }),
        audience: z.array(z.string().min(1)).min(1),
        scopes: z.array(z.string().min(1)).optional(),
      }),
    ]),
  ).default('iam'),
  /** Construct name → concurrency that is kept for it, and that it may not exceed. */
  reservedConcurrency: json(z.record(z.string(), z.number().int().min(1).max(1_000))).default({
    Sweeper: 1,
    BulkRunner: 1,
    StatusProxy: 1,
    AlertRetries: 1,
    DesignReport: 1,
    // Targets that hang take this much and no more.
    AlertDelivery: 40,
  }),
  /** Webhooks on this machine over plain http: for the local mode, which alone heeds it. */
  loopbackWebhooks: z.enum(['refused', 'allowed']).default('refused'),
  /**
   * Of the account's concurrency, what the functions that connections drive may have, all cells together; each gets an
   * equal part. A storm of dials or disconnects then leaves the rest to the API. 0: no bound.
   */
  connectionConcurrency: json(z.number().int().min(0).max(10_000)).default(480),
  alarmEmail: z.email().optional(),
  logRetentionDays: json(z.union(logRetentionDays.map((days) => z.literal(days)))).default(30),
});
export type Config = z.infer<typeof schema> & { reconnectWindowMs: number };

/**
 * The deployment's configuration from CDK context, which also holds what the CDK keeps there for itself.
 * Throws CONFIG that names the key and what it may be.
 */
export function readConfig(context: Readonly<Record<string, unknown>>): Config {
  // The CDK's own keys have a colon, a slash or an @ in them.
  const unknown = Object.keys(context).find((key) => /^[A-Za-z]+$/.test(key) && !(key in schema.shape));
  if (unknown)
    throw new HoldfastError('CONFIG', `context ${unknown}: there is no such key`, {
      hint: `the keys are ${Object.keys(schema.shape).join(', ')}`,
    });
  const parsed = schema.safeParse(context);
  if (parsed.success)
    return {
      ...parsed.data,
      reconnectWindowMs: parsed.data.reconnectWindowMs ?? reconnectWindowMsOf(parsed.data.gatewayCountMax),
    };
  const [issue] = parsed.error.issues;
  throw new HoldfastError('CONFIG', `context ${issue?.path.join('.')}: ${issue?.message}`, {
    hint: 'set it with -c key=value or under "context" in cdk.json',
  });
}

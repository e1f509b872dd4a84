import { z } from 'zod';
import { commandKinds, commandSpecs } from '../core/command-kinds.ts';
import { conditionById, conditionIds } from '../core/conditions/conditions.ts';
import { timeWindowSchema, timeZoneSchema } from '../core/configuration/configuration.ts';
import { durationMsOf, writtenDuration } from '../core/duration.ts';
import { severities } from '../core/model.ts';
import { didYouMean } from '../core/nearest-names.ts';
import { plainIssues } from '../core/plain-issues.ts';
import { volumeFailures, volumeStates } from '../core/status.ts';
import { typed } from '../core/typed.ts';

/**
 * The format of a playbook: which alert is answered by which command. A command's parameter is a literal, or the whole
 * of one field of the alert: `$component` or `$suggested.NAME`. There is no other text from a gateway in a command, and
 * none is put together from parts.
 */
const placeholder = /^\$(component|suggested\.([A-Za-z]{1,64}))$/;
const parameter = z.union([
  z.number(),
  z.boolean(),
  z
    .string()
    .max(1_024)
    .refine(
      (text) => !text.startsWith('$') || placeholder.test(text),
      'only $component and $suggested.NAME stand for something',
    ),
]);
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** `90s`, `15m`, `24h`, `7d`; ms once it is read. */
const duration = (minMs: number, maxMs: number) =>
  z
    .string()
    .refine((text) => durationMsOf(text) !== undefined, 'a duration such as 90s, 15m, 24h or 7d')
    .transform((text) => durationMsOf(text) ?? 0)
    .refine(
      (ms) => ms >= minMs && ms <= maxMs,
      `${writtenDuration(minMs)} to ${writtenDuration(maxMs)} are allowed`,
    );
/** Text with `*` for any characters. */
const pattern = z.string().min(1).max(80);
const some = <T extends z.ZodType>(each: T) => z.array(each).min(1).max(200);
const conditionId = z.string().refine((id) => conditionById.has(id), {
  error: ({ input }) => {
    const given = String(input);
    const list = `\`${typed('holdfast alerts conditions list')}\` lists them`;
    return `no condition "${given.slice(0, 64)}"; ${didYouMean(given, conditionIds, list)}`;
  },
});

/** Which alerts of the condition a play is for; what it is not for, the plays below it may be for. */
const matchSchema = z.strictObject({
  severities: some(z.enum(severities)).optional(),
  gatewayIds: some(z.string().max(64)).optional(),
  gatewayNames: some(pattern).optional(),
  components: some(z.string().max(128)).optional(),
});

/** What must hold at the moment of acting; while it does not, the play waits. */
const whenSchema = z.strictObject({
  connected: z.boolean().optional(),
  agentVersions: some(pattern).optional(),
  /** The gateway's own windows: work that is expected is not disturbed. */
  maintenance: z.enum(['outside', 'inside', 'any']).default('outside'),
  /** While people have the alert silenced. */
  silenced: z.enum(['wait', 'act']).default('wait'),
  during: z
    .strictObject({
      timeZone: timeZoneSchema.optional(),
      windows: z.array(timeWindowSchema).min(1).max(16),
    })
    .optional(),
  /** Of the volume that the alert is about. */
  volume: z
    .strictObject({
      states: some(z.enum(volumeStates)).optional(),
      failures: some(z.enum(volumeFailures)).optional(),
      hasSnapshot: z.boolean().optional(),
      isUploading: z.boolean().optional(),
    })
    .optional(),
  /** Of the gateway's newest status; one that it does not report is not met. */
  metrics: z
    .record(
      z.string().min(1).max(64),
      z.strictObject({ atLeast: z.number().optional(), below: z.number().optional() }),
    )
    .optional(),
});

const playSchema = z
  .strictObject({
    condition: conditionId,
    command: z.strictObject({
      kind: z.enum(commandKinds),
      params: z.record(z.string().max(64), parameter).default({}),
    }),
    /** `heal`: a later status has to resolve the alert. `evidence`: the command collects what a person then looks at. */
    purpose: z.enum(['heal', 'evidence']).default('heal'),
    match: matchSchema.prefault({}),
    when: whenSchema.prefault({}),
    /** The play is at work on that many gateways at most. @default - any number */
    gatewaysAtOnce: z.number().int().min(1).max(10_000).optional(),
    /** How long `when` and `gatewaysAtOnce` are waited for. */
    giveUpAfter: duration(minuteMs, 30 * dayMs).default(dayMs),
    /** Least time between two tries for one alert. */
    cooldown: duration(0, 7 * dayMs).default(10 * minuteMs),
    /** Tries for one episode of the alert. */
    maxTries: z.number().int().min(1).max(2).default(2),
    /** Within it after the command's success a later status must have resolved the alert. */
    confirmWithin: duration(1_000, 7 * dayMs).default(hourMs),
  })
  .superRefine((play, context) => {
    const issue = (path: string[], message: string): void =>
      context.addIssue({ code: 'custom', path, message });
    checkCommand(play, issue);
    const scope = conditionById.get(play.condition)?.scope;
    if (play.when.volume && scope !== 'volume')
      issue(['when', 'volume'], `${play.condition} is about a ${scope}, not about a volume`);
  })
  .transform(({ giveUpAfter, cooldown, confirmWithin, ...play }) => ({
    ...play,
    giveUpAfterMs: giveUpAfter,
    cooldownMs: cooldown,
    confirmWithinMs: confirmWithin,
  }));

type Issue = (path: string[], message: string) => void;

/** Placeholders take a value that every identifier may have: what is left to check are names, literals and their sense. */
function checkCommand(
  {
    condition,
    command: { kind, params },
  }: Pick<z.input<typeof playSchema>, 'condition'> & Pick<Play, 'command'>,
  issue: Issue,
): void {
  const sample = Object.fromEntries(
    Object.entries(params).map(([name, value]) => [name, isPlaceholder(value) ? 'sample' : value]),
  );
  const parsed = commandSpecs[kind].params.safeParse(sample);
  if (!parsed.success) issue(['command', 'params'], plainIssues(parsed.error, sample, kind));
  const scope = conditionById.get(condition)?.scope;
  for (const [name, value] of Object.entries(params))
    if (value === '$component' && (scope === 'gateway' || (name === 'volumeId' && scope !== 'volume')))
      issue(['command', 'params', name], `${condition} is about a ${scope}: $component is no ${name}`);
}

export const playbookSchema = z
  .strictObject({
    version: z.literal(1),
    plays: z.array(playSchema).max(200),
    /** Conditions that are left to people, each with the reason. */
    none: z.partialRecord(conditionId, z.string().min(1).max(500)).default({}),
  })
  .superRefine(({ plays, none }, context) => {
    for (const [i, { condition }] of plays.entries()) {
      if (Object.hasOwn(none, condition))
        context.addIssue({
          code: 'custom',
          path: ['none', condition],
          message: `plays[${i}] is for ${condition}`,
        });
      const before = plays.findIndex(
        (play, at) => at < i && play.condition === condition && takesAll(play.match),
      );
      if (before >= 0)
        context.addIssue({
          code: 'custom',
          path: ['plays', i],
          message: `it is never reached: plays[${before}] takes every ${condition}`,
        });
    }
  });
export type Play = z.infer<typeof playSchema>;
export type Playbook = z.infer<typeof playbookSchema>;

const takesAll = (match: Play['match']): boolean =>
  Object.values(match).every((value) => value === undefined);

export const isPlaceholder = (value: unknown): value is string =>
  typeof value === 'string' && placeholder.test(value);

/** The parameter's name in `$suggested.NAME`. */
export const suggestedNameOf = (text: string): string | undefined => placeholder.exec(text)?.[2];

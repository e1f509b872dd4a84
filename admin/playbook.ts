import { readFile, stat } from 'node:fs/promises';
import { z } from 'zod';
import type { AlertView } from '../core/api.ts';
import { commandKinds, commandSpecs, type CommandKind } from '../core/command-kinds.ts';
import { conditionById } from '../core/conditions/conditions.ts';
import { HoldfastError } from '../core/errors.ts';
import { severities } from '../core/model.ts';
import { plainIssues } from '../core/plain-issues.ts';

/**
 * A playbook: condition → command. A parameter is a literal, or the whole of one field of the alert: `$component` or
 * `$suggested.NAME`. There is no other text from a gateway in a command, and none is put together from parts.
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
const dayMs = 24 * 60 * minuteMs;

const playSchema = z
  .strictObject({
    condition: z.string().refine((id) => conditionById.has(id), {
      error: ({ input }) =>
        `no condition "${String(input)}"; there are ${[...conditionById.keys()].join(', ')}`,
    }),
    command: z.strictObject({
      kind: z.enum(commandKinds),
      params: z.record(z.string().max(64), parameter).default({}),
    }),
    /** What must hold as well; absent: nothing more. */
    when: z
      .strictObject({
        severities: z.array(z.enum(severities)).min(1).optional(),
        gatewayIds: z.array(z.string().max(64)).min(1).optional(),
        components: z.array(z.string().max(128)).min(1).optional(),
      })
      .default({}),
    /** Least time between two tries for one alert, ms. */
    cooldownMs: z
      .number()
      .int()
      .min(0)
      .max(7 * dayMs)
      .default(10 * minuteMs),
    /** Tries for one episode of the alert. */
    maxTries: z.number().int().min(1).max(2).default(2),
    /** Within it after the command's success a later status must have resolved the alert, ms. */
    confirmWithinMs: z
      .number()
      .int()
      .min(1_000)
      .max(7 * dayMs)
      .default(60 * minuteMs),
  })
  .superRefine(({ command: { kind, params } }, context) => {
    // Placeholders take a value that every identifier may have: what is left to check are names and literals.
    const sample = Object.fromEntries(
      Object.entries(params).map(([name, value]) => [name, isPlaceholder(value) ? 'sample' : value]),
    );
    const parsed = commandSpecs[kind].params.safeParse(sample);
    if (!parsed.success)
      context.addIssue({
        code: 'custom',
        path: ['command', 'params'],
        message: plainIssues(parsed.error, sample),
      });
  });
export const playbookSchema = z.strictObject({
  version: z.literal(1),
  plays: z.array(playSchema).min(1).max(200),
});
export type Play = z.infer<typeof playSchema>;
export type Playbook = z.infer<typeof playbookSchema>;

const playbookBytesMax = 1024 * 1024;

/** A pipe or a device may never end. */
async function readSmallFile(file: string): Promise<string> {
  const info = await stat(file);
  if (info.isFile() && info.size <= playbookBytesMax) return readFile(file, 'utf8');
  throw new HoldfastError('CONFIG', `playbook ${file} is no file of at most ${playbookBytesMax} bytes`, {
    hint: 'see docs/playbooks.md',
  });
}

/** Reads and checks a playbook. Throws NOT_FOUND or CONFIG that names the file and every problem in it. */
export async function readPlaybook(file: string): Promise<Playbook> {
  const text = await readSmallFile(file).catch((cause: unknown) => {
    if (cause instanceof HoldfastError) throw cause;
    throw new HoldfastError('NOT_FOUND', `playbook ${file} cannot be read`, {
      hint: 'check --playbook',
      cause,
    });
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new HoldfastError('CONFIG', `playbook ${file} is not JSON: ${(cause as Error).message}`, {
      hint: 'see docs/playbooks.md',
      cause,
    });
  }
  const parsed = playbookSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new HoldfastError('CONFIG', `playbook ${file}: ${plainIssues(parsed.error, json)}`, {
    hint: 'see docs/playbooks.md',
  });
}

/** The first play for this alert. */
export const playFor = (playbook: Playbook, alert: AlertView): Play | undefined =>
  playbook.plays.find(
    ({ condition, when }) =>
      condition === alert.conditionId &&
      (when.severities?.includes(alert.severity) ?? true) &&
      (when.gatewayIds?.includes(alert.gatewayId) ?? true) &&
      (when.components?.includes(alert.component) ?? true),
  );

export interface PlannedCommand {
  kind: CommandKind;
  params: Record<string, string | number | boolean>;
}

/** The play's command for this alert. Throws INVALID_INPUT where the alert's field is no such parameter. */
export function commandFor({ command }: Play, alert: AlertView): PlannedCommand {
  const params: PlannedCommand['params'] = {};
  for (const [name, value] of Object.entries(command.params)) {
    const filled = isPlaceholder(value) ? fieldOf(alert, value) : value;
    if (filled === undefined)
      throw new HoldfastError('INVALID_INPUT', `alert ${alert.alertKey} has no ${String(value).slice(1)}`, {
        hint: 'give the parameter a value in the playbook',
      });
    params[name] = filled;
  }
  const parsed = commandSpecs[command.kind].params.safeParse(params);
  if (parsed.success) return { kind: command.kind, params };
  throw new HoldfastError(
    'INVALID_INPUT',
    `alert ${alert.alertKey} does not fit ${command.kind}: ${plainIssues(parsed.error, params)}`,
    { hint: 'act by hand: the gateway reported a name that is none' },
  );
}

const isPlaceholder = (value: unknown): value is string =>
  typeof value === 'string' && placeholder.test(value);

function fieldOf(alert: AlertView, text: string): string | number | undefined {
  if (text === '$component') return alert.component;
  const name = placeholder.exec(text)?.[2];
  const params = alert.suggested?.params;
  return name !== undefined && params && Object.hasOwn(params, name) ? params[name] : undefined;
}

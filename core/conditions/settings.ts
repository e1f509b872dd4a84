import { z } from 'zod';
import { writtenDuration } from '../duration.ts';
import { severities, type Severity } from '../model.ts';
import { durationText } from '../readable.ts';
import { storableNumber } from '../storable.ts';
import { isClear, type Condition, type Unit } from './condition.ts';
import { conditions } from './conditions.ts';
import { farMs } from './prediction.ts';
import type { ConditionLimits } from './signals.ts';

/** What a tenant wants otherwise of one condition; what is absent is as the table has it. */
export const overrideSchema = z.strictObject({
  raiseAt: storableNumber.optional(),
  clearAt: storableNumber.optional(),
  forMs: z
    .number()
    .int()
    .nonnegative()
    .max(7 * 24 * 3_600_000)
    .optional(),
  severity: z.enum(severities).optional(),
  /** True: it is not looked for. */
  isOff: z.boolean().optional(),
});
export type ConditionOverride = z.infer<typeof overrideSchema>;

/** As it is stored, perhaps by a later version. */
const storedSchema = z.looseObject(overrideSchema.shape);

/** `ifVersion`: CONFLICT unless the tenant's settings have this version; 0: unless there are none. */
export const putConditionSchema = overrideSchema.extend({
  ifVersion: z.number().int().nonnegative().optional(),
});

/** ConditionSettings table: pk `tenantId`; there is none before the first is set. */
export interface ConditionSettingsItem {
  tenantId: string;
  /** Optimistic concurrency: every write asserts and raises it. */
  version: number;
  /** By the condition's id. */
  overrides: Record<string, ConditionOverride>;
}

type WindowLimit = Pick<ConditionLimits, 'reconnectWindowMs'>;

const bounds: Record<Exclude<Unit, 'flag'>, readonly [least: number, most: number]> = {
  share: [0, 1],
  ms: [0, 366 * 24 * 3_600_000],
  count: [0, 1_000_000_000],
  perSec: [0, 1_000_000_000],
  celsius: [0, 150],
  score: [0, 1_000],
};

/** Why something cannot be set, and what can. */
export interface OverrideProblem {
  readonly message: string;
  readonly hint: string;
}

/** Why the override cannot stand; undefined: it can. */
export function overrideProblem(
  row: Condition,
  override: ConditionOverride,
  limits: WindowLimit,
): OverrideProblem | undefined {
  const { id, unit } = row;
  if (row.alerts === false)
    return {
      message: `${id} raises no alert, so there is nothing to set`,
      hint: 'set one that raises alerts: the list shows its severity',
    };
  const problem = thresholdsProblem(row, override);
  if (problem) return problem;
  // Gateways do not name what is clear by the table: of anything beyond nothing would be known.
  const clearAt = override.clearAt ?? row.clearAt;
  if (row.listed && !isClear({ ...row, clearAt }, row.clearAt)) {
    const [laxer, beyond] = row.worse === 'below' ? ['lower', 'above'] : ['higher', 'below'];
    const bound = `${valueText(unit, row.clearAt)} or ${laxer}`;
    return {
      message: `${id} clears at ${bound}: gateways tell nothing ${beyond} that`,
      hint: `let it clear at ${bound}`,
    };
  }
  const forMinMs = row.forMinMs?.(limits) ?? 0;
  if (override.forMs !== undefined && override.forMs < forMinMs)
    return {
      message: `${id} waits for ${durationText(forMinMs)} at least: within it every gateway of a lost cell has dialed again`,
      hint: `let it wait for ${writtenDuration(forMinMs)} or longer`,
    };
  return undefined;
}

function thresholdsProblem(row: Condition, override: ConditionOverride): OverrideProblem | undefined {
  const { id, unit, worse } = row;
  const thresholds = [override.raiseAt, override.clearAt].filter((value) => value !== undefined);
  if (unit === 'flag')
    return thresholds.length === 0
      ? undefined
      : {
          message: `${id} is either so or not: it has no thresholds`,
          hint: 'set how long it must last or its severity, or switch it off',
        };
  const [least, most] = worse === 'below' && unit === 'ms' ? [0, farMs] : bounds[unit];
  if (thresholds.some((value) => value < least || value > most))
    return {
      message: `a threshold of ${id} is between ${valueText(unit, least)} and ${valueText(unit, most)}`,
      hint: `by default it is raised ${sideText(row, row.raiseAt)}`,
    };
  const { raiseAt, clearAt } = { ...row, ...override };
  const side = worse === 'below' ? 'above' : 'below';
  if (worse === 'below' ? clearAt > raiseAt : clearAt < raiseAt) return undefined;
  return {
    message: `${id} is raised ${sideText(row, raiseAt)}, so it has to clear ${side} that, and not at ${valueText(unit, clearAt)}`,
    hint: `set both thresholds at once, the one to clear at ${side} the other`,
  };
}

/** The row as the tenant has it; undefined: it is switched off. */
export function effective(
  row: Condition,
  override: ConditionOverride | undefined,
  limits: WindowLimit,
): Condition | undefined {
  // What was valid when it was set need not be after a release that changed the table: then the table holds.
  if (!override || !storedSchema.safeParse(override).success) return row;
  if (overrideProblem(row, override, limits) !== undefined) return row;
  if (override.isOff) return undefined;
  const { raiseAt = row.raiseAt, clearAt = row.clearAt, severity = row.severity, forMs } = override;
  return { ...row, raiseAt, clearAt, severity, ...(forMs === undefined ? {} : { forMs: () => forMs }) };
}

/** The conditions that are looked for at a tenant's gateways, as it has set them. */
export type RowsOf = (tenantId: string) => readonly Condition[];

/** Made once for each tenant that has settings. An item without any, which is damaged, costs its own tenant's alone. */
export function conditionsByTenant(settings: readonly ConditionSettingsItem[], limits: WindowLimit): RowsOf {
  const tables = new Map(
    settings.map(({ tenantId, overrides }) => [
      tenantId,
      conditions.flatMap(
        (row) => effective(row, (overrides as typeof overrides | undefined)?.[row.id], limits) ?? [],
      ),
    ]),
  );
  return (tenantId) => tables.get(tenantId) ?? conditions;
}

/** What people see of a condition. */
export interface ConditionView {
  conditionId: string;
  about: Condition['scope'];
  measures: string;
  unit: Unit;
  /** `below`: the smaller the value, the worse. */
  worse: 'above' | 'below';
  raiseAt: number;
  clearAt: number;
  forMs: number;
  /** What it may be set to at least. */
  forMinMs: number;
  clearForMs: number;
  severity: Severity;
  isOff: boolean;
  /** False: no alert comes of it. */
  alerts: boolean;
  meaning: string;
  explanation: string;
  suggested?: string;
  /** Section of the runbook: what to do. */
  runbook: string;
  /** What the tenant has set otherwise. */
  override?: ConditionOverride;
}

export function conditionView(
  row: Condition,
  override: ConditionOverride | undefined,
  limits: WindowLimit,
): ConditionView {
  const shown = effective(row, { ...override, isOff: false }, limits) ?? row;
  return {
    conditionId: row.id,
    about: row.scope,
    measures: row.measures,
    unit: row.unit,
    worse: row.worse ?? 'above',
    raiseAt: shown.raiseAt,
    clearAt: shown.clearAt,
    forMs: shown.forMs(limits),
    forMinMs: row.forMinMs?.(limits) ?? 0,
    clearForMs: row.clearForMs,
    severity: shown.severity,
    isOff: override?.isOff ?? false,
    alerts: row.alerts ?? true,
    meaning: row.meaning,
    explanation: row.explanation,
    ...(row.suggested ? { suggested: row.suggested.kind } : {}),
    runbook: runbookOf(row.id),
    ...(override ? { override } : {}),
  };
}

/** Headings become anchors in lower case. */
export const runbookOf = (conditionId: string): string => `docs/runbooks.md#${conditionId.toLowerCase()}`;

/** A threshold as people write it. */
export function valueText(unit: Unit, value: number): string {
  switch (unit) {
    case 'share':
      return `${Number((value * 100).toFixed(2))} %`;
    case 'ms':
      return value > 0 && value < 1_000 ? `${value} ms` : durationText(value);
    case 'perSec':
      return `${value} a second`;
    case 'celsius':
      return `${value} °C`;
    case 'flag':
      return value >= 1 ? 'yes' : 'no';
    default:
      return String(value);
  }
}

const sideText = ({ worse, unit }: Condition, value: number): string =>
  `at ${valueText(unit, value)} and ${worse === 'below' ? 'below' : 'above'}`;

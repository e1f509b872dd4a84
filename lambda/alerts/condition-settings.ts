import type { Answers } from '../../core/api.ts';
import { conditionById, conditionIds, conditions } from '../../core/conditions/conditions.ts';
import {
  conditionView,
  overrideProblem,
  type ConditionOverride,
  type ConditionSettingsItem,
} from '../../core/conditions/settings.ts';
import type { Condition } from '../../core/conditions/condition.ts';
import type { ConditionLimits } from '../../core/conditions/signals.ts';
import { HoldfastError } from '../../core/errors.ts';
import { didYouMean } from '../../core/nearest-names.ts';
import { typed } from '../../core/typed.ts';
import type { ApiRequest } from '../aws/http-handler.ts';
import type { conditionSettingsTable } from '../aws/tables.ts';

export interface ConditionSettingsDeps {
  readonly settings: ReturnType<typeof conditionSettingsTable>;
  readonly limits: Pick<ConditionLimits, 'reconnectWindowMs'>;
}
type Changed = Answers['putCondition'];

const conflictsMax = 5;

/** Every condition as it is for the tenant. */
export async function listConditions(
  { settings, limits }: ConditionSettingsDeps,
  { tenantId }: ApiRequest<'listConditions'>,
): Promise<Answers['listConditions']> {
  const item = await settings.get({ tenantId });
  return {
    version: item?.version ?? 0,
    conditions: conditions.map((row) => conditionView(row, item?.overrides[row.id], limits)),
  };
}

/** Sets a condition otherwise; what the body leaves out goes back to the table's. Throws INVALID_INPUT, CONFLICT. */
export async function putCondition(
  deps: ConditionSettingsDeps,
  { tenantId, params, body: { ifVersion, ...override } }: ApiRequest<'putCondition'>,
): Promise<Changed> {
  const row = requireCondition(params['conditionId']);
  const problem = overrideProblem(row, override, deps.limits);
  if (problem) throw new HoldfastError('INVALID_INPUT', problem.message, { hint: problem.hint });
  const isEmpty = Object.values(override).every((value) => value === undefined);
  return write(deps, tenantId, row, isEmpty ? undefined : override, ifVersion);
}

/** Back to what the table says; no error where it is. */
export function deleteCondition(
  deps: ConditionSettingsDeps,
  { tenantId, params }: ApiRequest<'deleteCondition'>,
): Promise<Changed> {
  return write(deps, tenantId, requireCondition(params['conditionId']), undefined, undefined);
}

/** Over what was read: where somebody was faster it is read again, and `ifVersion` then refuses. */
async function write(
  { settings, limits }: ConditionSettingsDeps,
  tenantId: string,
  row: Condition,
  override: ConditionOverride | undefined,
  ifVersion: number | undefined,
): Promise<Changed> {
  for (let conflict = 0; conflict < conflictsMax; conflict++) {
    const before: ConditionSettingsItem = (await settings.get({ tenantId })) ?? {
      tenantId,
      version: 0,
      overrides: {},
    };
    if (ifVersion !== undefined && ifVersion !== before.version) throw changedSince(before.version);
    const { [row.id]: _old, ...others } = before.overrides;
    const overrides = override ? { ...others, [row.id]: override } : others;
    const version = before.version + 1;
    const written = await settings.put(
      { tenantId, version, overrides },
      before.version === 0
        ? { condition: 'attribute_not_exists(#tenantId)' }
        : { condition: '#version = :before', values: { ':before': before.version } },
    );
    if (written.ok) return { version, condition: conditionView(row, override, limits) };
  }
  throw new HoldfastError('BUSY', 'the settings of conditions change too fast', { hint: 'try again' });
}

function requireCondition(conditionId = ''): Condition {
  const row = conditionById.get(conditionId);
  if (row) return row;
  throw new HoldfastError('NOT_FOUND', `there is no condition ${conditionId.slice(0, 64)}`, {
    hint: didYouMean(conditionId, conditionIds, `\`${typed('holdfast alerts conditions list')}\` lists them`),
  });
}

const changedSince = (version: number) =>
  new HoldfastError('CONFLICT', `the settings of conditions have version ${version} by now`, {
    hint: `look at them with \`${typed('holdfast alerts conditions list')}\`, and set them over that version`,
  });
